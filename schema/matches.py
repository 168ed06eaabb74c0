"""Matches of named values as the API takes them."""

import strawberry

from schema.inputs import named, optional


@strawberry.input(description="What is asked of a named value: everything given holds for one of its values.")
class MatchInput:
    """A match as it is asked for."""

    name: str = strawberry.field(description="Whose value; in attributes, dots lead into objects.")
    in_: list[str] | None = named("in", "Its text is one of these.")
    gte: float | None = optional("It is a number, and at least this.")
    lt: float | None = optional("It is a number, and below this.")
    exists: bool | None = optional("Whether there has to be a value.")
