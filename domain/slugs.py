"""Slugs: which ones are accepted, when two of them are the same one, and how new ones are made."""

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Final

from domain import texts
from domain.errors import UserError, UserErrorCode

GENERATED_LENGTH: Final = 8
LONGEST: Final = 100
RESERVED: Final = frozenset(
    (
        "admin",
        "ads.txt",
        "api",
        "app",
        "app-ads.txt",
        "apple-app-site-association",
        "apple-touch-icon.png",
        "assets",
        "auth",
        "callback",
        "crossdomain.xml",
        "dashboard",
        "docs",
        "favicon.ico",
        "favicon.svg",
        "graphiql",
        "graphql",
        "health",
        "healthz",
        "help",
        "humans.txt",
        "index",
        "index.html",
        "index.php",
        "livez",
        "login",
        "logout",
        "manifest.json",
        "metrics",
        "oauth",
        "ping",
        "preview",
        "public",
        "qr",
        "readyz",
        "robots.txt",
        "security.txt",
        "service-worker.js",
        "signup",
        "sitemap.xml",
        "static",
        "status",
        "sw.js",
        "uploads",
        "webhooks",
        "well-known",
        "www",
    )
)
# No vowels, so that chance spells no words, and none of 0 1 l: they are mistaken for one another in print.
# One case only: what was made here is the same slug however it is typed.
_ALPHABET: Final = "23456789bcdfghjkmnpqrstvwxyz"
_PUNCTUATION: Final = frozenset("-_.~")
_LETTERS: Final = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"))
_DOTLESS: Final = str.maketrans({"ı": "i", "ȷ": "j"})
_DOT_ABOVE: Final = "\u0307"
_ACCENTS: Final = re.compile("([a-z])[\u0300-\u036f]+")
_WORDS: Final = 80
_SUFFIX: Final = 5


def key_of(slug: str) -> str:
    """The identity of a slug: two slugs with one key are the same slug.

    Compatibility forms, case and composition do not count (Unicode 15, section 3.13, NFKC_Casefold), nor does
    the dot of an i: a reader cannot tell İ, i, ı and I apart in print. ASCII slugs are simply lower-cased.
    """
    if slug.isascii():
        return slug.lower()
    key = slug
    for _ in range(4):  # folding can undo normal form and the other way round; it settles within three rounds
        previous, key = key, _folded(key)
        if key == previous:
            break
    return key


def check(slug: str) -> UserError | None:
    """What is wrong with a slug that somebody asks for, or None. Whether it is free only the store knows."""
    reason = _problem(slug)
    if reason is None:
        return None
    return UserError(UserErrorCode.INVALID, f"The slug {reason}", ("slug",))


def tidy(slug: str) -> str:
    """The slug as it is kept and shown: composed (NFC), otherwise as it was typed."""
    return unicodedata.normalize("NFC", slug)


def generate(random_bytes: Callable[[int], bytes]) -> str:
    """A new slug that cannot be guessed: one of 28^8, about 3.8 × 10^11.

    Args:
        random_bytes: a cryptographic source, `secrets.token_bytes` outside tests.
    """
    letters: list[str] = []
    unbiased = 256 - 256 % len(_ALPHABET)
    while len(letters) < GENERATED_LENGTH:
        letters += [_ALPHABET[byte % len(_ALPHABET)] for byte in random_bytes(16) if byte < unbiased]
    return "".join(letters[:GENERATED_LENGTH])


def from_words(text: str) -> str:
    """Words as a slug: lower-case, with hyphens, Latin letters without accents; empty if nothing is left."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    plain = unicodedata.normalize("NFC", _ACCENTS.sub(r"\1", decomposed)).lower()
    spaced = "".join(character if _accepted(character) else " " for character in plain)
    return "-".join(spaced.split())[:_WORDS].strip("-_.~")


def fitting(text: str) -> str:
    """A text with hyphens in place of what no slug may hold; its letters stay as they are."""
    spaced = "".join(character if _accepted(character) else " " for character in tidy(text))
    return "-".join(spaced.split())


def suffixed(slug: str, random_bytes: Callable[[int], bytes]) -> str:
    """A slug that is taken with a short random suffix, which still fits."""
    suffix = generate(random_bytes)[:_SUFFIX]
    return f"{slug[: LONGEST - _SUFFIX - 1]}-{suffix}" if slug else suffix


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    undotted = decomposed.replace(f"i{_DOT_ABOVE}", "i").replace(f"j{_DOT_ABOVE}", "j").translate(_DOTLESS)
    return unicodedata.normalize("NFKC", undotted.casefold())


def _problem(slug: str) -> str | None:
    if not slug:
        return "is empty; leave it out to get one."
    if len(slug) > LONGEST:
        return f"has {len(slug):,} characters; at most {LONGEST} are accepted."
    hidden = texts.hidden(slug)
    if hidden is not None:
        return f"holds the invisible character {texts.named(hidden)}; leave it out."
    return _strange(slug) or _misleading(slug)


def _strange(slug: str) -> str | None:
    # The key is judged too: some letters stand for several characters, blanks and slashes among them.
    key = key_of(slug)
    strange = next((character for character in slug + key if not _accepted(character)), None)
    if strange is not None:
        return f"holds {strange!r}; letters, digits and - _ . ~ are accepted."
    if len(key) > 2 * LONGEST:
        return "holds letters that stand for many others; spell it out."
    return None


def _misleading(slug: str) -> str | None:
    key = key_of(slug)
    if key[0] == "." or key[-1] == ".":
        return f"{slug!r} starts or ends with a dot; leave the dot out."
    if unicodedata.category(key[0])[0] == "M":
        return f"{slug!r} starts with an accent that belongs to no letter; leave it out."
    if key in RESERVED:
        return f"{slug!r} is reserved for this service; choose another."
    return None


@functools.lru_cache(4_096)
def _accepted(character: str) -> bool:
    return character in _PUNCTUATION or unicodedata.category(character) in _LETTERS
