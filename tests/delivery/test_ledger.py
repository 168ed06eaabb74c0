"""Clicks reach the ledger exactly once, whoever ships them and however often."""

import asyncio
import random

import pytest

from app.services import Services
from domain.clicks import Click, ClickKind
from domain.errors import Unavailable
from domain.ledgers import JournalClosed, Moved
from domain.visitors import DAY_MS
from domain.visits import Outcome, Purpose
from storage import codec
from storage.ledgers import Ledger
from storage.stats import Stats
from tests.delivery.workers import LINK, PHONE, committed, new_id, stretch, visit

WORKSPACE = visit().workspace_id


async def test_a_stretch_shipped_again_is_refused(opened: Services, ledger: Ledger) -> None:
    """CL-06: the same stretch shipped three times is one row a click."""
    piece = stretch(visit(), visit())
    await ledger.offset_of(piece.journal_id)
    await ledger.commit(piece, 0)
    for _ in range(2):
        with pytest.raises(Moved):
            await ledger.commit(piece, 0)
    assert await opened.database.clicks.count_documents({}) == 2
    assert await ledger.offset_of(piece.journal_id) == piece.end


async def test_workers_with_the_same_stretch_store_it_once(opened: Services, ledgers: list[Ledger]) -> None:
    """CL-06: the same stretch shipped by workers at once, in different slots, is one row a click."""
    for _ in range(10):
        piece = stretch(*(visit(visitor=new_id("clk").encode()) for _ in range(20)))
        await ledgers[0].offset_of(piece.journal_id)
        outcomes = await asyncio.gather(
            *(ledger.commit(piece, slot) for slot, ledger in enumerate(ledgers)), return_exceptions=True
        )
        assert sum(isinstance(outcome, Moved) for outcome in outcomes) == 3
    assert await opened.database.clicks.count_documents({}) == 200
    figures = await Stats(opened.database).by_links(WORKSPACE, [LINK])
    assert (figures[LINK].clicks, figures[LINK].uniques) == (200, 200)


async def test_what_is_stored_is_what_was_told(opened: Services, ledger: Ledger) -> None:
    """Readers find each click as the ledger's news have it, whatever a visitor sends."""
    clicks = await committed(
        ledger,
        visit(country="DE", region="DE-BE", city="Berlin", languages="de-AT", referrer="t.co", qr=True),
        visit(country="DE", city="nul\0byte", referrer="$gt", utm=("a.b", None, None, None, None)),
        visit(tags=("a", "b"), rule="EU", variant="A", noise=b"0123456789", destination=None),
        visit(link_id=None, slug="nothing", outcome=Outcome.NOT_FOUND, destination=None),
    )
    stored = await opened.database.clicks.find({}).sort("seq", 1).to_list()
    assert [codec.to_value(document, Click) for document in stored] == clicks


async def test_a_click_that_is_there_already_stops_its_whole_transaction(
    opened: Services, ledger: Ledger
) -> None:
    """Nothing of a stretch is stored while one of its clicks cannot be: not its visitors, not its offset."""
    piece = stretch(visit(), visit())
    await ledger.offset_of(piece.journal_id)
    await opened.database.clicks.insert_one({"_id": piece.entries[1].click.id})
    with pytest.raises(Unavailable, match="duplicate keys"):
        await ledger.commit(piece, 0)
    assert await ledger.offset_of(piece.journal_id) == 0
    kept = [await opened.database[name].count_documents({}) for name in ("clicks", "visitors", "stats")]
    assert kept == [1, 0, 0]


async def test_a_double_click_is_one_visitor(opened: Services, ledger: Ledger) -> None:
    """CL-07: a double click 200 ms apart counts 2 clicks and 1 unique, in one transaction or two."""
    at_ms = visit().at_ms
    first, second = await committed(ledger, visit(at_ms=at_ms), visit(at_ms=at_ms + 200))
    (third,) = await committed(ledger, visit(at_ms=at_ms + 400), slot=1)
    assert [click.unique for click in (first, second, third)] == [True, False, False]
    figures = await Stats(opened.database).by_links(WORKSPACE, [LINK])
    assert (figures[LINK].clicks, figures[LINK].uniques) == (3, 1)


async def test_visitors_are_told_apart_by_link_and_day(ledger: Ledger) -> None:
    """CL-08: other visitors, links and days are unique again; who cannot be told apart never is."""
    at_ms = 1_800_000_000_000
    clicks = await committed(
        ledger,
        visit(at_ms=at_ms),
        visit(at_ms=at_ms, visitor=b"visitor number 2"),
        visit(at_ms=at_ms, link_id=new_id("lnk")),
        visit(at_ms=at_ms + DAY_MS),
        visit(at_ms=at_ms, visitor=b""),
        visit(at_ms=at_ms),
    )
    assert [click.unique for click in clicks] == [True, True, True, True, False, False]


async def test_only_people_who_were_redirected_count(opened: Services, ledger: Ledger) -> None:
    """RD-04, RD-05, CL-09: everything is kept, totals count HUMAN redirects."""
    clicks = await committed(
        ledger,
        visit(),
        visit(purpose=Purpose.HEAD),
        visit(purpose=Purpose.PREFETCH),
        visit(agent="curl/8.0"),
        visit(agent="Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"),
        visit(outcome=Outcome.EXPIRED, destination=None),
    )
    assert [click.kind for click in clicks] == [
        ClickKind.HUMAN,
        ClickKind.HEAD,
        ClickKind.PREFETCH,
        ClickKind.BOT,
        ClickKind.PREVIEW,
        ClickKind.HUMAN,
    ]
    assert [click.unique for click in clicks] == [True, False, False, False, False, False]
    figures = (await Stats(opened.database).by_links(WORKSPACE, [LINK]))[LINK]
    assert (figures.clicks, figures.uniques, figures.bots) == (1, 1, 1)
    assert figures.last_click_at == clicks[0].at


@pytest.mark.parametrize(
    "agent", ["", " ", "x" * 10_000, "a\nb", "$where", "nul\0byte", '{"$gt": ""}', "\u2028", "ﬀ" * 512]
)
async def test_hostile_agents_are_only_text(opened: Services, ledger: Ledger, agent: str) -> None:
    """CL-09: whatever an agent says is classed and stored; none becomes a key or an operator."""
    (click,) = await committed(ledger, visit(agent=agent))
    assert click.kind in ClickKind
    assert max(len(text) for text in (click.os or "", click.browser or "")) <= 64
    assert await opened.database.clicks.count_documents({"_id": click.id}) == 1


async def test_a_clock_that_steps_back_changes_no_order(opened: Services, ledger: Ledger) -> None:
    """CL-14: clicks 10 minutes older than the last follow it in the feed; the newest stays the last click."""
    at_ms = visit().at_ms
    clicks = await committed(ledger, visit(at_ms=at_ms), visit(at_ms=at_ms - 600_000))
    clicks += await committed(ledger, visit(at_ms=at_ms - 700_000))
    assert [click.seq for click in clicks] == [1, 2, 3]
    figures = (await Stats(opened.database).by_links(WORKSPACE, [LINK]))[LINK]
    assert (figures.clicks, figures.last_click_at) == (3, clicks[0].at)


async def test_workers_on_one_link_do_not_disturb_each_other(opened: Services, ledgers: list[Ledger]) -> None:
    """CL-17: four slots on one slug: no conflict surfaces, and the figures are the clicks."""
    dice = random.Random(17)

    async def work(slot: int) -> None:
        for _ in range(10):
            visitors = [f"visitor {dice.randrange(60)}".encode() for _ in range(50)]
            await committed(ledgers[slot], *(visit(visitor=visitor) for visitor in visitors), slot=slot)

    await asyncio.gather(*(work(slot) for slot in range(4)))
    figures = (await Stats(opened.database).by_links(WORKSPACE, [LINK]))[LINK]
    assert figures.clicks == await opened.database.clicks.count_documents({"link_id": LINK}) == 2000
    assert figures.uniques == await opened.database.clicks.count_documents({"unique": True}) == 60


async def test_two_workers_in_one_slot_still_number_without_holes(
    opened: Services, ledgers: list[Ledger]
) -> None:
    """Correctness never depends on the lease: a slot used twice makes transactions conflict, nothing else."""
    for _ in range(2):
        await asyncio.gather(*(committed(ledger, *([visit()] * 5), slot=3) for ledger in ledgers))
    stored = await opened.database.clicks.find({"slot": 3}).sort("seq", 1).to_list()
    assert [document["seq"] for document in stored] == list(range(1, 41))
    head = await opened.database.feeds.find_one({"_id": f"{WORKSPACE}/3"})
    assert head is not None
    assert head["seq"] == 40


async def test_workspaces_have_feeds_of_their_own(ledger: Ledger) -> None:
    """One transaction numbers the clicks of each workspace from 1."""
    other = new_id("ws")
    piece = stretch(visit(), visit(workspace_id=other), visit(), visit(workspace_id=other))
    await ledger.offset_of(piece.journal_id)
    news = await ledger.commit(piece, 7)
    assert {name: (each.slot, each.first, each.last) for name, each in news.items()} == {
        WORKSPACE: (7, 1, 2),
        other: (7, 1, 2),
    }


async def test_a_closed_journal_is_never_shipped_again(ledger: Ledger) -> None:
    """A journal that was shipped completely says so, also to a worker that still finds its folder."""
    piece = stretch(visit())
    await ledger.offset_of(piece.journal_id)
    await ledger.close(piece.journal_id)
    with pytest.raises(JournalClosed):
        await ledger.offset_of(piece.journal_id)


async def test_no_address_and_no_agent_is_stored(opened: Services, ledger: Ledger) -> None:
    """PR-03: the ledger has facts about the visit, not what identifies the visitor."""
    await committed(ledger, visit())
    for collection in ("clicks", "visitors", "stats", "feeds", "journals"):
        async for document in opened.database[collection].find({}):
            assert PHONE not in repr(document)
            assert "visitor number 1" not in repr(document)
