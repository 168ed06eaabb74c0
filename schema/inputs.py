"""Inputs: how fields that may be absent are declared, and what a caller gave of them."""

import dataclasses
from typing import Any

import strawberry
from strawberry import UNSET


def optional(description: str) -> Any:
    """A field of an input that may be absent, which is not the same as null."""
    return strawberry.field(default=UNSET, description=description)


def named(name: str, description: str) -> Any:
    """An optional field whose name is a word of Python."""
    return strawberry.field(default=UNSET, description=description, name=name)


def given(value: Any) -> dict[str, Any]:
    """The fields of an input that the caller gave, null included."""
    found = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {name: value for name, value in found.items() if value is not UNSET}


def written(value: Any) -> Any:
    """An input as the JSON that it was: only what was given, by the API's names."""
    if isinstance(value, list):
        return [written(each) for each in value]
    if not dataclasses.is_dataclass(value):
        return value
    return {name.removesuffix("_"): written(each) for name, each in given(value).items()}
