"""The one way between values and documents: field names stay, only `id` becomes MongoDB's `_id`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

Value = TypeVar("Value", bound=msgspec.Struct)
_NATIVE = (datetime, bytes)


def to_document(value: msgspec.Struct) -> dict[str, Any]:
    """The document of a value; enums become their names, datetimes and bytes stay as BSON has them."""
    document: dict[str, Any] = msgspec.to_builtins(value, builtin_types=_NATIVE)
    if "id" in document:
        return {"_id": document.pop("id"), **document}
    return document


def to_value(document: Mapping[str, Any], kind: type[Value]) -> Value:
    """The value of a document; raises msgspec.ValidationError where the document is not of that shape."""
    fields = dict(document)
    if "_id" in fields:
        fields["id"] = fields.pop("_id")
    return msgspec.convert(fields, kind, builtin_types=_NATIVE)
