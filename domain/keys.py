"""API keys: secrets that are shown once, kept only as a hash, and give a viewer its workspace and scopes."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import msgspec

from domain.access import Scope, Viewer
from domain.errors import Unauthenticated

SECRET_PREFIX: Final = "lg_live_"  # noqa: S105 - what secrets start with is no secret
SECRET_BYTES: Final = 32
LONGEST_SECRET: Final = 512
SHOWN_CHARACTERS: Final = 12
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH: Final = 43  # base62 digits of 32 bytes
_UNKNOWN: Final = (
    "The API key is unknown, expired or revoked; create one and send it as `Authorization: Bearer …`."
)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key.

    Args:
        prefix: the first characters of the secret, by which its owner recognises it.
        secret_hash: SHA-256 of the whole secret. It holds 256 random bits, so neither salt nor stretching
            would make it harder to find.
    """

    id: str
    workspace_id: str
    name: str
    prefix: str
    secret_hash: bytes
    scopes: frozenset[Scope]
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    created_at: datetime


class Keys(Protocol):
    """Where keys are kept."""

    async def by_id(self, workspace_id: str, key_id: str) -> ApiKey | None:
        """The key, or None."""
        ...

    async def by_hash(self, secret_hash: bytes) -> ApiKey | None:
        """The key of a secret, in whichever workspace: it is what tells us the workspace."""
        ...

    async def add(self, workspace_id: str, key: ApiKey) -> bool:
        """Keep a new key; False where its id or its secret is there already."""
        ...

    async def any(self, workspace_id: str) -> bool:
        """Whether the workspace has had a key."""
        ...


def secret(random_bytes: Callable[[int], bytes]) -> str:
    """A new secret of 256 random bits: the prefix that leak scanners look for, and 43 base62 digits."""
    number = int.from_bytes(random_bytes(SECRET_BYTES), "big")
    digits = []
    for _ in range(_SECRET_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return SECRET_PREFIX + "".join(reversed(digits))


def digest(text: str) -> bytes:
    """The hash that a secret is kept as and looked up by; an unencodable text has that of no secret."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def shown(text: str) -> str:
    """As much of a secret as may be shown: nothing of a short one beyond a third of it."""
    return text[: min(SHOWN_CHARACTERS, len(text) // 3)]


async def authenticate(text: str, keys: Keys, now: datetime) -> Viewer:
    """The viewer of a secret.

    Raises:
        Unauthenticated: no key has this secret, or the key is expired or revoked; which of them is not told.
    """
    if not text or len(text) > LONGEST_SECRET:
        raise Unauthenticated(_UNKNOWN)
    key = await keys.by_hash(digest(text))
    if key is None or key.revoked_at is not None or (key.expires_at is not None and now >= key.expires_at):
        raise Unauthenticated(_UNKNOWN)
    return Viewer(workspace_id=key.workspace_id, key_id=key.id, scopes=key.scopes)
