"""Passwords of links: what is accepted, and the slow hash that is all that is kept of one.

Argon2id (RFC 9106) by argon2-cffi. The parameters stand in each hash, so they can be raised later.
"""

import unicodedata
from typing import Final, Protocol

import argon2
import msgspec

from domain import texts

SHORTEST: Final = 4
LONGEST: Final = 128
MEMORY_KIB: Final = 32 * 1024
"""Of one check; as many run at the same time as there are threads for them."""
ROUNDS: Final = 3

_hasher: Final = argon2.PasswordHasher(time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=1)


class Sealed(msgspec.Struct, frozen=True):
    """The hash of a password, as a link keeps it."""

    hash: str


class Vault(Protocol):
    """Hashes beside the event loop, few at a time."""

    async def seal(self, password: str) -> Sealed:
        """The hash of a password; raises errors.Unavailable where too many wait."""
        ...

    async def opens(self, kept: Sealed, password: str) -> bool:
        """Whether a password is the one that a hash was made of; raises errors.Unavailable likewise."""
        ...


def problem(given: str) -> str | None:
    """What is wrong with a password, as the rest of a sentence, which does not repeat it; None: nothing."""
    found = texts.problem(given, longest=LONGEST)
    if found is None and len(given) < SHORTEST:
        return f"has fewer than {SHORTEST} characters."
    if found is None and given != given.strip():
        return "begins or ends with a space, which is easily lost."
    return found


def seal(password: str) -> Sealed:
    """The hash of a password with a salt of its own; takes MEMORY_KIB and about 80 ms."""
    return Sealed(_hasher.hash(_typed(password)))


def opens(kept: Sealed, password: str) -> bool:
    """Whether a password is the one that a hash was made of; takes as long either way.

    A stored hash that is none opens for nobody.
    """
    try:
        return _hasher.verify(kept.hash.encode("ascii", "replace"), _typed(password))
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _typed(password: str) -> bytes:
    """The same bytes however a keyboard puts letters and accents together."""
    return unicodedata.normalize("NFC", password).encode(errors="replace")
