"""Roll-ups: what is counted of whose clicks, for which hours, and how it is kept."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from struct import Struct
from typing import Final, NamedTuple, Protocol

import msgspec

from domain.clicks import ClickKind
from domain.dimensions import Dimension

HOUR_MS: Final = 3_600_000
HOURS: Final = 24
MINUTE: Final = 1
QUARTER: Final = 15
CELLS: Final = (MINUTE, QUARTER, 60, 60 * HOURS)
"""Minutes, quarters of an hour, hours, UTC days."""
WHOLE_DAY: Final = 24
"""Stands for the hour in what counts a whole UTC day."""
MAX_VALUE: Final = 200
"""Characters of a value that are kept; longer ones are cropped, and alike up to there they are one."""
OTHERS: Final = "\x1f"
"""The value that stands for all that a full table has no room for."""
SEVERAL: Final = "\x1e"
"""The value that counts a click once more for each further value that it has in a dimension, such as a second
tag: the other rows less this one are the clicks that have a value at all."""
ATTRIBUTE_MARK: Final = "\x1f"
"""Between an attribute's name and its value, where both stand in one text."""
TIME: Final = "t"
"""Beside the dimensions: counts by minute of the hour, and in whole days by quarter of an hour of the day."""

KINDS: Final = (
    ClickKind.HUMAN,
    ClickKind.BOT,
    ClickKind.PREFETCH,
    ClickKind.PREVIEW,
    ClickKind.HEAD,
)
"""The order in which a Counts holds the kinds."""

FIELDS: Final[Mapping[Dimension, str]] = {
    Dimension.LINK: "L",
    Dimension.CAMPAIGN: "n",
    Dimension.TEMPLATE: "p",
    Dimension.TAG: "g",
    Dimension.COUNTRY: "c",
    Dimension.REGION: "r",
    Dimension.CITY: "y",
    Dimension.DEVICE: "d",
    Dimension.OS: "o",
    Dimension.BROWSER: "b",
    Dimension.LANGUAGE: "l",
    Dimension.REFERRER: "e",
    Dimension.VARIANT: "v",
    Dimension.RULE: "u",
    Dimension.UTM_SOURCE: "1",
    Dimension.UTM_MEDIUM: "2",
    Dimension.UTM_CAMPAIGN: "3",
    Dimension.UTM_TERM: "4",
    Dimension.UTM_CONTENT: "5",
    Dimension.ATTRIBUTE: "a",
}
"""Where a dimension's table stands in a document. KIND, WEEKDAY and HOUR are read off TIME."""

Counts = list[int]
"""Redirects of people, of these the unique ones, then of the other KINDS; zeroes at the end are left out."""
Table = dict[str, Counts]
"""Counts by value. What has no value is in no row: it is what totals have beyond the rows, see SEVERAL."""
Tally = dict[str, int]
"""A table as it is kept: redirects by place (see PLACES) and value, written one behind the other."""
Hours = dict[int, Tally]
"""A tally for each hour of a UTC day, or one for WHOLE_DAY."""

PLACES: Final[Mapping[ClickKind, str]] = dict(zip(KINDS, "02345", strict=True))
"""Where redirects of a kind stand in a tally …"""
UNIQUE: Final = "1"
"""… and unique ones of people, which are not among PLACES' then."""
_ROWS: Final = {place: [0] * int(place) + [1] for place in PLACES.values()} | {UNIQUE: [1, 1]}


class ScopeKind(StrEnum):
    """Whose clicks are counted together."""

    WORKSPACE = "w"
    CAMPAIGN = "c"
    TEMPLATE = "t"
    TAG = "g"
    LINK = "l"


class Scope(NamedTuple):
    """Whose clicks are counted together: those of a link, a campaign …; the workspace's own id is empty."""

    kind: ScopeKind
    id: str = ""


WORKSPACE: Final = Scope(ScopeKind.WORKSPACE)


class Asked(NamedTuple):
    """A question for the roll-ups of whole hours.

    Args:
        scope: whose clicks.
        field: of FIELDS, or TIME.
        first_hour: since the Unix epoch.
        end_hour: behind the last one.
        cell: by TIME: minutes that are counted together, one of CELLS; single ones for at most a few days.
    """

    scope: Scope
    field: str
    first_hour: int
    end_hour: int
    cell: int = QUARTER


class Rollups(Protocol):
    """Where roll-ups are read; raises errors.Unavailable while MongoDB is away."""

    async def read(self, workspace_id: str, asked: Sequence[Asked]) -> Sequence[Mapping[str, Counts]]:
        """The answer to each question, from one moment, clicks that are not folded in yet included.

        Returns:
            Counts by value. The value of ATTRIBUTE is the name, ATTRIBUTE_MARK, and the value as a text; of
            TIME the number of a cell since the Unix epoch, in decimal.
        """
        ...


class Group(StrEnum):
    """What a document holds."""

    SMALL = "a"
    """Everything of one UTC day, each hour apart: what nearly all links and tags are content with. It has one
    field, ALL, whose keys begin with the field of their dimension."""
    DAY = "d"
    """A day as a whole, of a scope that has outgrown SMALL."""
    HOUR = "h"
    """One hour of it."""
    DAY_LINKS = "k"
    """Its day by LINK, in parts: there may be as many values as links."""
    HOUR_LINKS = "m"
    """One hour of it by LINK."""


_ID: Final = Struct(">8s16s1sIBH")
ID_BYTES: Final = _ID.size
ALL: Final = "s"
"""The field of a document that holds every dimension."""
PARTS: Final = 8
"""Of a table by LINK."""


class Key(NamedTuple):
    """Names one document. Documents of a scope and group stand together, in the order of their buckets.

    Args:
        scope: see `digest`.
        bucket: the first hour that it counts, since the Unix epoch.
        part: of a table by LINK, else 0.
        slot: the ledger slot it belongs to; readers sum over all.
    """

    scope: bytes
    group: Group
    bucket: int
    part: int
    slot: int

    def packed(self) -> bytes:
        """As it is kept."""
        workspace, scope = self.scope[:8], self.scope[8:]
        return _ID.pack(workspace, scope, self.group.encode(), self.bucket, self.part, self.slot)


def unpacked(key: bytes) -> Key:
    """The key that was packed."""
    workspace, scope, group, bucket, part, slot = _ID.unpack(key)
    return Key(workspace + scope, Group(group.decode()), bucket, part, slot)


def span(scope: bytes, group: Group, first_hour: int, end_hour: int) -> tuple[bytes, bytes]:
    """Where documents stand whose buckets begin within some hours: packed keys, the second one excluded."""
    first, end = (Key(scope, group, hour, 0, 0).packed() for hour in (first_hour, end_hour))
    return first, end


def digest(workspace_id: str, scope: Scope) -> bytes:
    """Names a scope in 24 bytes (BLAKE2b): its workspace, so that all of one stand together, then itself."""
    workspace = hashlib.blake2b(workspace_id.encode(), digest_size=8).digest()
    whole = f"{workspace_id}/{scope.kind}/{scope.id}".encode()
    return workspace + hashlib.blake2b(whole, digest_size=16).digest()


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Hours).decode
_decode_apart: Final = msgspec.msgpack.Decoder(dict[int, msgspec.Raw]).decode
_decode_tally: Final = msgspec.msgpack.Decoder(Tally).decode


def encode(hours: Mapping[int, Tally | msgspec.Raw]) -> bytes:
    """A dimension of a document as it is kept: MessagePack, so no value can be taken for a field's name.

    Args:
        hours: tallies, or what decode_apart gave.
    """
    return _encode(hours)


def decode(kept: bytes) -> Hours:
    """What was encoded."""
    return _decode(kept)


def decode_apart(kept: bytes) -> dict[int, msgspec.Raw]:
    """The hours of what was encoded, each as it is kept: whoever changes one need not read the others."""
    return _decode_apart(kept)


def decode_tally(kept: msgspec.Raw) -> Tally:
    """One of the hours that decode_apart gave."""
    return _decode_tally(kept)


def table(tally: Mapping[str, int]) -> Table:
    """The table of a tally."""
    found: Table = {}
    for key, count in tally.items():
        add(found, key[1:], [count * each for each in _ROWS[key[0]]])
    return found


def added(table: Table, more: Mapping[str, Sequence[int]]) -> None:
    """Add counts to a table."""
    for value, counts in more.items():
        add(table, value, counts)


def add(table: Table, value: str, counts: Sequence[int]) -> None:
    """Add the counts of one value to a table."""
    row = table.get(value)
    if row is None:
        table[value] = list(counts)
        return
    if len(row) < len(counts):
        row.extend([0] * (len(counts) - len(row)))
    for place, count in enumerate(counts):
        row[place] += count


def by_kind(counts: Sequence[int]) -> dict[ClickKind, int]:
    """Redirects by kind."""
    return {kind: count for kind, count in zip(KINDS, [*counts[:1], *counts[2:]], strict=False) if count}


def uniques(counts: Sequence[int]) -> int:
    """How many redirects of people were unique."""
    return counts[1] if len(counts) > 1 else 0


def total(rows: Iterable[Sequence[int]]) -> Counts:
    """The sum of rows."""
    table: Table = {}
    for counts in rows:
        add(table, "", counts)
    return table.get("", [])
