"""Participants in MongoDB: collection `participants`, the one place where e-mail addresses are kept."""

from collections.abc import Sequence

from domain.participants import Participant
from storage import codec
from storage.mongo import Database, answering


class MongoParticipants:
    """The store of participants; see domain.participants.Participants for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._participants = database["participants"]

    async def by_ids(self, workspace_id: str, participant_ids: Sequence[str]) -> dict[str, Participant]:
        """Those that exist, by id."""
        query = {"_id": {"$in": list(participant_ids)}, "workspace_id": workspace_id}
        with answering():
            documents = await self._participants.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Participant) for document in documents}

    async def by_email(self, workspace_id: str, email_key: bytes) -> Participant | None:
        """The participant of an address, or None."""
        with answering():
            document = await self._participants.find_one(
                {"workspace_id": workspace_id, "email_key": email_key}
            )
        return codec.to_value(document, Participant) if document else None

    async def by_person(self, workspace_id: str, person_key: bytes, limit: int) -> Sequence[Participant]:
        """At most `limit` participants who are the same person, the oldest first."""
        query = {"workspace_id": workspace_id, "person_key": person_key}
        with answering():
            documents = await self._participants.find(query).sort("_id", 1).limit(limit).to_list()
        return [codec.to_value(document, Participant) for document in documents]
