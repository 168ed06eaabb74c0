"""Counts on their way into full tables."""

import pytest

from domain import folds, rollups
from domain.folds import merged
from domain.rollups import ATTRIBUTE_MARK, OTHERS, SEVERAL

FULL = {f"0site-{each}": 1 for each in range(4)}
"""Twelve bytes each where they are counted."""
SEGMENTS = f"0segment{ATTRIBUTE_MARK}{SEVERAL}"


def tally(kept: bytes) -> rollups.Tally:
    """What a document has of its only hour."""
    return rollups.decode(kept)[7]


@pytest.fixture(autouse=True)
def _small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "TABLE_BYTES", 44)


def test_what_has_no_room_is_among_others() -> None:
    """In their place: others of people are no others of robots."""
    more = {**FULL, "2site-9": 3}
    assert tally(merged(None, {7: more})) == {**FULL, f"2{OTHERS}": 3}


def test_what_clicks_have_beyond_one_value_gets_into_full_tables() -> None:
    """Or else nobody would know how many clicks the rows are, and those without a value would be wrong."""
    kept = merged(None, {7: FULL})
    kept = merged(kept, {7: {"0late-site": 2, f"0{SEVERAL}": 2, SEGMENTS: 1}})
    assert tally(merged(kept, {7: {SEGMENTS: 4}})) == {
        **FULL,
        f"0{OTHERS}": 2,
        f"0{SEVERAL}": 2,
        SEGMENTS: 5,
    }


def test_names_of_attributes_do_not_fill_a_document_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "SEVERAL_BYTES", 100)
    more = {f"0name-{each:02}{ATTRIBUTE_MARK}{SEVERAL}": 1 for each in range(20)}
    kept = merged(None, {7: more})
    assert len(kept) < 100
    assert sum(tally(kept).values()) == 20
