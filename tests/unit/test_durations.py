"""Durations: ISO 8601, added as calendars do."""

from datetime import UTC, datetime

import pytest

from domain import durations


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P30D", "2026-03-02T10:00:00+00:00"),
        ("P1M", "2026-02-28T10:00:00+00:00"),
        ("P2Y1M", "2028-02-29T10:00:00+00:00"),
        ("P1W", "2026-02-07T10:00:00+00:00"),
        ("PT36H", "2026-02-01T22:00:00+00:00"),
        ("P1DT30M15S", "2026-02-01T10:30:15+00:00"),
        ("P11M", "2026-12-31T10:00:00+00:00"),
    ],
)
def test_adds_a_duration(text: str, expected: str) -> None:
    assert durations.parsed(text).after(datetime(2026, 1, 31, 10, tzinfo=UTC)).isoformat() == expected


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1", "1D", "P-1D", "P1.5D", "P0D", "P1DT", "p1d", "P101Y", "P99999W", "P١D", "P1D "],
)
def test_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|hundred"):
        durations.parsed(text)
