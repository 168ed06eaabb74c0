"""Variants: who gets which, how evenly, and what a change of weights moves."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from domain import variants
from domain.errors import Rejected, UserErrorCode
from domain.variants import Variant

VISITORS = [number.to_bytes(16, "big") for number in range(4_000)]


def drawn(weights: dict[str, int], *names: str) -> list[str]:
    """What each of VISITORS gets."""
    shares = [
        Variant(key=key, destination="https://example.com/", weight=each) for key, each in weights.items()
    ]
    draw = variants.draw(shares, *(names or ("lnk_01", "")))
    return [shares[draw.winner(visitor)].key for visitor in VISITORS]


def test_visitors_are_shared_by_weight() -> None:
    counts = Counter(drawn({"a": 1, "b": 2, "c": 5}))
    assert [round(counts[key] / 500) for key in "abc"] == [1, 2, 5]


def test_a_change_of_weights_moves_only_towards_what_gained() -> None:
    before, after = drawn({"a": 1, "b": 1}), drawn({"a": 1, "b": 3})
    moved = {change for change in zip(before, after, strict=True) if len(set(change)) > 1}
    assert moved == {("a", "b")}


def test_a_new_variant_takes_from_all_and_order_does_not_count() -> None:
    before, after = drawn({"a": 1, "b": 1}), drawn({"c": 1, "b": 1, "a": 1})
    moved = {change for change in zip(before, after, strict=True) if len(set(change)) > 1}
    assert moved == {("a", "c"), ("b", "c")}


def test_links_and_rules_are_drawn_for_independently() -> None:
    both = Counter(zip(drawn({"a": 1, "b": 1}), drawn({"a": 1, "b": 1}, "lnk_02", ""), strict=True))
    assert all(850 < count < 1_150 for count in both.values())
    assert len(both) == 4


def test_who_is_in_a_share_is_in_every_larger_one() -> None:
    seed = variants.seeded("lnk_01", "rule")
    places = [variants.bucket(seed, visitor) for visitor in VISITORS]
    sizes = [sum(place < share / 100 for place in places) for share in (10, 20, 50, 100)]
    assert [round(size / 40) for size in sizes] == pytest.approx([10, 20, 50, 100], abs=2)
    assert all(small < large for small, large in pairwise(sizes))


@pytest.mark.parametrize("weight", [0, -1, 1_000_001, float("nan"), 1.5, True, "1", None])
def test_weights_are_positive_whole_numbers(weight: Any) -> None:
    """LK-15: they need not add up to 100, each share is its part of their sum."""
    with pytest.raises(Rejected) as caught:
        variants.checked([{"key": "a", "destination": "https://example.com/", "weight": weight}], ())
    assert [(error.code, error.field) for error in caught.value.errors] == [
        (UserErrorCode.INVALID, ("variants", "0", "weight"))
    ]
