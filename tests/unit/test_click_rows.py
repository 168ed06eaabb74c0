"""Clicks encoded in pieces are the documents that any other way of encoding them gives."""

from datetime import UTC
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from domain.clicks import NO_UTM, Click, ClickKind, Device
from domain.utm import Utm
from domain.visits import Outcome
from storage import click_rows, codec
from storage.click_rows import row
from tests.unit.clicks import click

AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SOME_TEXT = st.none() | TEXT
WHOLE = st.integers(-(2**63), 2**63 - 1)
SCALAR = TEXT | WHOLE | st.booleans() | st.floats(allow_nan=False)
AT = st.datetimes(timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
CLICKS = st.builds(
    Click,
    id=TEXT,
    workspace_id=TEXT,
    slot=st.integers(0, 2**31),
    seq=st.integers(1, 2**40),
    at=AT,
    link_id=SOME_TEXT,
    link_version=st.integers(0, 2**40),
    outcome=st.sampled_from(Outcome),
    kind=st.sampled_from(ClickKind),
    unique=st.booleans(),
    **dict.fromkeys(
        (
            *("final_destination", "rule", "variant", "country", "region", "city", "os", "browser"),
            *("language", "referrer", "slug", "campaign_id", "template_id"),
        ),
        SOME_TEXT,
    ),
    device=st.sampled_from(Device),
    qr=st.booleans(),
    utm=st.just(NO_UTM)
    | st.builds(Utm, source=SOME_TEXT, medium=SOME_TEXT, campaign=SOME_TEXT, term=SOME_TEXT, content=TEXT),
    tags=st.lists(TEXT, max_size=3).map(tuple),
    attributes=st.lists(st.tuples(TEXT, SCALAR), max_size=3).map(tuple),
    visitor=st.binary(max_size=16),
)


NAMED = {
    *("id", "workspace_id", "slot", "seq", "at", "link_id", "link_version", "outcome", "kind", "unique"),
    *("final_destination", "rule", "variant", "country", "region", "city", "device", "os", "browser"),
    *("language", "referrer", "qr", "utm", "tags", "slug", "campaign_id", "template_id", "attributes"),
    "visitor",
}
"""Fields that CLICKS has values for."""


def test_every_field_is_tried() -> None:
    """One that is added to clicks has to be added to rows, and above, or the ledger would not have it."""
    assert set(Click.__struct_fields__) == NAMED


@given(CLICKS)
def test_a_row_is_the_document_of_its_click(some: Click) -> None:
    """The same fields with values of the same types, and what is read is the click that was written."""
    document = bson.decode(row(some).raw, AWARE)
    usual = bson.decode(bson.encode(codec.to_document(some)), AWARE)
    assert document == usual
    assert {name: type(value) for name, value in document.items()} == {
        name: type(value) for name, value in usual.items()
    }
    assert codec.to_value(document, Click) == some


def test_long_pieces_are_the_same_and_are_not_remembered() -> None:
    """Or whoever makes many long tags and attributes could fill a worker's memory."""
    some = click(tags=tuple(f"{each:049}🦊" for each in range(50)))
    before = click_rows._remembered.cache_info().currsize
    assert bson.decode(row(some).raw, AWARE) == bson.decode(bson.encode(codec.to_document(some)), AWARE)
    assert click_rows._remembered.cache_info().currsize <= before + 2  # its origin, its agent


def test_what_a_click_lacks_takes_no_room() -> None:
    """Only what every click has is there, and the link that was not found."""
    assert bson.decode(row(click(link_id=None, outcome=Outcome.NOT_FOUND)).raw, AWARE) == {
        "_id": "clk_1",
        "workspace_id": "ws_1",
        "slot": 0,
        "seq": 1,
        "at": click().at,
        "link_id": None,
        "link_version": 1,
        "outcome": "NOT_FOUND",
        "kind": "HUMAN",
        "unique": False,
    }


@pytest.mark.parametrize("values", [(True, 1, 1.0), (1.0, True, 1), (0, False, 0.0, -0.0)])
def test_values_that_python_takes_for_equal_stay_what_they_are(values: tuple[Any, ...]) -> None:
    """Pieces are remembered by what they are encoded from, not by what compares equal."""
    kept = [bson.decode(row(click(attributes=(("seats", value),))).raw)["attributes"] for value in values]
    assert repr(kept) == repr([[["seats", value]] for value in values])


@pytest.mark.parametrize("text", ["\0", "a\0b", "$gt", "a.b", "\u2028", "🦊" * 200, ""])
def test_hostile_values_are_only_text(text: str) -> None:
    """Nothing that a visitor sends becomes a field, nor ends one."""
    some = click(city=text, referrer=text, os=text, tags=(text,), final_destination=text)
    assert bson.decode(row(some).raw, AWARE) == codec.to_document(some) | {"tags": [text]}
