"""Attribution ids: they lead back to their click and link, and nobody can make one up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import aids, ids
from domain.aids import Aid

KEY = bytes(range(32))
AID = Aid(ids.of("clk", 1_790_000_000_123, b"0123456789"), ids.of("lnk", 1_780_000_000_000, b"abcdefghij"))


def test_an_aid_leads_back() -> None:
    text = aids.written(KEY, AID)
    assert len(text) == 58
    assert aids.read(KEY, text) == AID
    assert AID.at_ms == 1_790_000_000_123


@given(text=st.text(max_size=70))
def test_what_was_never_signed_is_none(text: str) -> None:
    """RF-03."""
    assert aids.read(KEY, text) is None


@pytest.mark.parametrize("place", [0, 20, 40, 57])
def test_a_changed_character_breaks_it(place: int) -> None:
    """RF-03."""
    text = aids.written(KEY, AID)
    other = "A" if text[place] != "A" else "Q"
    assert aids.read(KEY, text[:place] + other + text[place + 1 :]) is None


def test_another_installation_does_not_accept_it() -> None:
    assert aids.read(b"other", aids.written(KEY, AID)) is None
