"""Leaves take a shorter way to the same answer: Strawberry's own executor is what they are compared with."""

import asyncio
import enum
from typing import Any

import pytest
import strawberry
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from app import graph
from app.graphql import leaves


@strawberry.enum
class Colour(enum.Enum):
    """Two of them."""

    RED = "r"
    BLUE = "b"


def _even(value: int) -> int | None:
    if value < 0:
        raise ValueError("too small")
    return value if value % 2 == 0 else None


Even = strawberry.scalar(name="Even", serialize=_even, parse_value=int)


class _Even(int):
    """What the scalar stands for."""


@strawberry.type
class Thing:
    """Every kind of leaf, and what is none."""

    text: str
    maybe: str | None
    number: int
    colour: Colour
    words: list[str]
    even: _Even
    inner: "Thing | None" = None

    @strawberry.field
    def worked_out(self, times: int = 2) -> str:
        """A resolver with an argument."""
        return self.text * times


class Late:
    """An object whose attribute is not there, or fails."""

    maybe = None
    colour = Colour.RED
    words = ()
    even = 2
    inner = None

    @property
    def number(self) -> int:
        """Fails."""
        raise LookupError("there is no number")


async def _later() -> str:
    return "later"


GOOD: Any = {"text": "a", "maybe": None, "number": 1, "colour": Colour.BLUE, "words": ["x"], "even": 2}
ROOTS: dict[str, Any] = {
    "good": Thing(**GOOD, inner=Thing(**GOOD)),
    "null where none may be": Thing(**{**GOOD, "text": None}),
    "no number": Thing(**{**GOOD, "number": "many"}),
    "no member of the enum": Thing(**{**GOOD, "colour": "green"}),
    "a scalar that gives nothing": Thing(**{**GOOD, "even": 3}),
    "a scalar that raises": Thing(**{**GOOD, "even": -2}),
    "an exception as a value": Thing(**{**GOOD, "text": LookupError("no text")}),
    "a nullable with a wrong value": Thing(**{**GOOD, "maybe": ["a"]}),
    "nothing there, and a property that fails": Late(),
}
DOCUMENT = """{ thing {
  ...all inner { ...all } again: text @skip(if: false) not: text @include(if: false) __typename
} }
fragment all on Thing { text maybe number colour words even workedOut(times: 3) }"""


def schema(**options: Any) -> strawberry.Schema:
    """The things, run by Strawberry's executor or by another one."""

    @strawberry.type
    class Query:
        @strawberry.field
        def thing(self, info: strawberry.Info) -> Thing | None:
            """What the test gives."""
            thing: Thing = info.context
            return thing

    config = strawberry.schema.config.StrawberryConfig(scalar_map={_Even: Even})
    return strawberry.Schema(Query, config=config, **options)


def ours() -> strawberry.Schema:
    """The same with leaves."""
    made = schema(execution_context_class=leaves.LeafExecutor)
    leaves.prepare(made._schema)
    return made


async def answer(schema: strawberry.Schema, root: Any) -> tuple[Any, list[Any]]:
    """Data and errors."""
    result = await schema.execute(DOCUMENT, context_value=root)
    return result.data, [error.formatted for error in result.errors or ()]


@pytest.mark.parametrize("name", ROOTS)
async def test_the_answer_is_strawberrys(name: str) -> None:
    found = await answer(ours(), ROOTS[name])
    assert found == await answer(schema(), ROOTS[name])
    assert bool(found[1]) == (name != "good")


async def test_what_has_to_be_awaited_is() -> None:
    waiting = asyncio.ensure_future(_later())
    data, errors = await answer(ours(), Thing(**{**GOOD, "maybe": waiting}))
    assert (data["thing"]["maybe"], errors) == ("later", [])


def test_the_graph_takes_the_short_way() -> None:
    """Also where Strawberry or graphql-core change: a leaf that is none any more would only be slow."""
    built = graph.build()
    assert issubclass(built.execution_context_class, StrawberryGraphQLCoreExecutionContext)
    short = built._schema.extensions["linkgraph.leaves"]
    assert {("Click", "linkId"), ("Link", "destination"), ("ClickBatch", "cursor")} <= set(short)
    assert ("Click", "link") not in short
    assert short["Click", "linkId"].attribute == "link_id"
