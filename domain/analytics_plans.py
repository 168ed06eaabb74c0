"""Plans: which roll-ups a question of analytics is read from, and which clicks besides them."""

from typing import Final

import msgspec

from domain.click_filters import ClickFilter
from domain.dimensions import Dimension
from domain.matches import Match
from domain.periods import Period
from domain.rollups import ATTRIBUTE_MARK, HOUR_MS, WORKSPACE, Scope, ScopeKind

MINUTE_MS: Final = 60_000
_SCOPES: Final = {
    Dimension.LINK: ScopeKind.LINK,
    Dimension.CAMPAIGN: ScopeKind.CAMPAIGN,
    Dimension.TEMPLATE: ScopeKind.TEMPLATE,
    Dimension.TAG: ScopeKind.TAG,
}
"""What has roll-ups of its own, those with the fewest clicks first."""
SEVERAL_VALUES: Final = frozenset({Dimension.TAG, Dimension.ATTRIBUTE})
"""The dimensions in which one click may have several values."""


class Limited(msgspec.Struct, frozen=True):
    """A dimension with the values that it may have, as roll-ups name them."""

    by: Dimension
    values: frozenset[str]


class Plan(msgspec.Struct, frozen=True):
    """How the clicks of a filter are found in roll-ups.

    Args:
        scopes: whose counts are added up, all of one kind; none: the filter matches nothing.
        limited: what the filter limits besides them; None: nothing.
        enough: false where the filter asks for more than roll-ups know: clicks have to be read one by one.
    """

    scopes: tuple[Scope, ...]
    limited: Limited | None = None
    enough: bool = True


class Cut(msgspec.Struct, frozen=True):
    """A period, cut into whole hours and what stands over at its ends.

    Args:
        covers: the period.
        whole: the first hour since the Unix epoch, and the one behind the last; None: there are none.
        ends: the rest, at most two periods.
    """

    covers: Period
    whole: tuple[int, int] | None
    ends: tuple[Period, ...]


def plan(wanted: ClickFilter) -> Plan:
    """How clicks are found whose kinds do not matter: roll-ups count each kind apart."""
    conditions = _conditions(wanted)
    if wanted.kinds == frozenset() or any(not values for values in conditions.values()):
        return Plan(())
    scopes: tuple[Scope, ...] = (WORKSPACE,)
    for dimension, kind in _SCOPES.items():
        values = conditions.get(dimension)
        if values is not None and (dimension is not Dimension.TAG or len(values) == 1):
            scopes = tuple(Scope(kind, value) for value in sorted(values))
            del conditions[dimension]
            break
    if wanted.attribute is None and not conditions:
        return Plan(scopes)
    return _limited(scopes, conditions, wanted.attribute)


def _conditions(wanted: ClickFilter) -> dict[Dimension, frozenset[str]]:
    given = {
        Dimension.LINK: wanted.link_ids,
        Dimension.CAMPAIGN: None if wanted.campaign_id is None else {wanted.campaign_id},
        Dimension.TEMPLATE: None if wanted.template_id is None else {wanted.template_id},
        Dimension.TAG: wanted.tags,
        Dimension.COUNTRY: wanted.countries,
        Dimension.DEVICE: wanted.devices,
        Dimension.VARIANT: wanted.variants,
    }
    return {
        dimension: frozenset(map(str, values)) for dimension, values in given.items() if values is not None
    }


def _limited(
    scopes: tuple[Scope, ...],
    conditions: dict[Dimension, frozenset[str]],
    attribute: tuple[str, Match] | None,
) -> Plan:
    """One condition more than roll-ups have scopes for can be read off the values of its dimension."""
    if attribute is not None:
        value = _sole(attribute)
        if value is not None:
            conditions = {**conditions, Dimension.ATTRIBUTE: frozenset({value})}
        elif not conditions:
            return Plan(scopes, enough=False)
    if len(conditions) != 1 or (attribute is not None and Dimension.ATTRIBUTE not in conditions):
        return Plan(scopes, enough=False)
    ((only, values),) = conditions.items()
    told_apart = only not in SEVERAL_VALUES or len(values) == 1  # or a click with two would count twice
    return Plan(scopes, Limited(only, values), enough=told_apart)


def _sole(attribute: tuple[str, Match]) -> str | None:
    """The one value that is asked for, as roll-ups have it; None: it is not as simple as that."""
    name, match = attribute
    if match.among is None or len(match.among) > 1 or match.ranged or match.exists is not None:
        return None
    return f"{name}{ATTRIBUTE_MARK}{min(match.among)}"


def is_partial(period: Period, wanted: ClickFilter, kept_from: int | None) -> bool:
    """Whether a question may need clicks that are removed by now; roll-ups stay.

    Args:
        kept_from: milliseconds since the Unix epoch; None: clicks are kept for ever.
    """
    if kept_from is None or period.start >= kept_from:
        return False
    found = plan(wanted)
    ends = any(end.start < kept_from for end in cut(period).ends)
    return ends or found.limited is not None or not found.enough


def cut(period: Period) -> Cut:
    """A period cut into whole hours; of one that is open, the hour of its end is whole."""
    return _cut(period, HOUR_MS)


def cut_in_minutes(period: Period) -> tuple[Cut, tuple[Period, ...]]:
    """The whole minutes of a period, cut into whole hours, and what stands over at their ends."""
    minutes = _cut(period, MINUTE_MS)
    if minutes.whole is None:
        return Cut(period, None, ()), minutes.ends
    first, end = minutes.whole
    return _cut(Period(first * MINUTE_MS, end * MINUTE_MS), HOUR_MS), minutes.ends


def _cut(period: Period, unit_ms: int) -> Cut:
    closed = Period(period.start, period.end)
    if period.open:
        closed = Period(period.start, -(-period.end // HOUR_MS) * HOUR_MS)
    first, end = -(-closed.start // unit_ms), closed.end // unit_ms
    if first >= end:
        return Cut(closed, None, (closed,))
    ends = (Period(closed.start, first * unit_ms), Period(end * unit_ms, closed.end))
    return Cut(closed, (first, end), tuple(each for each in ends if each.start < each.end))
