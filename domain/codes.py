"""Codes of referrals: short texts to type in at a till, drawn by lot, that survive being read out."""

from collections.abc import Callable
from typing import Final

LENGTH: Final = 8
# No vowels, so that chance spells no words, and none of 0 1 2 5 B D I L O S U V Z, which are mistaken for one
# another in print, in handwriting or on the telephone.
_ALPHABET: Final = "346789CFGHJKMNPQRTWXY"
_SKIPPED: Final = str.maketrans("", "", " -_.\t")


def drawn(random_bytes: Callable[[int], bytes]) -> str:
    """A new code: one of 21^8, about 3.8 × 10^10.

    Args:
        random_bytes: a cryptographic source, `secrets.token_bytes` outside tests.
    """
    letters: list[str] = []
    unbiased = 256 - 256 % len(_ALPHABET)
    while len(letters) < LENGTH:
        letters += [_ALPHABET[byte % len(_ALPHABET)] for byte in random_bytes(16) if byte < unbiased]
    return "".join(letters[:LENGTH])


def meant(typed: str) -> str | None:
    """The code that somebody typed, in whatever case and with blanks or hyphens; None: it can be none."""
    code = typed.translate(_SKIPPED).upper()
    return code if len(code) == LENGTH and set(code) <= set(_ALPHABET) else None
