"""Targets: which URLs links may lead to, and how they are written."""

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import targets
from domain.targets import Unfit, Unsafe

HOSTS = ("s.example", "localhost:8001")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com", "https://example.com/"),
        (" HTTP://EXAMPLE.com:80/a/../b?q=ü#Ü ", "http://example.com/b?q=%C3%BC#%C3%9C"),
        ("https://example.com./", "https://example.com./"),
        ("https://example.com/@user", "https://example.com/@user"),
        ("https://example.com?mail=a@b", "https://example.com/?mail=a@b"),
        ("https://example.com#a@b", "https://example.com/#a@b"),
        ("https://example.com/?path=\\x", "https://example.com/?path=\\x"),
        ("https://münchen.example/", "https://xn--mnchen-3ya.example/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("http://192.168.1.10/wiki", "http://192.168.1.10/wiki"),
        ("http://localhost:9000/landing", "http://localhost:9000/landing"),
        ("https://other.s.example/", "https://other.s.example/"),
    ],
)
def test_writes_urls_as_a_browser_does(text: str, expected: str) -> None:
    assert targets.canonical(text, HOSTS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://s.example/x",
        "https://S.EXAMPLE:8443",
        "http://s.example.",
        "http://s%2Eexample/",
        "http://localhost:8001/x",
        "http://127.0.0.1:8001/",
        "http://[::1]:8001/",
        "http://[::ffff:127.0.0.1]:8001/",
        "http://2130706433:8001/",
        "http://0.0.0.0:8001/",
        "http://app.localhost:8001/",
    ],
)
def test_refuses_to_lead_back(text: str) -> None:
    """RD-17, with every spelling of this machine."""
    with pytest.raises(Unsafe, match="leads back"):
        targets.canonical(text, HOSTS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("example.com", "must start with"),
        ("//example.com", "must start with"),
        ("mailto:a@b.example", "only https"),
        ("https://", "no host"),
        ("https:/example.com", "right after"),
        ("https:\\\\example.com", "right after"),
        ("https://a.example\\.b.example", "backslash"),
        ("https://@a.example", "user name"),
        ("https://%61@a.example", "user name"),
        ("https://a.example:0", "port 0"),
        ("https://a b.example", "not a URL"),
        ("https://a.example/" + "x" * 8_200, "8,218 characters"),
        ("https://a.example/" + "ü" * 4_000, "once it is encoded"),
    ],
)
def test_says_what_is_wrong(text: str, reason: str) -> None:
    """LK-02, LK-03."""
    with pytest.raises(Unfit, match=reason):
        targets.canonical(text, HOSTS)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40), st.booleans())
def test_a_canonical_url_is_its_own_and_keeps_its_host(rest: str, secure: bool) -> None:
    """However it is read again, a vetted destination leads to the same host."""
    text = f"http{'s' * secure}://{rest}"
    try:
        canonical = targets.canonical(text, HOSTS)
    except Unfit:
        return
    assert targets.canonical(canonical, HOSTS) == canonical
    again = ada_url.URL(canonical)
    assert again.host == ada_url.URL(text.strip(" ")).host
    assert canonical.startswith(f"{again.protocol}//{again.host}/")
    assert canonical.isascii()


@pytest.mark.parametrize(
    ("url", "warned"), [("https://xn--80ak6aa92e.com/", True), ("https://example.com/xn--", False)]
)
def test_warns_of_hosts_in_other_letters(url: str, warned: bool) -> None:
    """LK-04."""
    assert (targets.warning(url) is not None) == warned
