"""Every total, series and breakdown is what counting visits one by one gives."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.services import Services
from domain import analytics, analytics_answers, folds, intervals, journals
from domain.analytics import Analytics, Figures, Need, Selection
from domain.attributes import Scalar
from domain.click_filters import EVERY_CLICK
from domain.clicks import ClickKind, ClicksCommitted, Device
from domain.dimensions import Dimension
from domain.errors import LimitExceeded
from domain.folds import Fold
from domain.intervals import Interval
from domain.ledgers import Moved
from domain.matches import Match
from domain.periods import Period
from domain.visits import Belonging, Outcome, Purpose, VisitRecord
from storage.folds import Folds
from storage.ledgers import Ledger
from tests.delivery import oracle
from tests.delivery.workers import LINK, new_id, stretch, visit

CLOCKS_FORWARD = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp() * 1000)
"""When clocks are put forward in London; in Lord Howe they go back half an hour a week later."""
HOUR = 3_600_000
ZONES = ("UTC", "Europe/London", "Asia/Kathmandu", "America/New_York")
LINKS = ("lnk_a", "lnk_b", "lnk_c")
ANSWERED = [
    each
    for each in Dimension
    if each not in {Dimension.REGION, Dimension.OS, Dimension.BROWSER, Dimension.LANGUAGE}
]
ASKED = [each for each in ANSWERED if not each.startswith("UTM_") or each is Dimension.UTM_SOURCE]

belongings = st.builds(
    Belonging,
    campaign_id=st.sampled_from([None, "cmp_a", "cmp_b"]),
    template_id=st.sampled_from([None, "tpl_a"]),
    attributes=st.lists(
        st.tuples(
            st.sampled_from(["segment", "seats"]), st.sampled_from(["smb", "big", "", 5, 51.507351, True])
        ),
        max_size=3,
        unique=True,
    ).map(tuple),
)
instants = st.one_of(
    st.integers(CLOCKS_FORWARD - 40 * HOUR, CLOCKS_FORWARD + 40 * HOUR),
    st.integers(-160, 160).flatmap(
        lambda quarter: st.sampled_from([-1, 0, 1]).map(lambda ms: CLOCKS_FORWARD + quarter * 900_000 + ms)
    ),
)
visits = st.builds(
    visit,
    at_ms=instants,
    link_id=st.sampled_from(LINKS),
    outcome=st.sampled_from([Outcome.REDIRECT] * 5 + [Outcome.EXPIRED]),
    purpose=st.sampled_from([Purpose.FOLLOW] * 4 + [Purpose.HEAD, Purpose.PREFETCH]),
    agent=st.sampled_from(sorted(oracle.AGENTS)),
    visitor=st.sampled_from([b"", b"one", b"two"]),
    country=st.sampled_from(["", "DE", "FR", "GB"]),
    city=st.sampled_from(["", "Köln", "$gt", "a.b"]),
    referrer=st.sampled_from(["", "news.example", "x.example"]),
    variant=st.sampled_from([None, "a", "b"]),
    rule=st.sampled_from([None, "EU"]),
    tags=st.lists(st.sampled_from(["x", "y", "z"]), unique=True, max_size=3).map(tuple),
    utm=st.sampled_from([(None,) * 5, ("mail", None, None, None, None)]),
    belonging=belongings.map(journals.belonging),
)
CONDITIONS: dict[str, st.SearchStrategy[object]] = {
    "link_ids": st.frozensets(st.sampled_from(LINKS), max_size=2),
    "campaign_id": st.sampled_from(["cmp_a", "cmp_b"]),
    "template_id": st.just("tpl_a"),
    "tags": st.frozensets(st.sampled_from(["x", "y"]), min_size=1),
    "countries": st.frozensets(st.sampled_from(["DE", "FR"]), min_size=1),
    "devices": st.just(frozenset({Device.MOBILE})),
    "variants": st.frozensets(st.sampled_from(["a", "b"]), min_size=1),
    "kinds": st.frozensets(st.sampled_from(list(ClickKind)), max_size=3),
    "attribute": st.sampled_from(
        [
            ("segment", Match(among=frozenset({"smb"}))),
            ("segment", Match(among=frozenset({"smb", "big"}))),
            ("segment", Match(exists=False)),
            ("seats", Match(least=5, below=51.507351)),
            ("seats", Match(among=frozenset({"5"}))),
            ("seats", Match(among=frozenset({"51.507351", "true"}))),
        ]
    ),
}
filters = (
    st.lists(st.sampled_from(sorted(CONDITIONS)), unique=True, max_size=3)
    .flatmap(lambda names: st.fixed_dictionaries({name: CONDITIONS[name] for name in names}))
    .map(lambda given: msgspec.structs.replace(EVERY_CLICK, **given))
)
edges = st.one_of(instants, st.integers(-40, 40).map(lambda hour: CLOCKS_FORWARD + hour * HOUR))
periods = st.builds(
    lambda start, end, open_: Period(min(start, end), max(start, end) + (start == end), open_),
    edges,
    edges,
    st.booleans(),
)
selections = st.builds(Selection, periods, filters)


async def shipped(
    opened: Services, ledger: Ledger, workspace_id: str, pieces: Sequence[Sequence[VisitRecord]]
) -> None:
    """Commit visits in several stretches, each tried twice, on two slots; what comes early is folded."""
    for number, records in enumerate(pieces):
        own = [oracle.moved(record, workspace_id) for record in records]
        piece = stretch(*own, journal_id=new_id("clk").removeprefix("clk_"))
        await ledger.offset_of(piece.journal_id)
        await ledger.commit(piece, number % 2)
        with pytest.raises(Moved):
            await ledger.commit(piece, number % 2)
        if number < len(pieces) - 1:
            await folded(opened, workspace_id)


async def folded(opened: Services, workspace_id: str) -> None:
    """Fold what the workspace has so far."""
    store = Folds(opened.database)
    for lag in await store.lagging():
        if lag.workspace_id == workspace_id:
            clicks = await store.unfolded(workspace_id, lag.slot, upto=lag.head, limit=10_000)
            fold = Fold(lag.slot, clicks[0].seq - 1)
            fold.add(ClicksCommitted(lag.slot, clicks[0].seq, clicks[-1].seq, tuple(clicks)))
            await store.commit(workspace_id, fold)


@settings(
    max_examples=25,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    pieces=st.lists(st.lists(visits, min_size=1, max_size=40), min_size=1, max_size=4),
    asked=st.lists(selections, min_size=4, max_size=8),
)
async def test_every_figure_is_what_counting_gives(
    opened: Services, ledger: Ledger, pieces: list[list[VisitRecord]], asked: list[Selection]
) -> None:
    """CL-06, CL-14, GQ-13: kinds, late and replayed clicks, midnights, changed clocks, folded and not."""
    workspace_id = new_id("ws")
    await shipped(opened, ledger, workspace_id, pieces)
    clicks = oracle.seen(itertools.chain.from_iterable(pieces))
    for selection in asked:
        await assert_exact(opened.analytics, workspace_id, clicks, selection)


async def assert_exact(
    answers: Analytics, workspace_id: str, clicks: Sequence[oracle.Seen], selection: Selection
) -> None:
    """Totals, series in every interval, and breakdowns by every dimension."""
    wanted = selection.wanted
    (table,) = await answers.tables(workspace_id, [Need(selection)])
    assert analytics.totals(table, wanted) == oracle.totals(clicks, selection)
    zone = ZONES[selection.period.start % len(ZONES)]
    for interval in (Interval.HOUR, Interval.DAY, Interval.WEEK):
        starts = intervals.starts(selection.period, interval, zone)
        (table,) = await answers.tables(workspace_id, [analytics.for_series(selection, starts)])
        found = analytics.series(table, starts, wanted)
        assert found == oracle.series(clicks, selection, starts), (interval, zone, selection)
    needs = [
        analytics.for_breakdown(selection, by, "segment" if by is Dimension.ATTRIBUTE else None)
        for by in ASKED
    ]
    for by, need in zip(ASKED, needs, strict=True):
        (table,) = await answers.tables(workspace_id, [need])
        found_by = analytics.breakdown(table, by, zone, wanted)
        assert found_by == oracle.breakdown(clicks, selection, by, need.attribute, zone), (
            by,
            zone,
            selection,
        )


def told(*values: Scalar, **changes: Any) -> VisitRecord:
    """Somebody's visit in a full hour, on a link whose segments are these."""
    own = journals.belonging(Belonging(None, None, tuple(("segment", value) for value in values)))
    return visit(**{"at_ms": CLOCKS_FORWARD, "visitor": b"", "belonging": own} | changes)


def in_hour(**wanted: Any) -> Selection:
    """The clicks of that hour that a filter wants."""
    period = Period(CLOCKS_FORWARD, CLOCKS_FORWARD + HOUR)
    return Selection(period, msgspec.structs.replace(EVERY_CLICK, **wanted))


async def test_the_empty_text_is_no_value(opened: Services, ledger: Ledger) -> None:
    """A1: whether roll-ups or clicks are asked, it counts with links that have no such attribute."""
    workspace_id = new_id("ws")
    await shipped(opened, ledger, workspace_id, [[told(""), told(""), told(), told("smb")]])
    for selection in (in_hour(), in_hour(link_ids=frozenset({LINK}), devices=frozenset({Device.MOBILE}))):
        need = analytics.for_breakdown(selection, Dimension.ATTRIBUTE, "segment")
        (table,) = await opened.analytics.tables(workspace_id, [need])
        assert table == {"": [3], "smb": [1]}


async def test_a_full_table_has_an_exact_remainder(
    opened: Services, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where clicks with several tags, or values of an attribute, come once it is full."""
    monkeypatch.setattr(folds, "SMALL_BYTES", 0)
    monkeypatch.setattr(folds, "TABLE_BYTES", 60)
    workspace_id = new_id("ws")
    alone = [told(f"alone-{each}", tags=(f"alone-{each}",)) for each in range(6)]
    several = [told("one", "two", "three", tags=("one", "two", "three")) for _ in range(4)]
    await shipped(opened, ledger, workspace_id, [alone, several, [told()]])
    await folded(opened, workspace_id)
    clicks = oracle.seen([*alone, *several, told()])
    for by, attribute in ((Dimension.TAG, None), (Dimension.ATTRIBUTE, "segment")):
        (table,) = await opened.analytics.tables(
            workspace_id, [analytics.for_breakdown(in_hour(), by, attribute)]
        )
        expected = oracle.breakdown(clicks, in_hour(), by, attribute)
        slices = analytics.sliced(analytics.breakdown(table, by, "UTC", EVERY_CLICK), 250)
        assert len(slices.largest) < len(expected) == 10
        assert dict(slices.largest) == {key: expected.pop(key) for key, _ in slices.largest}
        assert slices.other == Figures(sum(figures.clicks for figures in expected.values()))


async def test_clicks_are_counted_before_they_are_read_for_a_full_table(
    opened: Services, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where roll-ups turn out not to tell, the limit of reading one by one is the same."""
    monkeypatch.setattr(folds, "SMALL_BYTES", 0)
    monkeypatch.setattr(folds, "TABLE_BYTES", 20)
    workspace_id = new_id("ws")
    await shipped(opened, ledger, workspace_id, [[told(country=each) for each in ("DE", "FR", "GB")]])
    await folded(opened, workspace_id)
    need = Need(in_hour(countries=frozenset({"GB"})))
    monkeypatch.setattr(analytics_answers, "MAX_CLICKS", 3)
    assert await opened.analytics.tables(workspace_id, [Need(in_hour()), need]) == [{"": [3]}, {"": [1]}]
    monkeypatch.setattr(analytics_answers, "MAX_CLICKS", 2)
    with pytest.raises(LimitExceeded, match="need 3 clicks read one by one; at most 2 are possible"):
        await opened.analytics.tables(workspace_id, [Need(in_hour()), need])


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [("Pacific/Kiritimati", "1975-06-01T10:40:00Z"), ("Africa/Monrovia", "1971-06-01T00:44:30Z")],
)
async def test_points_begin_at_old_midnights(
    opened: Services, ledger: Ledger, zone: str, midnight: str
) -> None:
    """CL-14: also where offsets were no quarters of an hour, and clicks of wrong clocks are as old."""
    workspace_id = new_id("ws")
    at_ms = int(datetime.fromisoformat(midnight).timestamp() * 1000)
    old = [visit(at_ms=at_ms + each, visitor=b"") for each in (-1, 0, 1)]
    pieces = [old, [visit(at_ms=CLOCKS_FORWARD)], [visit(at_ms=at_ms - 1)]]
    await shipped(opened, ledger, workspace_id, pieces)
    selection = Selection(Period(HOUR // 2, CLOCKS_FORWARD + 1), EVERY_CLICK)
    starts = intervals.starts(selection.period, Interval.MONTH, zone)
    (table,) = await opened.analytics.tables(workspace_id, [analytics.for_series(selection, starts)])
    found = analytics.series(table, starts, EVERY_CLICK)
    assert found == oracle.series(oracle.seen(itertools.chain.from_iterable(pieces)), selection, starts)
    begun = starts.index(at_ms)
    assert [each.clicks for each in found[begun - 1 : begun + 1]] == [2, 2]
