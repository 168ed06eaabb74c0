"""Visitor hashes: who is told apart, and who can never be."""

from datetime import UTC, datetime

import pytest

from domain import visitors

SECRET = b"s" * 32


def hashed(
    address: str, agent: str = "agent", *, secret: bytes = SECRET, workspace_id: str = "ws_01"
) -> bytes:
    return visitors.hash_of(visitors.keyed(secret), workspace_id, visitors.network_of(address), agent)


def test_one_visitor_has_one_name() -> None:
    assert hashed("192.0.2.1") == hashed("192.0.2.1")
    assert len(hashed("192.0.2.1")) == 16


def test_others_have_others() -> None:
    """CL-08, PR-04: another address, agent, workspace or day."""
    names = [
        hashed("192.0.2.1"),
        hashed("192.0.2.2"),
        hashed("192.0.2.1", "other"),
        hashed("192.0.2.1", workspace_id="ws_02"),
        hashed("192.0.2.1", secret=b"t" * 32),
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert visitors.network_of(address) == network


def test_days() -> None:
    at = datetime(2026, 11, 20, 23, 59, 59, 999_000, tzinfo=UTC)
    day = visitors.day_of(int(at.timestamp() * 1000))
    assert visitors.name_of(day) == "2026-11-20"
    assert visitors.day_of(int(at.timestamp() * 1000) + 1) == day + 1
    assert visitors.name_of(0) == "1970-01-01"
