"""Texts: what in them may be somebody's address."""

import pytest

from domain import texts


@pytest.mark.parametrize(
    ("text", "at", "address"),
    [
        ("ana@example.com", True, True),
        ("Ana <ana@bücher.example>, by phone", True, True),
        ("/orders?of=ana%40example.com", True, True),
        ("ana%252540example%2Ecom", True, True),
        ("3 pieces @ 8.00 EUR", True, False),
        ("agent@7", True, False),
        ("40 % of SEPA 2026-06-01", False, False),
        ("%4", False, False),
        ("", False, False),
    ],
)
def test_an_at_sign_is_read_as_urls_write_it(text: str, at: bool, address: bool) -> None:
    assert (texts.holds_at(text), texts.holds_address(text)) == (at, address)
