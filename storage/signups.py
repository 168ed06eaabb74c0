"""Sign-ups in MongoDB: participant, referral and link are written in one transaction."""

import functools
from collections.abc import Sequence

from pymongo import ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from domain import events
from domain.links import Link
from domain.participants import Participant
from domain.promotions import Promotion
from domain.referrals import Referral
from domain.signups import Known, Referred, Signup
from storage import codec, mails, outbox
from storage.link_writes import KEPT, LinkWrites, Stale, is_duplicate
from storage.mongo import Database, Document, answering, insert, transaction


class MongoSignups:
    """The store of sign-ups; see domain.signups.Signups for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._participants = database["participants"]
        self._referrals = database["referrals"]
        self._links = LinkWrites(database)

    async def known(
        self, workspace_id: str, email_keys: Sequence[bytes], identities: Sequence[bytes]
    ) -> Known:
        """Participants and referrals that exist, in one round trip."""
        same = {"workspace_id": workspace_id, "identity": {"$in": list(identities)}}
        with answering():
            cursor = await self._participants.aggregate(
                [
                    {"$match": {"workspace_id": workspace_id, "email_key": {"$in": list(email_keys)}}},
                    {"$unionWith": {"coll": "referrals", "pipeline": [{"$match": same}]}},
                ]
            )
            documents = await cursor.to_list()
        participants = [codec.to_value(each, Participant) for each in documents if "email_key" in each]
        referrals = [codec.to_value(each, Referral) for each in documents if "identity" in each]
        return Known(
            participants={each.email_key: each for each in participants},
            referrals={each.identity: each for each in referrals},
        )

    async def referred(self, workspace_id: str, promotion_uid: str, email_key: bytes) -> Referred | None:
        """The oldest referral that the person of an address has in a promotion, in one round trip."""
        here = {"workspace_id": workspace_id}
        promotions = [{"$match": {**here, "uid_folded": promotion_uid.casefold()}}]
        referrals: list[Document] = [
            {"$match": {**here, "$expr": {"$eq": ["$promotion_id", "$$promotion"]}}},
            {"$sort": {"_id": 1}},
            {"$limit": 1},
        ]
        stages: list[Document] = [
            {"$match": {**here, "email_key": email_key}},
            {"$lookup": {"from": "promotions", "pipeline": promotions, "as": "promotion"}},
            {"$unwind": "$promotion"},
            _joined("referrals", "participant_id", "_id", referrals, promotion="$promotion._id"),
            {"$unwind": "$referral"},
            _joined("links", "_id", "referral.link_id", [{"$match": {**here, **KEPT}}]),
        ]
        with answering():
            documents = await (await self._participants.aggregate(stages)).to_list()
        if not documents:
            return None
        (found,) = documents  # an address is one participant's, and a UID one promotion's
        return Referred(
            promotion=codec.to_value(found["promotion"], Promotion),
            participant=codec.to_value(found, Participant),
            referral=codec.to_value(found["referral"], Referral),
            link=codec.to_value(found["link"][0], Link) if found["link"] else None,
        )

    async def add_many(self, workspace_id: str, signups: Sequence[Signup]) -> frozenset[str]:
        """Keep sign-ups, all but those that another call got in the way of; their participants' ids.

        Whoever loses a race is found by halves: races are rare, and each half is one transaction more.
        """
        if not signups:
            return frozenset()
        try:
            await transaction(self._database, functools.partial(self._write, workspace_id, signups))
        except Stale:
            pass
        except (BulkWriteError, DuplicateKeyError) as error:
            if not is_duplicate(error):
                raise
        else:
            return frozenset()
        if len(signups) == 1:
            return frozenset({signups[0].participant.id})
        half = len(signups) // 2
        lost = await self.add_many(workspace_id, signups[:half])
        return lost | await self.add_many(workspace_id, signups[half:])

    async def _write(self, workspace_id: str, signups: Sequence[Signup], session: AsyncClientSession) -> None:
        await self._write_participants(workspace_id, signups, session)
        await self._tell(workspace_id, signups, session)
        made = [each.referral for each in signups if each.referral is not None]
        if made:
            await insert(self._database, "referrals", _documents(workspace_id, made), session)
            await mails.write(self._database, [each.mail for each in signups if each.mail], session)
        links = [each.link for each in signups if each.link is not None]
        if links:  # also of referrals that were there before: theirs had been deleted
            await self._links.insert(workspace_id, links, session)
        relinked = [pair for each in signups for pair in each.links]
        if relinked:
            await self._links.replace(workspace_id, relinked, session)
        changed = [pair for each in signups for pair in each.referrals]
        if changed:
            writes = [
                ReplaceOne({"_id": old.id, "workspace_id": workspace_id}, _document(workspace_id, new))
                for old, new in changed
            ]
            await self._referrals.bulk_write(writes, session=session)

    async def _tell(self, workspace_id: str, signups: Sequence[Signup], session: AsyncClientSession) -> None:
        told = [events.of_participant(each.seen, each.participant) for each in signups]
        told += [
            events.of_referral(each.referral, each.link) for each in signups if each.referral is not None
        ]
        await outbox.write(self._database, workspace_id, told, session)

    async def _write_participants(
        self, workspace_id: str, signups: Sequence[Signup], session: AsyncClientSession
    ) -> None:
        """A participant's version guards its referrals: each change of those is one of it."""
        new = [each.participant for each in signups if each.seen is None]
        if new:
            await insert(self._database, "participants", _documents(workspace_id, new), session)
        writes = [
            ReplaceOne(
                {"_id": each.seen.id, "workspace_id": workspace_id, "version": each.seen.version},
                _document(workspace_id, each.participant),
            )
            for each in signups
            if each.seen is not None
        ]
        if writes:
            result = await self._participants.bulk_write(writes, session=session)
            if result.matched_count != len(writes):
                raise Stale


def _joined(collection: str, theirs: str, ours: str, pipeline: list[Document], **let: str) -> Document:
    """What a collection has for a document, as a list under the name of one of them."""
    joined = {"from": collection, "foreignField": theirs, "localField": ours, "pipeline": pipeline}
    return {"$lookup": {**joined, "let": let, "as": collection.removesuffix("s")}}


def _documents(workspace_id: str, values: Sequence[Participant | Referral]) -> list[Document]:
    return [_document(workspace_id, value) for value in values]


def _document(workspace_id: str, value: Participant | Referral) -> Document:
    return {**codec.to_document(value), "workspace_id": workspace_id}
