"""The grammar of conditions: their names, how they are vetted, and how they become what is evaluated.

A condition is written as an object with exactly one name, such as {"country": ["GB", "IE"]}: so the API's
ConditionInput has it, so `Rule.when` shows it, and so it is stored.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, ClassVar, Final, Protocol, Self, TypeVar

import msgspec

from domain import tables
from domain.errors import Rejected, UserError, UserErrorCode
from domain.facts import Facts
from domain.matches import listed, refused
from domain.tables import Bits, Table

Json = Any
MAX_DEPTH: Final = 5
MAX_CONDITIONS: Final = 200
"""Conditions of all rules of a link together."""
NESTING: Final = ("all", "any", "not")
"""What holds other conditions."""
MAX_SHOWN: Final = 80
"""Characters of a condition's value in a trace."""


class Condition(Protocol):
    """What is asked of a visit, ready to be evaluated."""

    def matches(self, facts: Facts) -> bool:
        """Whether it holds; pure, without I/O, in microseconds."""
        ...

    def sees(self, facts: Facts) -> str | None:
        """What it looks at, for `explain`; None for one that looks at other conditions only."""
        ...


class Kind(Condition, Protocol):
    """A class of conditions."""

    DEAR: ClassVar[bool]
    """Whether its fact takes long to find out, so that it is asked only where nothing else decides."""
    SAID: ClassVar[bool]
    """Whether its fact follows from what a visit says of itself (see plans.said) and the minute."""
    DRAWS: ClassVar[bool]
    """Whether the name of its rule has a say."""

    @classmethod
    def checked(cls, given: Json, budget: "Budget") -> Json:
        """What was given in canonical form; raises Rejected with paths below the condition's name."""
        ...

    @classmethod
    def of(cls, value: Json, compiler: "Compiler") -> Self:
        """The condition of a canonical value."""
        ...

    @classmethod
    def tables(cls, bits: Bits[Any]) -> list[Table]:
        """Tables that answer conditions of this kind together, as their `matches` would."""
        ...


KINDS: Final[dict[str, type[Kind]]] = {}
"""Every kind of condition by its name in the API; domain.conditions fills it."""
AnyKind = TypeVar("AnyKind", bound=type[Kind])


def named(name: str) -> Callable[[AnyKind], AnyKind]:
    """Register a class under its name; raises ValueError where that is taken."""

    def register(kind: AnyKind) -> AnyKind:
        if name in KINDS:
            raise ValueError(f"two conditions are called {name!r}")
        KINDS[name] = kind
        return kind

    return register


class Budget:
    """How many conditions the rules of one link may still have, and how deep the next one stands."""

    def __init__(self) -> None:
        self._left = MAX_CONDITIONS
        self._depth = 0

    def checked(self, given: Json) -> dict[str, Json]:
        """One condition in canonical form.

        Raises:
            Rejected: with the path of what breaks a rule.
        """
        self._left -= 1
        if self._left < 0:
            raise _limited(f"The link's rules have more than {MAX_CONDITIONS} conditions.")
        if self._depth == MAX_DEPTH:
            raise _limited(f"Conditions are nested more than {MAX_DEPTH} levels deep.")
        if not isinstance(given, Mapping) or len(given) != 1:
            raise refused('A condition is an object with exactly one name, as in {"country": ["GB"]}.')
        ((name, value),) = given.items()
        if name not in KINDS:
            raise refused(f"{str(name)[:50]!r} is no condition; there are {', '.join(KINDS)}.")
        self._depth += 1
        try:
            return {name: KINDS[name].checked(value, self)}
        except Rejected as rejected:
            raise Rejected(*(error.under(name) for error in rejected.errors)) from None
        finally:
            self._depth -= 1


class Watched:
    """A condition that remembers what it answered; only what `explain` compiles is watched.

    Args:
        text: where the condition stands, and what it asks.
    """

    condition: Condition

    def __init__(self, text: str) -> None:
        self.text = text
        self.answer: bool | None = None
        self._seen: str | None = None

    def matches(self, facts: Facts) -> bool:
        """The answer of the condition itself."""
        self.answer = self.condition.matches(facts)
        self._seen = self.condition.sees(facts)
        return self.answer

    def sees(self, facts: Facts) -> str | None:
        """What the condition itself sees."""
        return self.condition.sees(facts)

    def told(self) -> str:
        """The line of a trace."""
        if self.answer is None:
            return f"{self.text}: not asked"
        seen = "" if self._seen is None else f", the visit has {self._seen or 'none'}"
        return f"{self.text}: {'yes' if self.answer else 'no'}{seen}"


class Compiler(msgspec.Struct, frozen=True):
    """Makes the conditions of one rule.

    Args:
        seed: what stickiness is drawn for: the link's id and the rule's name.
        watched: gets each condition in the order of reading; None: nobody watches.
        path: where the next condition stands, for those who watch.
    """

    seed: tuple[str, str]
    watched: list[Watched] | None = None
    path: str = ""

    def compile(self, when: Mapping[str, Json], place: int | None = None) -> Condition:
        """The condition of its canonical form.

        Args:
            when: what Budget.checked has passed.
            place: its place in the list that it stands in.
        """
        ((name, value),) = when.items()
        if self.watched is None:
            return KINDS[name].of(value, self)
        path = f"{self.path}{'' if place is None else f'[{place}]'} {name}"
        watched = Watched(path if name in NESTING else f"{path} {_short(value)}")
        self.watched.append(watched)
        watched.condition = KINDS[name].of(value, msgspec.structs.replace(self, path=path))
        return watched


class Asked(msgspec.Struct, frozen=True):
    """What kinds of conditions are that know no better: asked one by one."""

    DEAR: ClassVar[bool] = False
    SAID: ClassVar[bool] = False
    DRAWS: ClassVar[bool] = False

    @classmethod
    def tables(cls, bits: Bits[Any]) -> list[Table]:
        """One that asks each."""
        return [tables.asking([(condition.matches, bit) for condition, bit in bits])]


class OneOf(Asked, frozen=True):
    """A fact of the visit is one of the values: what many conditions are."""

    SAID: ClassVar[bool] = True
    values: frozenset[str]
    LOOKS_AT: ClassVar["attrgetter[str]"]
    """The fact."""
    FOLDS: ClassVar[bool] = False
    """Whether the fact is in folded case, so that the case of values does not count."""
    PROBLEM: ClassVar[str] = "is not accepted here."

    @classmethod
    def tidied(cls, value: str) -> str | None:
        """The value in canonical form, None where it is none of this kind."""
        return value

    @classmethod
    def checked(cls, given: Json, _budget: "Budget") -> Json:
        """A list of values, each of this kind and once."""
        made = []
        for place, value in enumerate(listed(given)):
            tidy = cls.tidied(value.strip())
            if not tidy:
                raise refused(f"{value[:50]!r} {cls.PROBLEM}", str(place))
            made.append(tidy)
        return list(dict.fromkeys(made))

    @classmethod
    def of(cls, value: Json, _compiler: "Compiler") -> Self:
        """The set of the values."""
        return cls(frozenset(each.casefold() if cls.FOLDS else each for each in value))

    @classmethod
    def tables(cls, bits: Bits[Any]) -> list[Table]:
        """One look at the fact."""
        return [tables.by_value(cls.LOOKS_AT, [(condition.values, bit) for condition, bit in bits])]

    def matches(self, facts: Facts) -> bool:
        """Whether the fact is among them."""
        return self.LOOKS_AT(facts) in self.values

    def sees(self, facts: Facts) -> str:
        """The fact."""
        return self.LOOKS_AT(facts)


def _limited(message: str) -> Rejected:
    return Rejected(UserError(UserErrorCode.LIMIT_EXCEEDED, message))


def _short(value: Json) -> str:
    shown = msgspec.json.encode(value).decode()
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…"
