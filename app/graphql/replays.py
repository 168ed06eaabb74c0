"""What a mutation gave, as it is remembered: objects by their ids, to be read again when it is replayed."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from graphql import GraphQLSchema

from domain.errors import ApiError
from schema.nodes import Node

Load = Callable[[str, Any], Awaitable[Any]]
"""Reads the object of an id with a context; None where it is gone."""

SECRET: Final = "secret"  # noqa: S105 - the name of a mark
"""Metadata of fields that are shown once: they are not remembered, and null when replayed."""


class Replayed(ApiError):
    """What a mutation threw, thrown again."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class Memory:
    """Writes what mutations of one schema gave, and reads it again.

    Args:
        schema: graphql-core's schema, whose Strawberry types are the objects that may stand in an answer.
        load: reads objects that have an id.
    """

    def __init__(self, schema: GraphQLSchema, load: Load) -> None:
        self._load = load
        definitions = {
            name: (kind.extensions or {}).get("strawberry-definition")
            for name, kind in schema.type_map.items()
        }
        origins = {name: getattr(definition, "origin", None) for name, definition in definitions.items()}
        self._classes: Mapping[str, Any] = {
            name: origin for name, origin in origins.items() if dataclasses.is_dataclass(origin)
        }
        self._names: Mapping[type, str] = {kind: name for name, kind in self._classes.items()}

    def written(self, value: Any) -> bytes:
        """What a field of a mutation gave.

        Raises:
            TypeError: it holds something that is neither data nor an object of the schema.
        """
        return msgspec.json.encode(self._plain(value))

    def thrown(self, error: ApiError) -> bytes:
        """What a field of a mutation threw."""
        return msgspec.json.encode({"code": error.code, "status": error.status, "message": error.message})

    async def read(self, remembered: bytes, context: Any) -> Any:
        """What was written, with its objects as they are now.

        Raises:
            Replayed: it was thrown.
        """
        plain = msgspec.json.decode(remembered)
        if isinstance(plain, dict) and "code" in plain:
            raise Replayed(**plain)
        return await self._whole(plain, context)

    def _plain(self, value: Any) -> Any:
        if value is None or isinstance(value, str | int | float):
            return value
        if isinstance(value, Node):
            return {"node": value.id}
        if isinstance(value, list | tuple):
            return [self._plain(row) for row in value]
        if isinstance(value, Mapping):
            return {"json": value}
        name = self._names.get(type(value))
        if name is None:
            raise TypeError(f"{type(value).__name__} cannot be remembered under an Idempotency-Key")
        return {"type": name, "fields": self._fields(value)}

    def _fields(self, value: Any) -> dict[str, Any]:
        return {
            field.name: None if field.metadata.get(SECRET) else self._plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.init
        }

    async def _whole(self, plain: Any, context: Any) -> Any:
        if isinstance(plain, list):
            return await asyncio.gather(*(self._whole(row, context) for row in plain))
        if not isinstance(plain, dict):
            return plain
        if "node" in plain:
            return await self._load(plain["node"], context)
        if "json" in plain:
            return plain["json"]
        names, values = plain["fields"].keys(), plain["fields"].values()
        given = await asyncio.gather(*(self._whole(value, context) for value in values))
        return self._classes[plain["type"]](**dict(zip(names, given, strict=True)))
