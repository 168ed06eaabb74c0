"""API keys: how secrets look and what is kept of them."""

import re
import secrets

from domain import keys


def test_secrets_are_long_and_differ() -> None:
    made = {keys.secret(secrets.token_bytes) for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"lg_live_[0-9A-Za-z]{43}", secret) for secret in made)
    assert keys.secret(lambda count: b"\xff" * count) != keys.secret(lambda count: b"\xfe" * count)


def test_little_of_a_secret_is_shown() -> None:
    assert keys.shown("lg_live_0123456789abcdefghijklmnopqrstuvwxyz") == "lg_live_0123"
    assert keys.shown("short-one") == "sho"


def test_any_text_has_a_digest() -> None:
    """GQ-15: a lone surrogate in a header is nobody's secret, not a fault."""
    assert len({keys.digest(text) for text in ("", "a", "\ud800", "é")}) == 4
