"""Paging: windows, pages and cursors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import paging
from domain.errors import BadCursor, BadRequest
from domain.paging import Page, Window

KEYS = st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(2**63), 2**63 - 1)).map(
    tuple
)


@given(KEYS)
def test_a_cursor_gives_its_place_back(place: paging.Key) -> None:
    cursor = paging.cursor("ws_1/links/NEWEST", place)
    assert cursor.isascii()
    assert paging.key("ws_1/links/NEWEST", cursor, paging.Key) == place


@given(KEYS, st.integers(0, 200), st.characters(codec="ascii"))
def test_a_damaged_cursor_is_none(place: paging.Key, at: int, letter: str) -> None:
    cursor = paging.cursor("list", place)
    at %= len(cursor)
    damaged = cursor[:at] + letter + cursor[at + 1 :]
    try:
        assert paging.key("list", damaged, paging.Key) == place
    except BadCursor:
        assert damaged != cursor


def test_a_cursor_belongs_to_one_list() -> None:
    cursor = paging.cursor("ws_1/links/NEWEST", ("lnk_1",))
    for other in ("ws_2/links/NEWEST", "ws_1/links/OLDEST", "ws_1/clicks/NEWEST"):
        with pytest.raises(BadCursor):
            paging.key(other, cursor)


@pytest.mark.parametrize("place", [(), (5,), ("a", "b"), (None,), ({"$gt": ""},)])
def test_a_cursor_of_another_shape_is_none(place: paging.Key) -> None:
    """GQ-13: anybody can compute a cursor's digest; what it says must still be a place of the list."""
    with pytest.raises(BadCursor):
        paging.key("ws_1/clicks", paging.cursor("ws_1/clicks", place))


@pytest.mark.parametrize(
    ("first", "last", "size", "backward"),
    [(None, None, 50, False), (250, None, 250, False), (None, 1, 1, True)],
)
def test_windows(first: int | None, last: int | None, size: int, backward: bool) -> None:
    asked = paging.window("list", first=first, after=None, last=last, before=None)
    assert asked == Window(size=size, backward=backward)


@pytest.mark.parametrize(
    ("first", "last"), [(0, None), (-1, None), (251, None), (None, 0), (None, 251), (1, 1)]
)
def test_refuses_sizes(first: int | None, last: int | None) -> None:
    """GQ-12."""
    with pytest.raises(BadRequest):
        paging.window("list", first=first, after=None, last=last, before=None)


def test_pages_drop_the_item_that_only_tells_of_more() -> None:
    forward = Page(Window(size=2), [1, 2, 3])
    assert (forward.items, forward.has_next, forward.has_previous) == ([1, 2], True, False)
    backward = Page(Window(size=2, backward=True, before=("x",)), [9, 8, 7])
    assert (backward.items, backward.has_next, backward.has_previous) == ([8, 9], True, True)
    whole: Page[int] = Page(Window(size=2, after=("x",)), [1])
    assert (whole.items, whole.has_next, whole.has_previous) == ([1], False, True)
