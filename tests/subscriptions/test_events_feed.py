"""`subscription { events }`: everything that happens, in order, without holes, for those who may know."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from app import tasks
from app.services import Services
from delivery.sequencing import Counts, Sequencer
from domain import events, instants
from domain.access import Scope
from storage.announcements import Announcements
from storage.ledgers import Ledger
from storage.sequences import Sequences
from tests.api.conftest import Api, workspace
from tests.api.conversions import clicked, converted, refund, settled
from tests.api.promotions import promoted, referred
from tests.bulk import work_off
from tests.delivery.workers import committed, visit

FEED = """subscription ($types: [String!], $filter: ClickFilter, $after: String) {
  events(types: $types, filter: $filter, after: $after) {
    events { id type at data subject { id } } cursor gap { reason missed resumeFrom } } }"""
UPDATE = "mutation ($input: UpdateLinkInput!) { updateLink(input: $input) { userErrors { code } } }"
DELETE = "mutation ($id: ID!) { deleteLink(id: $id) { userErrors { code } } }"


def sequencer(opened: Services, name: str = "test") -> Sequencer:
    """What numbers the events of a test."""
    sequences = Sequences(opened.database, name, opened.clock)
    told = Announcements(opened.redis, opened.settings.mongodb_database, "events")
    return Sequencer(sequences, told, Counts())


@pytest.fixture
async def api(opened: Services) -> AsyncGenerator[Api, None]:
    """A workspace whose events are numbered."""
    async with tasks.background(sequencer(opened).keep):
        yield await workspace(opened)


class Reader:
    """One subscriber."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.events: list[Mapping[str, Any]] = []
        self.cursor = ""

    async def next(self) -> Mapping[str, Any]:
        """The next frame."""
        async with asyncio.timeout(20):
            frame = await anext(self._stream)
        assert frame.errors is None, frame.errors
        batch: Mapping[str, Any] = frame.data["events"]
        self.events += batch["events"]
        self.cursor = batch["cursor"]
        return batch

    async def until(self, count: int) -> list[Mapping[str, Any]]:
        """All events so far, once there are so many."""
        while len(self.events) < count:
            await self.next()
        return self.events

    @property
    def types(self) -> list[str]:
        """What happened so far."""
        return [event["type"] for event in self.events]


@asynccontextmanager
async def subscribed(api: Api, **variables: Any) -> AsyncGenerator[Reader, None]:
    """A subscriber whose first frame has come."""
    stream: Any = await api.schema.subscribe(
        FEED, variable_values=variables, context_value=api.context.fork()
    )
    async with aclosing(stream):
        reader = Reader(stream)
        await reader.next()
        yield reader


async def refusal(api: Api, **variables: Any) -> str:
    """The code that a subscription ends with."""
    stream: Any = await api.schema.subscribe(
        FEED, variable_values=variables, context_value=api.context.fork()
    )
    async with aclosing(stream):
        code: str = (await anext(stream)).errors[0].original_error.code
    return code


async def test_a_link_is_told_from_its_creation_to_its_end(api: Api) -> None:
    """Once each, in order, with what it was like then; the subject is as it is now."""
    async with subscribed(api, types=["link.*"]) as reader:
        link = await api.create("https://example.com/one", externalId="x")
        await api(UPDATE, input={"id": link["id"], "destination": "https://example.com/two"})
        await reader.until(2)
        await api(DELETE, id=link["id"])
        await reader.until(3)
    assert reader.types == ["link.created", "link.updated", "link.deleted"]
    assert [event["data"]["version"] for event in reader.events] == [1, 2, 3]
    assert [event["data"].get("destination", "")[-3:] for event in reader.events] == ["one", "two", ""]
    assert reader.events[0]["subject"] == {"id": link["id"]}
    assert len({event["id"] for event in reader.events}) == 3


async def test_every_type_of_event_happens(api: Api) -> None:
    """Each of events.TYPES is told by the call that makes it true."""
    async with subscribed(api) as reader:
        link = await api.create()
        await api(UPDATE, input={"id": link["id"], "title": "Title"})
        await api(DELETE, id=link["id"])
        await _objects(api)
        await _jobs(api)
        await _people(api)
        while events.TYPES - set(reader.types):
            await reader.next()
    assert set(reader.types) == events.TYPES
    assert "@" not in str(reader.events)


async def _objects(api: Api) -> None:
    made = await api(
        """mutation {
            createCampaign(input: { name: "Spring" }) { campaign { id } }
            createTemplate(input: { name: "T", destination: "https://example.com/" }) { template { id } }
            updateWorkspace(input: { name: "Renamed" }) { userErrors { code } } }"""
    )
    await api(
        """mutation ($campaign: ID!, $template: ID!) {
        updateCampaign(input: { id: $campaign, name: "Summer" }) { userErrors { code } }
        updateTemplate(input: { id: $template, name: "U" }) { userErrors { code } } }""",
        campaign=made["createCampaign"]["campaign"]["id"],
        template=made["createTemplate"]["template"]["id"],
    )


async def _jobs(api: Api) -> None:
    start = """mutation { bulkCreateLinks(input: { links: [{ destination: "https://example.com/" }] }) {
      bulkJob { id } userErrors { code } } }"""
    cancelled = (await api(start))["bulkCreateLinks"]["bulkJob"]["id"]
    await api("mutation ($id: ID!) { cancelBulkJob(id: $id) { userErrors { code } } }", id=cancelled)
    await api(start)
    await work_off(api.services)
    failing = (await api(start))["bulkCreateLinks"]["bulkJob"]["id"]
    await api.services.database["upload_chunks"].delete_many({})
    await work_off(api.services)
    found = await api("query ($id: ID!) { bulkJob(id: $id) { state } }", id=failing)
    assert found["bulkJob"]["state"] == "FAILED"


async def _people(api: Api) -> None:
    await promoted(api, reward={"receiver": "REFERRER", "referrerPercent": 10}, maxRewardsPerReferrer=6)
    await api('mutation { updatePromotion(input: { uid: "spring", name: "N" }) { userErrors { code } } }')
    await api("mutation { updateWorkspace(input: { attribution: FIRST }) { userErrors { code } } }")
    referral, now = await referred(api, "ana@example.com"), api.context.clock()
    early, late = [
        await clicked(api, referral["link"]["id"], now - timedelta(hours=hours)) for hours in (3, 2)
    ]
    async with Ledger(api.services.database, api.services.clock) as ledger:
        where = {"workspace_id": api.context.viewer.workspace_id, "link_id": referral["link"]["id"]}
        await committed(ledger, visit(**where))
    given = {"code": referral["code"], "amount": {"amount": "10", "currency": "EUR"}}
    await converted(api, **given, clickId=late.id, externalCustomerId="c", orderId="1")
    await converted(api, "signup", clickId=early.id, externalCustomerId="c", orderId="2")
    made = await converted(api, **given, orderId="3")
    await converted(api, **given, orderId="4", email="ana@example.com")
    await refund(api, "r1", conversionId=made["id"], amount={"amount": "5", "currency": "EUR"})
    await refund(api, "r2", conversionId=made["id"])
    last = await converted(api, **given, orderId="5")
    review = "mutation ($id: ID!) { reviewReward(id: $id, approve: false) { userErrors { code } } }"
    await api(review, id=last["rewards"][0]["id"])
    await settled(api, now + timedelta(days=20))
    found = await api("{ rewards(state: APPROVED) { edges { node { id } } } }")
    ids = [edge["node"]["id"] for edge in found["rewards"]["edges"]]
    await api(
        'mutation ($ids: [ID!]!) { markRewardsPaid(ids: $ids, reference: "x") { userErrors { code } } }',
        ids=ids,
    )
    await api('mutation { withdrawConsent(email: "ana@example.com") { userErrors { code } } }')
    await api('mutation { eraseSubject(email: "ana@example.com") { userErrors { code } } }')


async def test_who_follows_a_referral_is_told_of(api: Api) -> None:
    """People on links of referrals, with the click; not bots, not other links, and each visit once."""
    await promoted(api)
    referral, link = await referred(api, "ana@example.com"), await api.create()
    here = {"workspace_id": api.context.viewer.workspace_id}
    followed = {**here, "link_id": referral["link"]["id"]}
    async with (
        subscribed(api, types=["referral.clicked"]) as reader,
        Ledger(api.services.database, api.services.clock) as ledger,
    ):
        for _ in range(2):  # the second time everything is known about the links
            others = visit(**followed, agent="Googlebot/2.1"), visit(**here, link_id=link["id"])
            await committed(ledger, *others)
            (click,) = await committed(ledger, visit(**followed))
            await reader.until(len(reader.events) + 1)
    assert reader.types == ["referral.clicked"] * 2
    told = reader.events[-1]
    assert (told["subject"], told["at"]) == ({"id": referral["id"]}, instants.written(click.at))
    assert told["data"]["clickId"] == click.id
    assert told["data"]["linkId"] == referral["link"]["id"]


async def test_who_comes_back_gets_what_was_missed(api: Api) -> None:
    """RT-12: from a cursor, then live, each once."""
    async with subscribed(api, types=["link.created"]) as reader:
        await api.create()
        await reader.until(1)
    missed = [(await api.create())["id"] for _ in range(120)]
    async with subscribed(api, types=["link.created"], after=reader.cursor) as again:
        await again.until(120)
        live = await api.create()
        await again.until(121)
    assert [event["data"]["id"] for event in again.events] == [*missed, live["id"]]


async def test_a_bulk_job_is_told_row_by_row(api: Api) -> None:
    """Batched in the database, never silent: numbered without holes."""
    links = [{"destination": f"https://example.com/{number}"} for number in range(1_200)]
    start = """mutation ($links: [CreateLinkInput!]) { bulkCreateLinks(input: { links: $links }) {
      bulkJob { id } userErrors { code } } }"""
    types = ["link.created", "job.succeeded"]
    async with subscribed(api, types=types) as before:
        pass
    await api(start, links=links)
    await work_off(api.services)
    async with subscribed(api, types=types, after=before.cursor) as reader:
        await reader.until(1_201)
    assert sorted(event["data"]["destination"] for event in reader.events[:-1]) == sorted(
        each["destination"] for each in links
    )
    assert reader.types[-1] == "job.succeeded"
    head = await api.services.database["event_heads"].find_one({"_id": api.context.viewer.workspace_id})
    counted = await api.services.database["outbox"].aggregate(
        [
            {"$match": {"workspace_id": api.context.viewer.workspace_id}},
            {"$group": {"_id": None, "n": {"$sum": "$count"}}},
        ]
    )
    assert head is not None
    assert [row["n"] for row in await counted.to_list()] == [head["seq"]]


async def test_a_filter_chooses_by_the_link(api: Api) -> None:
    """An engagement feed for each owner."""
    wanted = {"attribute": {"name": "owner", "in": ["ana"]}}
    async with subscribed(api, filter=wanted) as reader:
        await api.create(attributes={"owner": "ben"})
        mine = await api.create(attributes={"owner": "ana"})
        click = await clicked(api, mine["id"], api.context.clock(), attributes=(("owner", "ana"),))
        await converted(api, clickId=click.id, orderId="1")
        await reader.until(2)
    assert reader.types == ["link.created", "conversion.recorded"]
    assert await refusal(api, filter={"countries": ["NL"]}) == "BAD_REQUEST"


async def test_nobody_hears_what_his_key_may_not_read(api: Api) -> None:
    """AU-02: a named type is forbidden; a pattern means what is allowed."""
    reader_key = api.acting(Scope.LINKS_READ)
    assert await refusal(reader_key, types=["conversion.recorded"]) == "FORBIDDEN"
    assert await refusal(reader_key, types=["nothing.happened"]) == "BAD_REQUEST"
    async with subscribed(reader_key) as reader:
        await converted(api, orderId="1")
        await promoted(api)
        await api.create()
        await reader.until(1)
    assert reader.types == ["link.created"]


async def test_cursors_of_other_feeds_are_none(api: Api) -> None:
    """RT-07, RT-13: of another workspace, of clicks, or made up."""
    other = await workspace(api.services)
    async with subscribed(other) as reader:
        theirs = reader.cursor
    clicks: Any = await api.schema.subscribe(
        "subscription { clicks { cursor } }", context_value=api.context.fork()
    )
    async with aclosing(clicks):
        of_clicks = (await anext(clicks)).data["clicks"]["cursor"]
    for cursor in (theirs, of_clicks, "x"):
        assert await refusal(api, after=cursor) == "BAD_CURSOR"


async def test_what_did_not_happen_is_not_told(api: Api) -> None:
    """The event is written with what it tells: a call that is refused, or loses a race, tells nothing."""
    async with subscribed(api, types=["link.*"]) as reader:
        await api.create(slug="only-once")
        create = "mutation ($input: CreateLinkInput!) { createLink(input: $input) { userErrors { code } } }"
        given = {"destination": "https://example.com/", "slug": "only-once"}
        results = await asyncio.gather(*(api(create, input=given) for _ in range(10)))
        assert all(each["createLink"]["userErrors"] for each in results)
        last = await api.create()
        await reader.until(2)
    assert [event["data"]["id"] for event in reader.events][-1] == last["id"]


async def test_two_sequencers_number_each_event_once(opened: Services) -> None:
    """Without any lease: they meet at the heads of the sequence."""
    api = await workspace(opened)
    first, second = sequencer(opened, "first"), sequencer(opened, "second")
    async with subscribed(api, types=["link.created"]) as reader:
        made = [(await api.create())["id"] for _ in range(20)]
        while any(await asyncio.gather(first.once(), second.once())):
            pass
        await reader.until(20)
    assert [event["data"]["id"] for event in reader.events] == made
    pending = {"workspace_id": api.context.viewer.workspace_id, "pending": True}
    assert await opened.database["outbox"].count_documents(pending) == 0


async def test_one_process_holds_the_lease(opened: Services) -> None:
    first = Sequences(opened.database, "first", opened.clock)
    second = Sequences(opened.database, "second", opened.clock)
    assert [await first.lease(), await second.lease(), await first.lease()] == [True, False, True]


async def test_redis_is_not_needed(opened: Services) -> None:
    """News are lost, and the reader finds the events in the database within a second or two."""
    api = await workspace(opened)
    mute = Sequencer(
        Sequences(opened.database, "mute", opened.clock),
        Announcements(opened.redis, "another_database", "events"),
        Counts(),
    )
    async with subscribed(api, types=["link.created"]) as reader:
        link = await api.create()
        assert await mute.once()
        await reader.until(1)
    assert reader.events[0]["subject"] == {"id": link["id"]}
