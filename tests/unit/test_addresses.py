"""Addresses: short URLs there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import addresses, hostnames, slugs


@pytest.mark.parametrize(
    ("base", "domain", "expected"),
    [
        ("https://s.example", "s.example", "https://s.example/a%2Bb"),
        ("http://localhost:8001", "localhost:8001", "http://localhost:8001/a%2Bb"),
        ("http://localhost:8001", "go.example", "https://go.example/a%2Bb"),
    ],
)
def test_writes_short_urls(base: str, domain: str, expected: str) -> None:
    assert addresses.short_url(domain, "a+b", base) == expected


@given(st.text(min_size=1, max_size=20).filter(lambda slug: slugs.check(slug) is None))
def test_a_short_url_means_its_link(slug: str) -> None:
    url = addresses.short_url("s.example", slugs.tidy(slug), "https://s.example")
    assert url.isascii()
    assert addresses.meant(url) == ("s.example", slugs.key_of(slug))


@pytest.mark.parametrize(
    "url", ["", "https://", "https://s.example", "https://s.example/a/b", "https://s.example/%ff", "\ud800"]
)
def test_what_can_be_no_short_url_means_none(url: str) -> None:
    assert addresses.meant(url) is None


@pytest.mark.parametrize(
    ("base", "host"),
    [
        ("https://S.Example/", "s.example"),
        ("http://x.example:80", "x.example"),
        ("http://[::1]:8001", "[::1]:8001"),
    ],
)
def test_the_host_of_a_base(base: str, host: str) -> None:
    assert hostnames.of(base) == host


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("s.example", "S.EXAMPLE.:8443", True),
        ("s.example", "a.s.example", False),
        ("localhost:8001", "127.1.2.3:8001", True),
        ("localhost:8001", "localhost:9000", False),
        ("[::1]:8001", "localhost:8001", True),
        ("localhost", "[::1]", True),
        ("10.0.0.1", "10.0.0.1:81", True),
    ],
)
def test_when_two_hosts_are_one_site(one: str, other: str, same: bool) -> None:
    """RD-17."""
    assert hostnames.same_site(one, other) == hostnames.same_site(other, one) == same
