"""Scalars of the API beyond GraphQL's own."""

from typing import Any, Final, NewType

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

__all__ = ["JSON", "SCALARS", "BigInt", "DateTime", "Decimal", "Url"]

Url = NewType("Url", str)
DateTime = NewType("DateTime", str)
Decimal = NewType("Decimal", str)
BigInt = NewType("BigInt", int)

_LARGEST: Final = 2**53 - 1


def _text(name: str) -> Any:
    def parse(value: object) -> str:
        if not isinstance(value, str):
            raise GraphQLError(f"{name} must be a string.")
        return value

    return parse


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
        raise GraphQLError("BigInt must be an integer within ±(2^53 - 1).")
    return value


SCALARS: Final[dict[object, ScalarDefinition]] = {
    Url: strawberry.scalar(
        name="URL",
        description="An http or https URL. As an input any string is taken and judged into userErrors.",
        parse_value=_text("URL"),
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description=(
            "RFC 3339; answered in UTC with milliseconds. As an input any string is taken and judged into "
            "userErrors, or refused as BAD_REQUEST in a filter."
        ),
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        parse_value=_text("DateTime"),
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='A decimal number as a string, such as "19.90"; judged into userErrors as an input.',
        parse_value=_text("Decimal"),
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="An integer up to 2^53 - 1, a JSON number: counts that may leave the range of Int.",
        parse_value=_integer,
    ),
}
