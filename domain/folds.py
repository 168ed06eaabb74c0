"""Folds: clicks on their way into the roll-ups, counted in each of their scopes, hours and dimensions."""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Final, Protocol

import msgspec

from domain import matches, rollups
from domain.attributes import Scalar
from domain.clicks import NO_UTM, Click, ClicksCommitted
from domain.dimensions import Dimension
from domain.rollups import (
    ATTRIBUTE_MARK,
    FIELDS,
    MAX_VALUE,
    OTHERS,
    PARTS,
    PLACES,
    SEVERAL,
    TIME,
    UNIQUE,
    Scope,
    ScopeKind,
    Tally,
)
from domain.utm import Utm
from domain.visits import Outcome

MAX_CLICKS: Final = 30_000
"""Clicks of one fold: more of them touch fewer documents a click, but make a longer transaction."""
SMALL_BYTES: Final = 32 * 1024
"""What a scope may have on one day before it is counted in documents of a day and of an hour."""
TABLE_BYTES: Final = 512 * 1024
"""Of one dimension in one document; what comes when it is full counts among OTHERS."""
SEVERAL_BYTES: Final = 1024 * 1024
"""The same for SEVERAL, which gets in where others do not: without it nobody knows how many clicks rows are.
It is there once for each place and attribute, so only a workspace with very many attributes fills that."""

_LINK: Final = FIELDS[Dimension.LINK]
_KEY_BYTES: Final = 4
"""About what the place, the count and the length of a key take."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Tallies = dict[str, Tally]
"""A tally for each dimension that occurs, by its field (rollups.FIELDS)."""


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

    async def commit_all(self, pieces: Sequence[tuple[str, "Fold"]]) -> None:
        """The same for stretches of many feeds, by workspace: all of them or none. Raises Moved."""
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
        self.count(committed.clicks)
        self.upto = committed.last

    def count(self, clicks: Iterable[Click]) -> None:
        """Count clicks, whichever feeds they are of."""
        found: dict[tuple[str, int], list[list[str]]] = {}
        for click in clicks:
            if click.link_id is not None and click.outcome is Outcome.REDIRECT:
                seconds = int((click.at - _EPOCH).total_seconds())
                hour = max(0, seconds // 3600)
                keys = _keys(click, click.link_id, str(seconds % 3600 // 60))
                for scope in _scopes(click, click.link_id):
                    found.setdefault((scope, hour), []).append(keys)
        for name, lists in found.items():
            counter = self._counters.get(name)
            if counter is None:
                counter = self._counters[name] = Counter()
            counter.update(chain.from_iterable(lists))

    def tallies(self) -> Iterator[tuple[Scope, int, Mapping[str, int]]]:
        """What was counted, by scope and hour since the Unix epoch; keys begin with a dimension's field."""
        for (scope, hour), counter in self._counters.items():
            yield Scope(ScopeKind(scope[0]), scope[1:]), hour, counter


def merged(kept: bytes | None, more: Mapping[int, Mapping[str, int]]) -> bytes:
    """A field of a document with more counts, by hour of the day; what has no room is among OTHERS."""
    apart = rollups.decode_apart(kept) if kept else {}
    hours: dict[int, Tally | msgspec.Raw] = dict(apart)
    size = len(kept or b"")
    for hour, counts in more.items():
        tally = rollups.decode_tally(apart[hour]) if hour in apart else {}
        hours[hour] = tally
        get = tally.get
        for key, count in counts.items():
            before = get(key)
            if before is not None:
                tally[key] = before + count
                continue
            grown = size + len(key.encode()) + _KEY_BYTES
            if grown <= (SEVERAL_BYTES if key.endswith(SEVERAL) else TABLE_BYTES):
                tally[key], size = count, grown
            else:
                tally[key[0] + OTHERS] = get(key[0] + OTHERS, 0) + count
    return rollups.encode(hours)


def daily(hours: Mapping[int, Tallies]) -> Tallies:
    """The tallies of a day's hours (0 to 23) as one of the day: minutes become quarters of an hour."""
    whole: Tallies = {}
    for hour, tallies in hours.items():
        for field, tally in tallies.items():
            target = whole.setdefault(field, {})
            for key, count in tally.items():
                name = f"{key[0]}{hour * 4 + int(key[1:]) // 15}" if field == TIME else key
                target[name] = target.get(name, 0) + count
    return whole


def by_field(tally: Mapping[str, int]) -> Tallies:
    """A tally of every dimension, each dimension apart."""
    found: Tallies = {}
    for key, count in tally.items():
        found.setdefault(key[0], {})[key[1:]] = count
    return found


def parts(tally: Mapping[str, int]) -> dict[int, Tally]:
    """A tally by LINK in its parts."""
    found: dict[int, Tally] = {}
    for key, count in tally.items():
        found.setdefault(zlib.crc32(key[1:].encode()) % PARTS, {})[key] = count
    return found


def size(hours: Mapping[int, Mapping[str, int]]) -> int:
    """About how many bytes a document of these tallies has."""
    return sum(sum(map(len, tally)) + _KEY_BYTES * len(tally) for tally in hours.values())


def _scopes(click: Click, link_id: str) -> list[str]:
    """Where a click counts, each as its kind and id."""
    scopes = ["w", "l" + link_id]
    if click.campaign_id is not None:
        scopes.append("c" + click.campaign_id)
    if click.template_id is not None:
        scopes.append("t" + click.template_id)
    scopes += ["g" + tag for tag in click.tags]
    return scopes


def _keys(click: Click, link_id: str, minute: str) -> list[str]:
    """As what a click counts within each of its scopes: a dimension's field, the place, and the value."""
    place = UNIQUE if click.unique else PLACES[click.kind]
    keys = [f"t{place}{minute}", f"d{place}{click.device.value}", f"{_LINK}{place}{link_id}"]
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
