"""Instants: RFC 3339 in and out."""

from datetime import UTC, datetime

import pytest

from domain import instants


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-05-31T18:00:00Z", "2026-05-31T18:00:00.000Z"),
        ("2026-05-31t18:00:00.123456789z", "2026-05-31T18:00:00.123Z"),
        ("2026-05-31 18:00:00.9999+02:00", "2026-05-31T16:00:00.999Z"),
        ("2026-01-01T00:00:00-23:59", "2026-01-01T23:59:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    ],
)
def test_reads_rfc_3339(text: str, written: str) -> None:
    assert instants.written(instants.parsed(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-05-31",
        "2026-05-31T18:00:00",
        "2026-05-31T18:00Z",
        "20260531T180000Z",
        "2026-02-30T00:00:00Z",
        "2026-05-31T24:00:00Z",
        "2026-05-31T23:59:60Z",
        "2026-05-31T18:00:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "２026-05-31T18:00:00Z",
        "2026-05-31T18:00:00Z\n",
        "\ud800",
    ],
)
def test_refuses_everything_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        instants.parsed(text)


def test_counts_milliseconds() -> None:
    assert instants.milliseconds(datetime(2026, 1, 1, 0, 0, 0, 999_000, UTC)) == 1_767_225_600_999
