"""Folds: clicks on their way into the roll-ups, counted in each of their scopes, hours and dimensions."""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from domain import matches, rollups
from domain.attributes import Scalar
from domain.clicks import NO_UTM, Click, ClickKind, ClicksCommitted
from domain.rollups import ATTRIBUTE_MARK, MAX_VALUE, OTHERS, PARTS, SEVERAL, Hours, Scope, Table
from domain.utm import Utm
from domain.visits import Outcome

MAX_CLICKS: Final = 30_000
"""Clicks of one fold: more of them touch fewer documents a click, but make a longer transaction."""
SMALL_BYTES: Final = 32 * 1024
"""What a scope may have on one day before it is counted in documents of a day and of an hour."""
TABLE_BYTES: Final = 512 * 1024
"""Of one dimension in one document; what comes when it is full counts among OTHERS."""

_LINK: Final = "L"
_PLACES: Final = {
    ClickKind.HUMAN: "0",
    ClickKind.BOT: "2",
    ClickKind.PREFETCH: "3",
    ClickKind.PREVIEW: "4",
    ClickKind.HEAD: "5",
}
"""Where a redirect counts; a unique one at 1, which is one of people too."""
_UNIQUE: Final = "1"
_COUNTS: Final = {place: [0] * int(place) + [1] for place in "02345"} | {_UNIQUE: [1, 1]}
_ROW_BYTES: Final = 16
"""About what the counts of a value take, and the place of its length."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Tables = dict[str, Table]
"""A table for each dimension that occurs, by its field (rollups.FIELDS)."""


class Moved(Exception):
    """The roll-ups do not end where a fold begins: somebody else has folded meanwhile."""


class Lag(msgspec.Struct, frozen=True):
    """Clicks of one feed that the roll-ups do not have yet: those behind `folded`, up to `head`."""

    workspace_id: str
    slot: int
    folded: int
    head: int


class Folds(Protocol):
    """Where clicks are folded into the roll-ups; raises errors.Unavailable while MongoDB is away."""

    async def commit(self, workspace_id: str, fold: "Fold") -> None:
        """Fold, in one transaction; once that has happened doing it again changes nothing. Raises Moved."""
        ...

    async def lagging(self) -> Sequence[Lag]:
        """Every feed of every workspace whose roll-ups lag."""
        ...

    async def unfolded(self, workspace_id: str, slot: int, *, upto: int, limit: int) -> Sequence[Click]:
        """The first clicks of a feed that the roll-ups do not have, in seq order, up to the seq `upto`."""
        ...


class Fold:
    """The counts of a stretch of one feed.

    Args:
        slot: the feed's.
        after: seq of the click before the first.
    """

    def __init__(self, slot: int, after: int) -> None:
        self.slot = slot
        self.after = after
        self.upto = after
        self._counters: dict[tuple[str, int], Counter[str]] = {}

    @property
    def clicks(self) -> int:
        """How many it holds."""
        return self.upto - self.after

    def add(self, committed: ClicksCommitted) -> None:
        """Count the next clicks of the feed."""
        for click in committed.clicks:
            if click.link_id is not None and click.outcome is Outcome.REDIRECT:
                self._count(click, click.link_id)
        self.upto = committed.last

    def tables(self) -> Iterator[tuple[Scope, int, Tables]]:
        """What was counted, by scope and hour since the Unix epoch."""
        for (scope, hour), counter in self._counters.items():
            tables: Tables = {}
            for key, count in counter.items():
                row = [count * each for each in _COUNTS[key[1]]]
                rollups.add(tables.setdefault(key[0], {}), key[2:], row)
            yield Scope(rollups.ScopeKind(scope[0]), scope[1:]), hour, tables

    def _count(self, click: Click, link_id: str) -> None:
        seconds = int((click.at - _EPOCH).total_seconds())
        hour = max(0, seconds // 3600)
        place = _UNIQUE if click.unique else _PLACES[click.kind]
        keys = _keys(click, place, str(seconds % 3600 // 60))
        self._counter("l" + link_id, hour).update(keys)
        keys.append(_LINK + place + link_id)
        self._counter("w", hour).update(keys)
        if click.campaign_id is not None:
            self._counter("c" + click.campaign_id, hour).update(keys)
        if click.template_id is not None:
            self._counter("t" + click.template_id, hour).update(keys)
        for tag in click.tags:
            self._counter("g" + tag, hour).update(keys)

    def _counter(self, scope: str, hour: int) -> Counter[str]:
        counter = self._counters.get((scope, hour))
        if counter is None:
            counter = self._counters[scope, hour] = Counter()
        return counter


def counted(clicks: Iterable[Click]) -> Fold:
    """The counts of clicks that are read one by one."""
    fold = Fold(0, 0)
    fold.add(ClicksCommitted(0, 1, 0, tuple(clicks)))
    return fold


def merged(kept: bytes | None, more: Mapping[int, Table]) -> bytes:
    """A dimension of a document with more counts, by hour of the day; what has no room is among OTHERS."""
    hours: Hours = rollups.decode(kept) if kept else {}
    size = len(kept or b"")
    for hour, counts in more.items():
        table = hours.setdefault(hour, {})
        for value, row in counts.items():
            if value not in table:
                size += len(value.encode()) + _ROW_BYTES
                if size > TABLE_BYTES:
                    rollups.add(table, OTHERS, row)
                    continue
            rollups.add(table, value, row)
    return rollups.encode(hours)


def daily(hours: Mapping[int, Tables]) -> Tables:
    """The tables of a day's hours (0 to 23) as one of the day: minutes become quarters of an hour."""
    whole: Tables = {}
    for hour, tables in hours.items():
        for field, table in tables.items():
            target = whole.setdefault(field, {})
            if field == rollups.TIME:
                for minute, row in table.items():
                    rollups.add(target, str(hour * 4 + int(minute) // 15), row)
            else:
                rollups.added(target, table)
    return whole


def by_field(hours: Mapping[int, Tables]) -> dict[str, dict[int, Table]]:
    """The same tables, by dimension first."""
    fields: dict[str, dict[int, Table]] = {}
    for hour, tables in hours.items():
        for field, table in tables.items():
            fields.setdefault(field, {})[hour] = table
    return fields


def parts(table: Table) -> dict[int, Table]:
    """A table by LINK in its parts."""
    found: dict[int, Table] = {}
    for value, row in table.items():
        found.setdefault(part(value), {})[value] = row
    return found


def part(link_id: str) -> int:
    """In which part of a table by LINK a link stands."""
    return zlib.crc32(link_id.encode()) % PARTS


def size(hours: Mapping[int, Tables]) -> int:
    """About how many bytes a document of these tables has."""
    return sum(
        len(value) + _ROW_BYTES for tables in hours.values() for table in tables.values() for value in table
    )


def _keys(click: Click, place: str, minute: str) -> list[str]:
    """Where a click counts within each of its scopes: a dimension's field, the place, and the value."""
    keys = [f"t{place}{minute}", f"d{place}{click.device.value}"]
    for field, value in (
        ("c", click.country),
        ("r", click.region),
        ("y", click.city),
        ("o", click.os),
        ("b", click.browser),
        ("l", click.language),
        ("e", click.referrer),
        ("v", click.variant),
        ("u", click.rule),
        ("n", click.campaign_id),
        ("p", click.template_id),
    ):
        if value is not None:
            keys.append(f"{field}{place}{value[:MAX_VALUE]}")
    if click.utm is not NO_UTM:
        keys += _utm_keys(click.utm, place)
    keys += [f"g{place}{tag[:MAX_VALUE]}" for tag in click.tags]
    keys += [f"g{place}{SEVERAL}"] * (len(click.tags) - 1)
    if click.attributes:
        keys += [f"a{place}{value}" for value in _attribute_values(click.attributes)]
    return keys


def _attribute_values(attributes: Sequence[tuple[str, Scalar]]) -> list[str]:
    """The values of attributes, each with its name."""
    values = list(dict.fromkeys((path, matches.written(value)) for path, value in attributes))
    paths = [path for path, _ in values]
    if len(set(paths)) < len(paths):
        values += [(path, SEVERAL) for place, path in enumerate(paths) if path in paths[:place]]
    return [f"{path}{ATTRIBUTE_MARK}{value}" for path, value in values]


def _utm_keys(utm: Utm, place: str) -> list[str]:
    values = (utm.source, utm.medium, utm.campaign, utm.term, utm.content)
    return [
        f"{field}{place}{value[:MAX_VALUE]}" for field, value in enumerate(values, 1) if value is not None
    ]
