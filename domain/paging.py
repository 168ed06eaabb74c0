"""Keyset paging: which stretch of an ordered list is asked for, and the cursors that mark places in it."""

import base64
import hashlib
from typing import Any, Final, Generic, TypeVar

import msgspec

from domain.errors import BadCursor, BadRequest

LARGEST: Final = 250
USUAL: Final = 50
COUNTED: Final = 10_000
"""Totals are exact up to here; counting on would cost as much as reading on."""

Item = TypeVar("Item")
Key = tuple[str | int, ...]
_DIGEST_BYTES: Final = 9


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The stretch of a list that is asked for.

    Args:
        size: how many items, 1…LARGEST.
        backward: the last ones before the end of the stretch instead of the first ones after its start.
        after: key behind which the stretch starts; None: at the start of the list.
        before: key before which it ends; None: at the end of the list.
    """

    size: int = USUAL
    backward: bool = False
    after: Key | None = None
    before: Key | None = None


class Page(Generic[Item]):
    """One stretch of a list, in the list's order.

    Args:
        window: what was asked for.
        found: up to `window.size + 1` items, nearest to where the stretch begins first; the one too many
            tells that the list goes on.
    """

    def __init__(self, window: Window, found: list[Item]) -> None:
        goes_on = len(found) > window.size
        kept = found[: window.size]
        self.items = kept[::-1] if window.backward else kept
        self.has_next = (window.before is not None) if window.backward else goes_on
        self.has_previous = goes_on if window.backward else (window.after is not None)


def window(
    list_name: str,
    *,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    shape: Any = tuple[str],
) -> Window:
    """The window of a connection's four arguments.

    Args:
        list_name: the list that the cursors must belong to: workspace, noun and order.
        first: size of a forward page.
        after: cursor of the item before it.
        last: size of a backward page.
        before: cursor of the item behind it.
        shape: type of the keys of this list, usually the id alone.

    Raises:
        BadRequest: both sizes are given, or one is not within 1…LARGEST.
        BadCursor: a cursor is not of this list.
    """
    if first is not None and last is not None:
        raise BadRequest("`first` and `last` cannot be combined; give one of them.")
    size = last if last is not None else first if first is not None else USUAL
    if not 1 <= size <= LARGEST:
        name = "last" if last is not None else "first"
        raise BadRequest(f"`{name}` is {size}; it must be within 1 and {LARGEST}.")
    return Window(
        size=size,
        backward=last is not None,
        after=None if after is None else key(list_name, after, shape),
        before=None if before is None else key(list_name, before, shape),
    )


def cursor(list_name: str, place: Key) -> str:
    """The opaque cursor of a place in a list."""
    payload = msgspec.msgpack.encode(place)
    return base64.urlsafe_b64encode(_digest(list_name, payload) + payload).decode().rstrip("=")


def key(list_name: str, text: str, shape: Any = tuple[str]) -> Key:
    """The place that a cursor marks.

    The digest in it is no secret: reading is limited to the viewer's workspace whatever a cursor says. It
    keeps cursors of other lists, orders and workspaces, and damaged ones, from being misread.

    Args:
        shape: type of the keys of this list.

    Raises:
        BadCursor: the cursor is damaged or belongs to another list, order or workspace.
    """
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        place: Key = msgspec.msgpack.decode(raw[_DIGEST_BYTES:], type=shape)
    except (ValueError, msgspec.MsgspecError):  # no ASCII, no base64, no UTF-8 in it, or another shape
        raise BadCursor(_BAD_CURSOR) from None
    if raw[:_DIGEST_BYTES] != _digest(list_name, raw[_DIGEST_BYTES:]):
        raise BadCursor(_BAD_CURSOR)
    return place


def _digest(list_name: str, payload: bytes) -> bytes:
    return hashlib.blake2b(list_name.encode() + b"\0" + payload, digest_size=_DIGEST_BYTES).digest()


_BAD_CURSOR: Final = "The cursor is not one of this list in this order; take it from `pageInfo` or an edge."
