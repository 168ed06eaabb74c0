"""Folds: clicks on their way into the roll-ups, counted in each of their scopes, hours and dimensions."""

import functools
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
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
from domain.utm import NAMES
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

_REMEMBERED: Final = 4_096
"""Origins, agents and link versions whose keys are remembered."""
_SHORT: Final = 1_024
"""Bytes of what is remembered of a link version; few are longer, and whoever makes those could make many."""
_pack: Final = msgspec.msgpack.Encoder().encode

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
        self._tallies: dict[tuple[str, int], defaultdict[str, int]] = {}

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
        for click in clicks:
            if click.link_id is None or click.outcome is not Outcome.REDIRECT:
                continue
            seconds = int((click.at - _EPOCH).total_seconds())
            hour = max(0, seconds // 3600)
            scopes, keys = _counted(click, click.link_id, seconds % 3600 // 60)
            for scope in scopes:
                tally = self._tallies.get((scope, hour))
                if tally is None:
                    tally = self._tallies[scope, hour] = defaultdict(int)
                for key in keys:
                    tally[key] += 1

    def tallies(self) -> Iterator[tuple[Scope, int, Mapping[str, int]]]:
        """What was counted, by scope and hour since the Unix epoch; keys begin with a dimension's field."""
        for (scope, hour), tally in self._tallies.items():
            yield Scope(ScopeKind(scope[0]), scope[1:]), hour, tally


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


def _counted(click: Click, link_id: str, minute: int) -> tuple[Sequence[str], Sequence[str]]:
    """Where a click counts, each as its kind and id, and as what it counts there.

    That is a dimension's field, the place, and the value. Texts that were made before are not made and hashed
    again.
    """
    place = UNIQUE if click.unique else PLACES[click.kind]
    names = (click.campaign_id, click.template_id, click.variant, click.rule)
    utm = None if click.utm is NO_UTM else click.utm
    packed = _pack((*names, click.tags, click.attributes, utm))
    scopes, belonging = (_kept_version if len(packed) <= _SHORT else _of_version)(place, packed)
    keys = [
        *(f"{TIME}{place}{minute}", f"{_LINK}{place}{link_id}"),
        *_kept_keys("cryl", place, click.country, click.region, click.city, click.language),
        *_kept_keys("dob", place, click.device, click.os, click.browser),
        *belonging,
    ]
    if click.referrer is not None:
        keys.append(f"e{place}{click.referrer[:MAX_VALUE]}")
    return ("l" + link_id, *scopes), keys


def _of_version(place: str, packed: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The scopes and keys that a click has by the version of its link.

    Args:
        place: see PLACES.
        packed: campaign, template, variant, rule, tags, attributes and UTM parameters in MessagePack, where
            true is not 1, as it is in a comparison.
    """
    *names, tags, attributes, utm = msgspec.msgpack.decode(packed)
    campaign_id, template_id, *_ = names
    owners = [kind + owner for kind, owner in (("c", campaign_id), ("t", template_id)) if owner is not None]
    scopes = ["w", *owners, *("g" + tag for tag in tags)]
    keys = [*_keys("npvu", place, *names), *(f"g{place}{tag[:MAX_VALUE]}" for tag in tags)]
    keys += [f"g{place}{SEVERAL}"] * (len(tags) - 1)
    keys += [f"a{place}{value}" for value in _attribute_values(attributes)]
    keys += _keys("12345", place, *(utm[name] for name in NAMES)) if utm else ()
    return tuple(scopes), tuple(keys)


def _keys(fields: str, place: str, *values: str | None) -> tuple[str, ...]:
    """The keys of a value for each field, where there is one."""
    named = zip(fields, values, strict=True)
    return tuple(f"{field}{place}{value[:MAX_VALUE]}" for field, value in named if value is not None)


_kept_version = functools.lru_cache(_REMEMBERED)(_of_version)
_kept_keys = functools.lru_cache(_REMEMBERED)(_keys)


def _attribute_values(attributes: Sequence[tuple[str, Scalar]]) -> list[str]:
    """The values of attributes, each with its name."""
    values = list(dict.fromkeys((path, matches.written(value)) for path, value in attributes))
    paths = [path for path, _ in values]
    if len(set(paths)) < len(paths):
        values += [(path, SEVERAL) for place, path in enumerate(paths) if path in paths[:place]]
    return [f"{path}{ATTRIBUTE_MARK}{value}" for path, value in values]
