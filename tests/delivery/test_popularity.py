"""The figure that MOST_CLICKED goes by follows the ledger, whoever counts and however often."""

import asyncio
from datetime import timedelta

import pytest

from app.services import Services
from domain import popularity
from domain.link_lists import LinkFilter, LinkOrder
from domain.links import Link
from domain.paging import Window
from storage import popularity as kept
from storage.ledgers import Ledger
from storage.popularity import MongoPopularity
from storage.stats import Stats
from tests.delivery.workers import committed, new_id, visit

WORKSPACE = visit().workspace_id


async def three_links(opened: Services) -> list[str]:
    now = opened.clock()
    links = [
        Link(
            id=new_id("lnk"),
            workspace_id=WORKSPACE,
            domain="s.example",
            slug=f"link-{number}",
            slug_key=f"link-{number}",
            destination="https://example.com/",
            created_at=now + timedelta(seconds=number),
            updated_at=now,
        )
        for number in range(3)
    ]
    assert await opened.links.add_many(WORKSPACE, links) == {}
    return [link.id for link in links]


async def most_clicked(opened: Services) -> list[tuple[str, int]]:
    """Each link with its figure, in the order of the list."""
    every = LinkFilter(now=opened.clock())
    page = await opened.link_lists.page(WORKSPACE, every, LinkOrder.MOST_CLICKED, Window())
    return [(listed.link.id, int(listed.place[0])) for listed in page.items]


async def test_a_round_counts_people_once(opened: Services, ledger: Ledger) -> None:
    first, second, third = await three_links(opened)
    store, stats = MongoPopularity(opened.database), Stats(opened.database)
    assert await popularity.round_of(store, stats) == 0
    visits = [visit(link_id=each) for each in (second, second, second, first, first)]
    await committed(ledger, *visits, visit(link_id=third, agent="curl/8"), visit(link_id=new_id("lnk")))
    assert await popularity.round_of(store, stats) == 4
    assert await most_clicked(opened) == [(second, 3), (first, 2), (third, 0)]
    await committed(ledger, visit(link_id=third), slot=1)
    assert await popularity.round_of(store, stats) == 1
    assert await popularity.round_of(store, stats) == 0
    assert await most_clicked(opened) == [(second, 3), (first, 2), (third, 1)]


async def test_a_round_that_broke_off_is_repeated(opened: Services, ledger: Ledger) -> None:
    """Figures are those of the ledger, so counting twice, or at the same time, adds nothing."""
    first, *_ = await three_links(opened)
    store, stats = MongoPopularity(opened.database), Stats(opened.database)
    await committed(ledger, visit(link_id=first), visit(link_id=first))
    (piece,) = await store.ahead()
    await store.keep(WORKSPACE, {first: 2})
    await asyncio.gather(*(popularity.round_of(store, stats) for _ in range(3)))
    assert (await most_clicked(opened))[0] == (first, 2)
    await store.keep(WORKSPACE, {first: 1})
    await store.settle(piece)
    assert (await most_clicked(opened))[0] == (first, 2)
    assert await store.ahead() == []


async def test_an_edit_keeps_the_figure(opened: Services, ledger: Ledger) -> None:
    first, *_ = await three_links(opened)
    store, stats = MongoPopularity(opened.database), Stats(opened.database)
    await committed(ledger, visit(link_id=first))
    old = await opened.links.by_id(WORKSPACE, first)
    assert old is not None
    await popularity.round_of(store, stats)
    fields = {name: getattr(old, name) for name in old.__struct_fields__}
    new = Link(**(fields | {"title": "Other", "version": 2}))
    assert await opened.links.update(WORKSPACE, old, new) is None
    assert await opened.links.by_id(WORKSPACE, first) == new
    assert (await most_clicked(opened))[0] == (first, 1)


async def test_a_backlog_is_counted_in_pieces(
    opened: Services, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PIECE", 2)
    monkeypatch.setattr(kept, "PIECES", 2)
    first, *_ = await three_links(opened)
    await committed(ledger, *(visit(link_id=first) for _ in range(5)))
    store, stats = MongoPopularity(opened.database), Stats(opened.database)
    assert [(piece.after, piece.upto) for piece in await store.ahead()] == [(0, 2), (2, 4)]
    await popularity.round_of(store, stats)
    assert [(piece.after, piece.upto) for piece in await store.ahead()] == [(4, 5)]


async def test_one_process_has_the_round(opened: Services) -> None:
    stores = [MongoPopularity(opened.database) for _ in range(4)]
    assert sorted(await asyncio.gather(*(store.begin() for store in stores))) == [False, False, False, True]
    await opened.database.popularity.update_one(
        {"_id": "round"}, {"$set": {"at": opened.clock() - timedelta(seconds=kept.ROUND_SECONDS + 5)}}
    )
    assert sorted(await asyncio.gather(*(store.begin() for store in stores))) == [False, False, False, True]
