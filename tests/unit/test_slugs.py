"""Slugs: what is refused, what is the same, what is made."""

import random
import secrets
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import slugs, texts
from domain.errors import UserErrorCode


@pytest.mark.parametrize(
    "slug", ["spring-sale", "Spring.Sale_2026~x", "über", "日本語", "हिन्दी", "a", "x" * 100, "robots", "ß"]
)
def test_accepts_what_people_use(slug: str) -> None:
    assert slugs.check(slug) is None


@pytest.mark.parametrize(
    "slug",
    [
        "metrics",
        "METRICS",
        "Graphql",
        "ｍｅｔｒｉｃｓ",
        "metrics.",
        ".metrics",
        "%6detrics",
        "robots%2etxt",
        "Robots.TXT",
        "favicon.ico",
        ".well-known",
        "well-known",
        "liveZ",
        "ap\u0131",
        "ⓛivez",
    ],
)
def test_refuses_reserved_words(slug: str) -> None:
    """LK-05: however they are spelled."""
    error = slugs.check(slug)
    assert error is not None
    assert error.code is UserErrorCode.INVALID
    assert error.field == ("slug",)


@pytest.mark.parametrize(
    "slug",
    [
        "",
        " ",
        "a b",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a%20b",
        "..",
        ".",
        "a\x00",
        "a\nb",
        "x" * 101,
        "\ud800",
        "\u0301a",
        "ﷺ",
    ],
)
def test_refuses_what_is_no_path_segment(slug: str) -> None:
    """RD-02, GQ-15: nothing that a path, a host or a database would read differently."""
    assert slugs.check(slug) is not None


@pytest.mark.parametrize("hidden", ["\u200b", "\u200d", "\u202e", "\u2066", "\ufeff", "\u00ad", "\x7f"])
def test_refuses_invisible_characters_by_code_point(hidden: str) -> None:
    """LK-04: bidi and zero-width characters, named but not repeated."""
    error = slugs.check(f"pay{hidden}pal")
    assert error is not None
    assert f"U+{ord(hidden):04X}" in error.message
    assert hidden not in error.message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café", unicodedata.normalize("NFD", "Café")),
        ("straße", "STRASSE"),
        ("ẞ", "ss"),
        ("İstanbul", "istanbul"),
        ("ISTANBUL", "ıstanbul"),
        ("ﬁsh", "fish"),
        ("ＳＡＬＥ", "sale"),
        ("ΣΑΣ", "σας"),
        ("A", "a"),
    ],
)
def test_knows_one_slug_in_two_spellings(one: str, other: str) -> None:
    """LK-06: one identity rule."""
    assert slugs.key_of(one) == slugs.key_of(other)


@given(st.text(max_size=30))
def test_a_key_is_its_own_key(slug: str) -> None:
    key = slugs.key_of(slug)
    assert slugs.key_of(key) == key


@given(st.text(max_size=30))
def test_composition_and_case_never_make_another_slug(slug: str) -> None:
    key = slugs.key_of(slug)
    assert slugs.key_of(unicodedata.normalize("NFD", slug)) == key
    assert slugs.key_of(slugs.tidy(slug)) == key


def test_generates_slugs_that_are_accepted_and_differ() -> None:
    """LK-08: unpredictable, from the source that is handed in."""
    made = {slugs.generate(secrets.token_bytes) for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(len(slug) == 8 and slugs.check(slug) is None and slugs.key_of(slug) == slug for slug in made)
    assert slugs.generate(random.Random(7).randbytes) == slugs.generate(random.Random(7).randbytes)


@pytest.mark.parametrize(
    "unseen",
    ["\u034f", "\u115f", "\u1160", "\u17b4", "\u3164", "\uffa0", "\ufe0f", "\u180b", "\u180f", "\U000e0100"],
)
def test_letters_that_nobody_sees_are_refused(unseen: str) -> None:
    """LK-04: fillers and variation selectors count as letters and marks, and make look-alikes of a slug."""
    error = slugs.check(f"sale{unseen}")
    assert error is not None
    assert f"U+{ord(unseen):04X}" in error.message
    assert texts.problem(f"Sale {unseen}", longest=10) == (
        None
        if unseen in "\ufe0f\u180b\u180f\U000e0100"
        else f"holds the invisible character U+{ord(unseen):04X}; leave it out."
    )
