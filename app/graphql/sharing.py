"""Which subscriptions are the same operation: same text, name, variables and rights, wherever they resume."""

import re
from collections.abc import Hashable
from typing import Final

import msgspec
from graphql import DocumentNode, FieldNode, OperationDefinitionNode, VariableNode

from app.graphql.payloads import Call
from domain.access import Viewer

RESUME: Final = "after"
"""The argument that says where a feed is resumed; once a reader has caught up it makes no difference."""
_MENTIONS: Final = 2
_encode = msgspec.json.Encoder(order="deterministic").encode


def identity(call: Call, document: DocumentNode, viewer: Viewer | None) -> Hashable:
    """What makes operations identical: all with one key get the same frames once they have caught up."""
    if viewer is None:
        return None
    resumed = _resume_variable(call, document)
    variables = {name: value for name, value in call.variables.items() if name != resumed}
    return (call.text, call.operation_name, _encode(variables), viewer.workspace_id, viewer.scopes)


def _resume_variable(call: Call, document: DocumentNode) -> str | None:
    """The variable that holds nothing but the cursor: declared, and then used once, by the root field."""
    roots = [
        field
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode)
        for field in operation.selection_set.selections
        if isinstance(field, FieldNode)
    ]
    for field in roots:
        for argument in field.arguments or ():
            if argument.name.value == RESUME and isinstance(argument.value, VariableNode):
                name = argument.value.name.value
                return name if len(re.findall(rf"\${name}\b", call.text)) == _MENTIONS else None
    return None
