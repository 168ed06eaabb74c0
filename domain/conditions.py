"""Conditions: what a rule asks of a visit, one small frozen class each, matched against a Visit's facts.

Here are those that hold other conditions and those on named values; place, visitor and time have files of
their own beside this one, which registers them all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Final, Self

from domain import matches, place_conditions, tables, time_conditions, visitor_conditions
from domain.errors import Rejected
from domain.facts import Facts, Scalar
from domain.grammar import KINDS, NESTING, Asked, Budget, Compiler, Condition, Json, named
from domain.matches import Match, refused
from domain.tables import Bits, Table

__all__ = ["KINDS", "Budget", "Compiler", "place_conditions", "time_conditions", "visitor_conditions"]


MAX_CLICKS: Final = 2**31 - 1
"""What an Int of GraphQL can say."""


def names_of(when: Mapping[str, Json]) -> Iterator[str]:
    """The name of a condition and of those inside it."""
    for name, value in when.items():
        yield name
        for inner in _inside(name, value):
            yield from names_of(inner)


def languages_of(when: Mapping[str, Json]) -> Iterator[str]:
    """Every language that a condition and those inside it name, in lower case."""
    for name, value in when.items():
        if name == "language":
            yield from (each.lower() for each in value)
        for inner in _inside(name, value):
            yield from languages_of(inner)


def _inside(name: str, value: Json) -> list[Json]:
    if name not in NESTING:
        return []
    return value if isinstance(value, list) else [value]


class _Several(Asked, frozen=True):
    tests: tuple[Callable[[Facts], bool], ...]
    """What the conditions inside answer, bound once."""

    @classmethod
    def checked(cls, given: Json, budget: Budget) -> Json:
        if not isinstance(given, list) or not given:
            raise refused("The list is empty; give it conditions or leave it out.")
        made = []
        for place, each in enumerate(given):
            try:
                made.append(budget.checked(each))
            except Rejected as rejected:
                raise Rejected(*(error.under(str(place)) for error in rejected.errors)) from None
        return made

    @classmethod
    def of(cls, value: Json, compiler: Compiler) -> Self:
        return cls(tuple(compiler.compile(each, place).matches for place, each in enumerate(value)))

    def sees(self, _facts: Facts) -> None:
        """Nothing but conditions."""


@named("all")
class All(_Several, frozen=True):
    """Every one of them holds; the first that does not ends the asking."""

    def matches(self, facts: Facts) -> bool:
        """In the order of writing."""
        for test in self.tests:  # noqa: SIM110 - all() of a generator takes twice as long, on the hot path
            if not test(facts):
                return False
        return True


@named("any")
class AnyOf(_Several, frozen=True):
    """One of them holds; the first that does ends the asking."""

    def matches(self, facts: Facts) -> bool:
        """In the order of writing."""
        for test in self.tests:  # noqa: SIM110 - see All
            if test(facts):
                return True
        return False


@named("not")
class Not(Asked, frozen=True):
    """It does not hold."""

    part: Condition

    @classmethod
    def checked(cls, given: Json, budget: Budget) -> Json:
        """One condition."""
        return budget.checked(given)

    @classmethod
    def of(cls, value: Json, compiler: Compiler) -> Self:
        """Of the condition inside."""
        return cls(compiler.compile(value))

    def matches(self, facts: Facts) -> bool:
        """The other answer."""
        return not self.part.matches(facts)

    def sees(self, _facts: Facts) -> None:
        """Nothing but conditions."""


class _Named(Asked, frozen=True):
    """A named value is as the match asks."""

    READS: ClassVar[Callable[[Facts, str], Sequence[Scalar]]]
    """Gives the values of a name."""

    name: str
    match: Match

    @classmethod
    def checked(cls, given: Json, _budget: Budget) -> Json:
        """See matches.checked."""
        return matches.checked(given)

    @classmethod
    def of(cls, value: Json, _compiler: Compiler) -> Self:
        """The match of the name."""
        return cls(value["name"], matches.of(value))

    @classmethod
    def tables(cls, bits: Bits[Self]) -> list[Table]:
        """One look for each name."""
        return [tables.by_match(cls._reader(name), asked) for name, asked in cls._by_name(bits).items()]

    def matches(self, facts: Facts) -> bool:
        """Of several values any."""
        return self.match.holds(type(self).READS(facts, self.name))

    def sees(self, facts: Facts) -> str:
        """Its values."""
        values = type(self).READS(facts, self.name)
        return ", ".join(repr(matches.written(value)[:50]) for value in values)

    @staticmethod
    def _by_name(bits: Bits["_Named"]) -> dict[str, list[tuple[Match, int]]]:
        found: dict[str, list[tuple[Match, int]]] = {}
        for condition, bit in bits:
            found.setdefault(condition.name, []).append((condition.match, bit))
        return found

    @classmethod
    def _reader(cls, name: str) -> Callable[[Facts], Sequence[Scalar]]:
        read = cls.READS
        return lambda facts: read(facts, name)


@named("query")
class Query(_Named, frozen=True):
    """A parameter of the short link's query; of a repeated one any value."""

    READS = Facts.parameter

    @classmethod
    def tables(cls, bits: Bits[Self]) -> list[Table]:
        """One look for each parameter that a visit has."""
        return [tables.by_parameters(cls._by_name(bits))]


@named("attribute")
class Attribute(_Named, frozen=True):
    """An attribute of the link; dots lead into objects, and of a list any value counts."""

    READS = Facts.attribute

    @classmethod
    def tables(cls, bits: Bits[Self]) -> list[Table]:
        """One look at the link."""
        return [tables.once(table) for table in super().tables(bits)]


@named("clicks")
class Clicks(Asked, frozen=True):
    """How many human clicks the link has, as the redirect last heard.

    Args:
        least: at least so many …
        below: … and fewer than so many; None: however many.
    """

    least: int
    below: int | None

    @classmethod
    def checked(cls, given: Json, _budget: Budget) -> Json:
        """One or both bounds."""
        if not isinstance(given, Mapping):
            raise refused("This is an object with gte, lt or both.")
        bounds = {name: _count(given[name], name) for name in ("gte", "lt") if given.get(name) is not None}
        if not bounds:
            raise refused("Nothing is asked of the number; give gte, lt or both.")
        if bounds.get("gte", 0) >= bounds.get("lt", MAX_CLICKS + 1):
            raise refused("No number is at least gte and below lt; set lt above gte.", "lt")
        return bounds

    @classmethod
    def of(cls, value: Json, _compiler: Compiler) -> Self:
        """A bound that is missing is none."""
        return cls(value.get("gte", 0), value.get("lt"))

    @classmethod
    def tables(cls, bits: Bits[Self]) -> list[Table]:
        """One search among all bounds."""
        spans = [(condition.least, condition.below, bit) for condition, bit in bits]
        return [tables.by_span(lambda facts: facts.clicks, spans)]

    def matches(self, facts: Facts) -> bool:
        """By the figure that is known."""
        return self.least <= facts.clicks and (self.below is None or facts.clicks < self.below)

    def sees(self, facts: Facts) -> str:
        """The figure."""
        return f"{facts.clicks} clicks"


def _count(given: Json, name: str) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= MAX_CLICKS:
        raise refused(f"{str(given)[:50]!r} is no whole number from 0 to {MAX_CLICKS:,}.", name)
    return given


@named("signal")
class Signal(_Named, frozen=True):
    """A signal of the workspace at this moment, see domain.signals; before one is set, it does not exist."""

    READS = Facts.signal
