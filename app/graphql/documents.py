"""Documents parsed, guarded, validated and priced once for each text; their cache is bounded by bytes."""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from app.graphql import guard
from app.graphql.costs import Operation
from app.graphql.pricing import Reader
from domain.errors import BadRequest, QueryTooComplex

CACHE_BYTES: Final = 32 * 1024 * 1024
TOKEN_BYTES: Final = 500
"""What a parsed token keeps in memory with its node and location (measured: 400 on graphql-core 3.3)."""

MAX_ERRORS: Final = 8
"""Validation stops here: each error may quote a whole value, and printing it takes longer than finding it."""

_RULES: Final = (*specified_rules, MaybeNullValidationRule)
"""Not Strawberry's own oneOf rule, which fails on undefined variables: see _mark_one_of."""
_LIMIT_TEXTS: Final = (
    (re.compile("more than [0-9]+ tokens"), "tokens"),
    (re.compile("more than [0-9]+ comments"), "comments"),
    (re.compile("nested too deeply"), "depth"),
)


class Invalid(Exception):
    """A document that is not valid GraphQL for this schema, with every error found."""

    def __init__(self, errors: Sequence[GraphQLError], code: str = "GRAPHQL_VALIDATION_FAILED") -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)
        self.code = code


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document and its operations by name; an anonymous one is named None."""

    node: DocumentNode
    operations: Mapping[str | None, Operation]

    def operation(self, name: str | None) -> Operation:
        """The operation to run.

        Raises:
            BadRequest: there is no such operation, or several and no name.
        """
        if name is None:
            if len(self.operations) == 1:
                return next(iter(self.operations.values()))
            raise BadRequest(
                "The document holds several operations: 'operationName' must say which one to run."
            )
        if name not in self.operations:
            raise BadRequest(f"The document holds no operation named {name[:64]!r}.")
        return self.operations[name]


class Documents:
    """The valid documents of one schema.

    Args:
        limits: how large a document may be.
        playground: the schema may be asked about, and messages suggest names.
        cache_bytes: memory that parsed documents may keep; the least recently used go first.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: guard.Limits | None = None,
        playground: bool,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        _mark_one_of(schema)
        self._schema = schema
        self._limits = limits or guard.Limits()
        self._playground = playground
        self._room = cache_bytes
        self._known: OrderedDict[str, Document] = OrderedDict()

    def knows(self, text: str) -> bool:
        """Whether reading `text` is no work any more."""
        return text in self._known

    def read(self, text: str) -> Document:
        """The document of a text.

        Raises:
            QueryTooComplex: it breaks one of the limits.
            Invalid: it does not parse or validate.
        """
        document = self._known.get(text)
        if document is not None:
            self._known.move_to_end(text)
            return document
        document = self._validated(self._parsed(text))
        self._keep(text, document)
        return document

    def _parsed(self, text: str) -> DocumentNode:
        limits = self._limits
        if len(text) > limits.characters:
            raise QueryTooComplex(
                f"The document breaks the limit on characters: {len(text)} found,"
                f" {limits.characters} allowed."
            )
        if re.search(f"[0-9]{{{limits.digits + 1}}}", text):
            raise QueryTooComplex(
                f"The document breaks the limit on digits: {limits.digits} allowed in a row."
            )
        try:
            node = parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.comments)
        except GraphQLSyntaxError as error:
            for pattern, name in _LIMIT_TEXTS:
                if pattern.search(error.message):
                    raise QueryTooComplex(
                        f"The document breaks the limit on {name}: {getattr(limits, name)} allowed."
                    ) from error
            raise Invalid([error]) from error
        guard.check(node, limits)
        return node

    def _validated(self, node: DocumentNode) -> Document:
        errors = validate(
            self._schema, node, _RULES, max_errors=MAX_ERRORS, hide_suggestions=not self._playground
        )
        if errors:
            raise Invalid(errors)
        fragments = {
            definition.name.value: definition
            for definition in node.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        reader = Reader(self._schema, fragments)
        operations = {
            definition.name.value if definition.name else None: reader.read(definition)
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        if not self._playground and any(operation.introspects for operation in operations.values()):
            raise Invalid([GraphQLError("The schema is not to be asked about here: introspection is off.")])
        return Document(node, operations)

    def _keep(self, text: str, document: Document) -> None:
        self._known[text] = document
        self._room -= _weight(text, document)
        while self._room < 0:
            self._room += _weight(*self._known.popitem(last=False))


def _mark_one_of(schema: GraphQLSchema) -> None:
    """Let graphql-core validate `@oneOf` inputs itself: Strawberry tells only its own rule which they are."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            definition = kind.extensions.get("strawberry-definition")
            kind.is_one_of = bool(getattr(definition, "is_one_of", False))


def _weight(text: str, document: Document) -> int:
    return len(text) * 4 + document.node.token_count * TOKEN_BYTES
