"""Idempotency: who may run a mutation under a client's key, and what is remembered of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from domain.errors import BadRequest, IdempotencyConflict, IdempotencyMismatch

LONGEST_KEY: Final = 255
KEPT: Final = timedelta(hours=24)
LEASE: Final = timedelta(seconds=20)
"""How long a run keeps others out when its process dies: longer than an operation may take."""
SEED_BYTES: Final = 32


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A client's key at work, or what came of it.

    Args:
        id: the workspace's id and the key: keys of two workspaces never meet.
        fingerprint: keyed hash of the payload that the key stands for, see Claims.sealed.
        holder: the request that runs it, or ran it last.
        held_until: until when nobody else may run it.
        finished: it has its whole answer, and is only replayed from now on.
        started_at: the instant that every run of it works with, so that a second run makes the same ids.
        seed: where every run draws its randomness from; forgotten once finished.
        results: by response key, what each field of the mutation gave, encoded.
        expires_at: when the key is free again.
    """

    id: str
    workspace_id: str
    fingerprint: bytes
    holder: str
    held_until: datetime
    finished: bool = False
    started_at: datetime
    seed: bytes
    results: Mapping[str, bytes] = {}
    expires_at: datetime


class Claims(Protocol):
    """Where claims are kept. Each method raises errors.Unavailable while the database is away."""

    async def sealed(self, digest: bytes) -> bytes:
        """The fingerprint of a payload with this digest: nobody finds an address by trying who has no key."""
        ...

    async def add(self, workspace_id: str, claim: Claim) -> Claim | None:
        """Keep a new claim; returns the one that stands in its place already, if there is one."""
        ...

    async def update(self, workspace_id: str, old: Claim, new: Claim) -> bool:
        """Replace `old` by `new`; False where `old` is no longer what is kept."""
        ...


def check(key: str) -> str:
    """The key, if it is one.

    Raises:
        BadRequest: it is not 1 to LONGEST_KEY visible ASCII characters.
    """
    if not 1 <= len(key) <= LONGEST_KEY or not all("!" <= character <= "~" for character in key):
        raise BadRequest(
            f"The header Idempotency-Key must have 1 to {LONGEST_KEY} visible ASCII characters,"
            " such as those of a UUID."
        )
    return key


def new(key: str, workspace_id: str, fingerprint: bytes, *, holder: str, seed: bytes, now: datetime) -> Claim:
    """The claim of a key that is used for the first time."""
    return Claim(
        id=f"{workspace_id}/{key}",
        workspace_id=workspace_id,
        fingerprint=fingerprint,
        holder=holder,
        held_until=now + LEASE,
        started_at=now,
        seed=seed,
        expires_at=now + KEPT,
    )


async def hold(wanted: Claim, claims: Claims) -> Claim:
    """Take the right to run what a key stands for, or what it gave.

    Args:
        wanted: the claim as it would be if the key were new.

    Returns:
        A finished claim, to be replayed, or one that the caller holds now.

    Raises:
        IdempotencyMismatch: the key stands for another payload.
        IdempotencyConflict: somebody else runs it right now.
    """
    workspace_id, now = wanted.workspace_id, wanted.started_at
    standing = await claims.add(workspace_id, wanted)
    if standing is None:
        return wanted
    if now >= standing.expires_at:
        mine = wanted
    elif standing.fingerprint != wanted.fingerprint:
        raise IdempotencyMismatch("This Idempotency-Key was used with another payload; use a new key.")
    elif standing.finished:
        return standing
    elif now < standing.held_until:
        raise _busy()
    else:
        mine = msgspec.structs.replace(standing, holder=wanted.holder, held_until=wanted.held_until)
    if not await claims.update(workspace_id, standing, mine):
        raise _busy()
    return mine


async def settle(
    held: Claim, results: Mapping[str, bytes], claims: Claims, *, finished: bool, now: datetime
) -> None:
    """Remember what a run gave, and let go of the key: for good, or for whoever tries again.

    Where the claim was taken over in the meantime nothing is changed: the other run has the same ids.
    """
    settled = msgspec.structs.replace(
        held, results=results, finished=finished, held_until=now, seed=b"" if finished else held.seed
    )
    await claims.update(held.workspace_id, held, settled)


def _busy() -> IdempotencyConflict:
    return IdempotencyConflict(
        "A call with this Idempotency-Key is running right now; repeat yours in a moment.",
        retry_after_seconds=1,
    )
