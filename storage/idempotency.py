"""Claims of idempotency keys in MongoDB, in the collection `idempotency`, for a day each."""

import hashlib

from pymongo.errors import DuplicateKeyError

from domain.idempotency import Claim
from domain.secrets import PEOPLE, Secrets
from storage import codec
from storage.mongo import Database, answering


class MongoClaims:
    """The store of claims; see domain.idempotency.Claims for what each method promises."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._claims = database["idempotency"]
        self._secrets = secrets

    async def sealed(self, digest: bytes) -> bytes:
        """The fingerprint of a payload: BLAKE2b-256 (RFC 7693) under the installation's key."""
        return hashlib.blake2b(digest, key=await self._secrets.agreed(PEOPLE), digest_size=32).digest()

    async def add(self, workspace_id: str, claim: Claim) -> Claim | None:
        """Keep a new claim; returns the one that stands in its place already, if there is one."""
        with answering():
            try:
                await self._claims.insert_one(codec.to_document(claim))
            except DuplicateKeyError:
                standing = await self._claims.find_one({"_id": claim.id, "workspace_id": workspace_id})
            else:
                return None
        if standing is None:  # it expired between the two calls
            return await self.add(workspace_id, claim)
        found = codec.to_value(standing, Claim)
        # An insert whose answer was lost is sent again by the driver, and meets itself.
        return None if found.holder == claim.holder else found

    async def update(self, workspace_id: str, old: Claim, new: Claim) -> bool:
        """Replace `old` by `new`; False where `old` is no longer what is kept."""
        seen = {
            "_id": old.id,
            "workspace_id": workspace_id,
            "holder": old.holder,
            "held_until": old.held_until,
            "finished": old.finished,
        }
        with answering():
            replaced = await self._claims.replace_one(seen, codec.to_document(new))
        return replaced.matched_count == 1
