"""Attribution: shares of clicks by every model, exact sums of money, and the rows that figures count."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import attributions, credit_rows
from domain.attributions import AttributionModel, Touch
from domain.conversions import Conversion
from domain.money import Money

NOW = datetime(2026, 5, 1, tzinfo=UTC)
WINDOW_DAYS = 30


def touch(days: float) -> Touch:
    return Touch(click_id=f"clk_{days}", link_id=f"lnk_{days}", at=NOW - timedelta(days=days))


def shares(model: AttributionModel, *days: float) -> dict[str, float]:
    found = attributions.credited(model, [touch(each) for each in days], NOW, WINDOW_DAYS)
    return {credit.click_id.removeprefix("clk_"): round(credit.share, 4) for credit in found}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (AttributionModel.LAST, {"1": 1.0}),
        (AttributionModel.FIRST, {"15": 1.0}),
        (AttributionModel.LINEAR, {"15": 0.3333, "8": 0.3333, "1": 0.3333}),
        (AttributionModel.TIME_DECAY, {"15": 0.1429, "8": 0.2857, "1": 0.5714}),
        (AttributionModel.POSITION, {"15": 0.4, "8": 0.2, "1": 0.4}),
    ],
)
def test_each_model_shares_as_it_says(model: AttributionModel, expected: dict[str, float]) -> None:
    """A8: three clicks a week apart."""
    assert shares(model, 8, 1, 15) == expected


@pytest.mark.parametrize("model", AttributionModel)
def test_only_clicks_of_the_window_count_and_each_once(model: AttributionModel) -> None:
    """Clicks behind the conversion never do."""
    assert shares(model, 31, -1) == {}
    assert shares(model, 30, 30, 31, -0.5) == {"30": 1.0}


def test_two_clicks_are_first_and_last_alike() -> None:
    assert shares(AttributionModel.POSITION, 2, 1) == {"2": 0.5, "1": 0.5}


def test_age_alone_takes_no_share_away() -> None:
    found = attributions.credited(
        AttributionModel.TIME_DECAY, [touch(40_000), touch(39_993)], NOW, window_days=50_000
    )
    assert [round(credit.share, 4) for credit in found] == [0.3333, 0.6667]


@given(
    minor_units=st.integers(0, 10**15),
    weights=st.lists(st.integers(1, 1_000), min_size=1, max_size=20),
)
def test_parts_of_money_add_up_exactly(minor_units: int, weights: list[int]) -> None:
    parts = attributions.split(minor_units, [weight / sum(weights) for weight in weights])
    assert sum(parts) == minor_units
    assert min(parts) >= 0


def test_a_conversion_counts_once_and_its_money_is_shared() -> None:
    """Rows of three clicks that have the same: the latest has the conversion, each a part of the revenue."""
    credit = attributions.credited(AttributionModel.LINEAR, [touch(3), touch(2), touch(1)], NOW, WINDOW_DAYS)
    conversion = Conversion(
        id="cnv_1", workspace_id="ws_1", event="purchase", identities=(b"i",), at=NOW, received_at=NOW,
        amount=Money(minor_units=1_000, currency="EUR"), credits=credit,
    )  # fmt: skip
    rows = credit_rows.of(conversion, {}, {})
    assert [(row.id, row.click_id, row.counted, row.minor_units) for row in rows] == [
        ("cnv_1/0", "clk_3", 0, 333), ("cnv_1/1", "clk_2", 0, 333), ("cnv_1/2", "clk_1", 1, 334),
    ]  # fmt: skip
    (alone,) = credit_rows.of(Conversion(
        id="cnv_2", workspace_id="ws_1", event="signup", identities=(b"j",), at=NOW, received_at=NOW,
    ), {}, {})  # fmt: skip
    assert (alone.counted, alone.link_id, alone.currency) == (1, None, None)
