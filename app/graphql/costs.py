"""What an operation needs and costs: scopes and points.

An object costs a point, a leaf nothing, a mutation MUTATION_POINTS and a point for each row that it is given,
and a field whose metadata say `cost` that many. What lies below a page counts once for each of its rows: as
many as `first` or `last` ask for, as an argument lists (`ids`, `input`), or as the metadata say (`rows`).
Before an operation runs its price is worked out from the variables; afterwards what came back is charged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import OperationType

from domain.access import Scope
from domain.errors import QueryTooComplex

DEFAULT_PAGE: Final = 50
MAX_PAGE: Final = 250
MUTATION_POINTS: Final = 10
MAX_VALUES: Final = 50_000
"""Leaves of one answer or event; each takes about 2.5 µs, in which the process does nothing else."""


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows a list may have: the most of some numbers and of the variables that hold others."""

    given: tuple[int | str, ...] = ()

    def count(self, variables: Mapping[str, Any]) -> int:
        counts = (each if isinstance(each, int) else _count(variables.get(each)) for each in self.given)
        return max((count for count in counts if count is not None), default=DEFAULT_PAGE)


@dataclass(frozen=True, slots=True)
class Charge:
    """A field's points for each of its rows, with what is selected below it.

    Args:
        points: of the field itself.
        rows: how many there may be of it; None: one.
        parts: the composite fields below it, and leaves that have a price.
        leaves: response keys of the leaves right below it.
        written: the rows that it is given to write, a point each.
    """

    points: int
    rows: Rows | None
    parts: Mapping[str, "Charge"]
    leaves: frozenset[str] = frozenset()
    written: Rows | None = None

    def requested(self, variables: Mapping[str, Any]) -> int:
        """Points if every list is as long as asked for."""
        one = self._own(variables) + sum(part.requested(variables) for part in self.parts.values())
        return one if self.rows is None else one * self.rows.count(variables)

    def actual(self, value: Any, variables: Mapping[str, Any]) -> int:
        """Points of what came back."""
        if isinstance(value, list):
            return sum(self.actual(row, variables) for row in value)
        own = self._own(variables)
        if not isinstance(value, dict):
            return own
        return own + sum(part.actual(value.get(key), variables) for key, part in self.parts.items())

    def values(self, variables: Mapping[str, Any]) -> int:
        """How many leaves there are if every list is as long as asked for."""
        one = len(self.leaves) + sum(part.values(variables) for part in self.parts.values())
        return one if self.rows is None else one * self.rows.count(variables)

    def _own(self, variables: Mapping[str, Any]) -> int:
        return self.points + (0 if self.written is None else self.written.count(variables))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a validated document.

    Args:
        scopes: every scope that a selected field needs.
        introspects: the schema itself is asked about.
        public: nothing but the schema is asked about.
    """

    kind: OperationType
    scopes: frozenset[Scope]
    introspects: bool
    public: bool
    parts: Mapping[str, Charge]

    def requested(self, variables: Mapping[str, Any]) -> int:
        """Points at most, with coerced variables; at least one."""
        return max(1, sum(part.requested(variables) for part in self.parts.values()))

    def actual(self, data: Mapping[str, Any] | None, variables: Mapping[str, Any]) -> int:
        """Points of an answer's data; at least one."""
        found = data or {}
        return max(1, sum(part.actual(found.get(key), variables) for key, part in self.parts.items()))

    def values(self, variables: Mapping[str, Any]) -> int:
        """How many leaves an answer may have: what it keeps the process busy with."""
        return sum(part.values(variables) for part in self.parts.values())

    def check_values(self, variables: Mapping[str, Any]) -> None:
        """Refuse an operation that may have more than MAX_VALUES leaves, with QueryTooComplex."""
        found = self.values(variables)
        if found > MAX_VALUES:
            raise QueryTooComplex(
                f"The operation breaks the limit on values: {found} asked for, {MAX_VALUES} allowed."
                " Ask for fewer fields or smaller pages."
            )


def _count(value: Any) -> int | None:
    if isinstance(value, list):
        return max(len(value), 1)
    return clamped(value) if isinstance(value, int) else None


def clamped(number: int) -> int:
    """The rows that a page of `number` has at most."""
    return min(max(number, 1), MAX_PAGE)
