"""Ids: their instant can be read off them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import ids


@given(at_ms=st.integers(0, 2**48 - 1), entropy=st.binary(min_size=10, max_size=10))
def test_an_id_tells_its_instant(at_ms: int, entropy: bytes) -> None:
    made = ids.of("clk", at_ms, entropy)
    assert (ids.instant_of(made), ids.instant_of(made.removeprefix("clk_"))) == (at_ms, at_ms)


@pytest.mark.parametrize("text", ["", "clk_", "not an id", "lnk_" + "u" * 26, "1" * 25])
def test_what_is_no_id_has_no_instant(text: str) -> None:
    assert ids.instant_of(text) == 0


@given(raw=st.binary(min_size=16, max_size=16))
def test_an_id_is_its_sixteen_bytes(raw: bytes) -> None:
    assert ids.packed(ids.unpacked("lnk", raw)) == raw
