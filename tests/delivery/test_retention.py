"""Clicks leave when they are older than their workspace keeps them; their figures stay."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.services import Services
from delivery import retention
from delivery.retention import Counts, Retention
from domain import ids, instants
from domain.click_filters import EVERY_CLICK, ORPHANS
from domain.dimensions import Dimension
from domain.paging import Window
from domain.rollups import FIELDS, WORKSPACE, Asked
from domain.visits import Outcome
from domain.workspaces import Workspace
from storage.ledgers import Ledger
from storage.old_clicks import MongoOldClicks
from storage.rollups import Rollups
from tests.api import conftest as viewers
from tests.api.conftest import Api, Commands, stores_with
from tests.delivery.test_rollups import fold_all
from tests.delivery.workers import committed, new_id, visit

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY_MS = 86_400_000
KEEP = (
    "mutation ($days: Int) { updateWorkspace(input: { clickRetentionDays: $days }) { userErrors { code } } }"
)
FIGURES = """query ($last: String!) {
  analytics(range: { last: $last }, filter: { countries: ["GB"], devices: [MOBILE] }) {
    partial totals { clicks } } }"""


def at(days_ago: float) -> int:
    return round(NOW.timestamp() * 1000 - days_ago * DAY_MS)


def link_of(workspace_id: str) -> str:
    return workspace_id.replace("ws_", "lnk_")


async def workspace(opened: Services, days: int | None) -> str:
    """A workspace that keeps clicks for so many days, with a click or orphan for each of some ages."""
    made = Workspace(id=new_id("ws"), name="Test", click_retention_days=days, created_at=NOW)
    await opened.workspaces.first(made.id, made)
    return made.id


async def clicks(ledger: Ledger, workspace_id: str, *ages: float) -> None:
    own = visit(workspace_id=workspace_id, link_id=link_of(workspace_id))
    orphan = msgspec.structs.replace(own, link_id=None, outcome=Outcome.NOT_FOUND, slug="nobody")
    records = [msgspec.structs.replace(each, at_ms=at(age)) for age in ages for each in (own, orphan)]
    await committed(ledger, *records)


async def ages(opened: Services, workspace_id: str) -> list[tuple[float, bool]]:
    """How many days ago each click of the workspace was, and whether it was on a link."""
    window = Window(size=250)
    found = [
        click
        for wanted in (EVERY_CLICK, ORPHANS)
        for click in (await opened.clicks.page(workspace_id, wanted, window)).items
    ]
    return sorted(((NOW - click.at) / timedelta(days=1), click.link_id is not None) for click in found)


async def viewer(opened: Services) -> Api:
    """A viewer of a workspace of its own, whose now is NOW."""
    made = await viewers.workspace(opened)
    return replace(made, context=replace(made.context, clock=lambda: NOW))


async def figures(api: Api, last: str) -> Any:
    """Figures that only clicks can tell, and whether they may lack some."""
    return (await api(FIGURES, last=last))["analytics"]


async def test_old_clicks_leave_and_figures_stay(opened: Services, ledger: Ledger) -> None:
    """PR-05: 26 months later raw clicks are gone, aggregates stay; others' clicks stay as they are."""
    limited, forever = await workspace(opened, 790), await workspace(opened, None)
    for each in (limited, forever):
        await clicks(ledger, each, 800, 790.001, 789.999, 0.5)
    await fold_all(opened)
    counts, now = Counts(), [NOW]
    keeper = Retention(opened.workspaces, MongoOldClicks(opened.database), lambda: now[0], counts)
    before = await opened.stats.by_links(limited, [link_of(limited)])
    await keeper.round()
    assert await ages(opened, limited) == [(0.5, False), (0.5, True), (789.999, False), (789.999, True)]
    assert len(await ages(opened, forever)) == 8
    now[0] += timedelta(days=790)
    await keeper.round()
    assert await ages(opened, limited) == []
    assert len(await ages(opened, forever)) == 8
    assert (counts.clicks_removed, counts.rounds) == (8, 2)
    assert await opened.stats.by_links(limited, [link_of(limited)]) == before
    assert before[link_of(limited)].clicks == 4


async def test_many_leave_a_little_at_a_time(opened: Services, ledger: Ledger) -> None:
    """No removal takes more than a thousand; what is added late goes with the next round."""
    own = await workspace(opened, 30)
    old = visit(workspace_id=own, link_id=link_of(own), at_ms=at(40))
    for _ in range(3):
        await committed(ledger, *[old] * 900)
    await fold_all(opened)
    taken: list[int] = []

    class Watched(MongoOldClicks):
        async def remove(self, workspace_id: str, before: str, limit: int) -> int:
            taken.append(await super().remove(workspace_id, before, limit))
            return taken[-1]

    keeper = Retention(opened.workspaces, Watched(opened.database), lambda: NOW, Counts())
    await keeper.round()
    assert taken == [1_000, 1_000, 700, 0]
    await committed(ledger, old)
    await fold_all(opened)
    await keeper.round()
    assert taken[4:] == [1, 0]


@pytest.mark.parametrize("days", [None, 365])
async def test_figures_say_what_an_earlier_limit_removed(
    opened: Services, ledger: Ledger, days: int | None
) -> None:
    """Clicks do not come back with a limit that is raised or cleared: what needs them lacks them for ever."""
    api = await viewer(opened)
    own = visit(workspace_id=api.context.viewer.workspace_id, country="GB")
    await committed(ledger, *[msgspec.structs.replace(own, at_ms=at(age)) for age in (40, 10)])
    await fold_all(opened)
    assert await figures(api, "P90D") == {"partial": False, "totals": {"clicks": 2}}
    await api(KEEP, days=30)
    await Retention(opened.workspaces, MongoOldClicks(opened.database), lambda: NOW, Counts()).round()
    await api(KEEP, days=days)
    assert await figures(api, "P90D") == {"partial": True, "totals": {"clicks": 1}}
    assert await figures(api, "P39D") == {"partial": False, "totals": {"clicks": 1}}


async def test_a_limit_that_removed_nothing_leaves_no_mark(opened: Services, ledger: Ledger) -> None:
    api = await viewer(opened)
    own = visit(workspace_id=api.context.viewer.workspace_id, country="GB", at_ms=at(10))
    await committed(ledger, own)
    await fold_all(opened)
    await api(KEEP, days=30)
    await Retention(opened.workspaces, MongoOldClicks(opened.database), lambda: NOW, Counts()).round()
    assert await figures(api, "P90D") == {"partial": True, "totals": {"clicks": 1}}
    await api(KEEP, days=None)
    assert await figures(api, "P90D") == {"partial": False, "totals": {"clicks": 1}}


async def test_the_mark_is_set_before_clicks_leave_and_only_moves_on(
    opened: Services, ledger: Ledger
) -> None:
    """Whoever dies between the two has promised too little, never too much."""
    own = await workspace(opened, 30)
    await clicks(ledger, own, 40, 35)
    await fold_all(opened)
    bound, commands = ids.of("clk", at(30), bytes(10)), Commands()
    async with stores_with(opened, commands) as stores:
        assert await MongoOldClicks(stores.database).remove(own, bound, 1_000) == 2
        writes = [name for name in commands.sent if name in {"update", "delete"}]
    assert writes == ["update", "delete"]
    await clicks(ledger, own, 50)
    await fold_all(opened)
    while await MongoOldClicks(opened.database).remove(own, bound, 1_000):
        pass
    marked = await opened.workspaces.by_id(own)
    assert marked is not None
    assert marked.clicks_removed_before == instants.of_milliseconds(at(35) + 1)


async def test_every_workspace_is_looked_at(opened: Services, ledger: Ledger) -> None:
    """More of them than are read at once."""
    owners = [await workspace(opened, 1) for _ in range(retention._PAGE + 5)]
    await clicks(ledger, owners[-1], 2, 0.5)
    await clicks(ledger, owners[0], 2)
    await fold_all(opened)
    await Retention(opened.workspaces, MongoOldClicks(opened.database), lambda: NOW, Counts()).round()
    assert await ages(opened, owners[-1]) == [(0.5, False), (0.5, True)]
    assert await ages(opened, owners[0]) == []


async def test_what_roll_ups_do_not_have_yet_stays_until_they_do(opened: Services, ledger: Ledger) -> None:
    """However late a click comes in, it is counted before it leaves."""
    own = await workspace(opened, 30)
    await clicks(ledger, own, 40)
    await fold_all(opened)
    await clicks(ledger, own, 50)
    counts = Counts()
    keeper = Retention(opened.workspaces, MongoOldClicks(opened.database), lambda: NOW, counts)
    await keeper.round()
    assert await ages(opened, own) == [(50, False), (50, True)]
    await fold_all(opened)
    await keeper.round()
    assert await ages(opened, own) == []
    hours = at(60) // 3_600_000, at(0) // 3_600_000 + 1
    (links,) = await Rollups(opened.database).read(own, [Asked(WORKSPACE, FIELDS[Dimension.LINK], *hours)])
    assert links == {link_of(own): [2, 2]}


async def test_removal_reads_no_click_that_stays(opened: Services, ledger: Ledger) -> None:
    """Both kinds are found on indexes, in their order."""
    own = await workspace(opened, 30)
    await clicks(ledger, own, 40, 20, 10)
    for link_id in ({"$type": "string"}, None):
        query = {"workspace_id": own, "link_id": link_id, "_id": {"$lt": "clk_7"}}
        plan = await opened.database.clicks.find(query, {"_id": 1}).sort("_id", 1).limit(10).explain()
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
        assert "SORT" not in str(plan["queryPlanner"]["winningPlan"]).replace("SORT_", "")
