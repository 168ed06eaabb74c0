"""Roll-ups count every committed click once, whoever folds and whenever; readers see all of them."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.services import Services
from delivery import folds as folding
from delivery.counts import Counts
from delivery.folds import Folding
from domain import folds, journals, rollups
from domain.attributes import Scalar
from domain.clicks import Click, ClickKind, ClicksCommitted
from domain.dimensions import Dimension
from domain.errors import Unavailable
from domain.folds import Fold, Moved
from domain.rollups import (
    ATTRIBUTE_MARK,
    FIELDS,
    HOURS,
    OTHERS,
    SEVERAL,
    TIME,
    WHOLE_DAY,
    WORKSPACE,
    Asked,
    Group,
    Key,
    Scope,
    ScopeKind,
)
from domain.utm import Utm
from domain.visits import Belonging, Outcome, Purpose, VisitRecord
from storage import rollups as readers
from storage.folds import Folds
from storage.ledgers import Ledger
from storage.rollups import Rollups
from tests.delivery.workers import LINK, committed, new_id, stretch, visit

WORKSPACE_ID = visit().workspace_id
MIDNIGHT_MS = int(datetime(2026, 3, 29, tzinfo=UTC).timestamp() * 1000)
FIRST_HOUR = MIDNIGHT_MS // rollups.HOUR_MS
LINKS = [new_id("lnk") for _ in range(3)]
CAMPAIGNS = [new_id("cmp") for _ in range(2)]
AGENTS = [visit().agent, "curl/8.0", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"]
SEGMENTS: dict[Scalar, str] = {"smb": "smb", "big": "big", 5: "5", True: "true"}
HOSTILE = ["$gt", "a.b", "nul\0byte", "", "x" * 300, "🦊", OTHERS, "segment\x1fsmb"]


def some_visit(dice: random.Random) -> VisitRecord:
    """A visit within three days, of anybody, anywhere, also with values that databases dislike."""
    segment: Scalar = dice.choice(list(SEGMENTS))
    template_id = dice.choice([None, new_id("tpl")])
    belonging = Belonging(dice.choice([None, *CAMPAIGNS]), template_id, (("segment", segment),))
    return visit(
        at_ms=MIDNIGHT_MS + dice.randrange(3 * 24 * rollups.HOUR_MS),
        link_id=dice.choice(LINKS),
        outcome=dice.choice([Outcome.REDIRECT] * 6 + [Outcome.EXPIRED]),
        purpose=dice.choice([Purpose.FOLLOW] * 6 + [Purpose.HEAD, Purpose.PREFETCH]),
        agent=dice.choice(AGENTS),
        visitor=dice.choice([b"", b"one", b"two", b"three"]),
        country=dice.choice(["", "DE", "FR"]),
        city=dice.choice(["", "Köln", *HOSTILE]),
        referrer=dice.choice(HOSTILE),
        tags=tuple(dice.sample(["a", "b", "$c.d"], dice.randrange(4))),
        variant=dice.choice([None, "A"]),
        rule=dice.choice([None, "EU"]),
        utm=(dice.choice([None, "mail"]), None, None, None, None),
        belonging=journals.belonging(dice.choice([belonging, Belonging()])),
    )


def values_of(click: Click, dimension: Dimension) -> list[str]:
    """What a click counts as, by the contract's own words."""
    match dimension:
        case Dimension.LINK:
            found: Iterable[str | None] = [click.link_id]
        case Dimension.CAMPAIGN:
            found = [click.campaign_id]
        case Dimension.TEMPLATE:
            found = [click.template_id]
        case Dimension.TAG:
            found = [*click.tags, *[SEVERAL] * (len(click.tags) - 1)]
        case Dimension.ATTRIBUTE:
            found = [f"{path}{ATTRIBUTE_MARK}{SEGMENTS[value]}" for path, value in click.attributes]
        case _ if dimension.startswith("UTM_"):
            found = [getattr(click.utm, dimension.removeprefix("UTM_").lower())]
        case _:
            found = [getattr(click, dimension.lower())]
    return [value[:200] for value in found if value is not None]


def brute_force(
    clicks: Sequence[Click], asked: Asked, dimension: Dimension | None
) -> dict[str, Counter[str]]:
    """The answer, counted one by one."""
    start = timedelta(hours=asked.first_hour)
    answer: dict[str, Counter[str]] = {}
    for click in clicks:
        since = click.at - datetime(1970, 1, 1, tzinfo=UTC)
        members: dict[ScopeKind, Sequence[str | None]] = {
            ScopeKind.WORKSPACE: [""],
            ScopeKind.LINK: [click.link_id],
            ScopeKind.CAMPAIGN: [click.campaign_id],
            ScopeKind.TEMPLATE: [click.template_id],
            ScopeKind.TAG: click.tags,
        }
        inside = start <= since < timedelta(hours=asked.end_hour)
        if (
            click.outcome is not Outcome.REDIRECT
            or asked.scope.id not in members[asked.scope.kind]
            or not inside
        ):
            continue
        step = timedelta(minutes=asked.cell)
        for value in [str(since // step)] if dimension is None else values_of(click, dimension):
            counts = answer.setdefault(value, Counter())
            counts[click.kind] += 1
            counts["unique"] += click.unique
    return answer


def shown(found: dict[str, rollups.Counts]) -> dict[str, Counter[str]]:
    """An answer of the store in the words of `brute_force`."""
    answer: dict[str, Counter[str]] = {}
    for value, counts in found.items():
        answer[value] = +Counter({str(kind): count for kind, count in rollups.by_kind(counts).items()})
        answer[value]["unique"] += rollups.uniques(counts)
    return {value: +counts for value, counts in answer.items()}


def questions(dice: random.Random) -> list[tuple[Asked, Dimension | None]]:
    """Every dimension, and time in cells of each size, of random scopes over random hours."""
    made = []
    for dimension in [*FIELDS, None, None, None, None]:
        scopes = [
            WORKSPACE,
            Scope(ScopeKind.LINK, dice.choice(LINKS)),
            Scope(ScopeKind.CAMPAIGN, dice.choice(CAMPAIGNS)),
            Scope(ScopeKind.TAG, dice.choice(["a", "$c.d"])),
        ]
        first = FIRST_HOUR + dice.randrange(-5, 70)
        end = first + dice.choice([1, 5, 24, 49, 80])
        cell = dice.choice(rollups.CELLS) if dimension is None else rollups.QUARTER
        field = TIME if dimension is None else FIELDS[dimension]
        made += [(Asked(scope, field, first, end, cell), dimension) for scope in scopes]
    return made


async def assert_exact(opened: Services, clicks: Sequence[Click], dice: random.Random) -> None:
    """Everything that can be asked is what counting one by one gives."""
    asked = questions(dice)
    answers = await Rollups(opened.database).read(WORKSPACE_ID, [each for each, _ in asked])
    for (each, dimension), answer in zip(asked, answers, strict=True):
        expected = {value: +counts for value, counts in brute_force(clicks, each, dimension).items()}
        assert shown(dict(answer)) == expected, (each, dimension)


async def fold_all(opened: Services) -> None:
    """Fold whatever is not folded yet, in pieces of 70 clicks."""
    store = Folds(opened.database)
    for lag in await store.lagging():
        while clicks := await store.unfolded(lag.workspace_id, lag.slot, upto=lag.head, limit=70):
            await store.commit(lag.workspace_id, fold_of(clicks))


def fold_of(clicks: Sequence[Click]) -> Fold:
    first, last = clicks[0], clicks[-1]
    fold = Fold(first.slot, first.seq - 1)
    fold.add(ClicksCommitted(first.slot, first.seq, last.seq, tuple(clicks)))
    return fold


@pytest.mark.parametrize(("seed", "small_bytes"), [(1, folds.SMALL_BYTES), (2, 0), (3, 1_500)])
async def test_every_figure_is_what_counting_gives(
    opened: Services, ledger: Ledger, seed: int, small_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CL-14, GQ-13: random clicks, late ones, several slots; folded, half folded and not folded at all.

    Whether scopes stay in the document of their day or outgrow it changes no figure.
    """
    monkeypatch.setattr(folds, "SMALL_BYTES", small_bytes)
    dice = random.Random(seed)
    clicks: list[Click] = []
    for slot in (0, 1, 0, 1):
        clicks += await committed(ledger, *(some_visit(dice) for _ in range(100)), slot=slot)
        await assert_exact(opened, clicks, dice)
        await fold_all(opened)
        await assert_exact(opened, clicks, dice)
    clicks += await committed(ledger, *(some_visit(dice) for _ in range(50)), slot=0)
    await assert_exact(opened, clicks, dice)


async def test_a_fold_counts_once_however_often_it_is_tried(opened: Services, ledger: Ledger) -> None:
    """CL-06: the same stretch folded three times, also by two workers at once, counts once."""
    clicks = await committed(ledger, *(visit(visitor=str(each).encode()) for each in range(10)))
    for _ in range(3):
        await asyncio.gather(
            *(Folds(opened.database).commit(WORKSPACE_ID, fold_of(clicks)) for _ in range(3)),
            return_exceptions=True,
        )
    hour = visit().at_ms // rollups.HOUR_MS
    (found,) = await Rollups(opened.database).read(WORKSPACE_ID, [Asked(WORKSPACE, TIME, hour - 1, hour + 1)])
    assert rollups.total(found.values()) == [10, 10]


async def test_a_fold_that_begins_elsewhere_is_refused(opened: Services, ledger: Ledger) -> None:
    """What lies between the end of the roll-ups and a fold would be lost for good."""
    clicks = await committed(ledger, *(visit() for _ in range(10)))
    store = Folds(opened.database)
    with pytest.raises(Moved):
        await store.commit(WORKSPACE_ID, fold_of(clicks[5:]))
    await store.commit(WORKSPACE_ID, fold_of(clicks[:5]))
    with pytest.raises(Moved):
        await store.commit(WORKSPACE_ID, fold_of(clicks[3:]))
    assert await opened.database.folded.find({}).to_list() == [
        {"_id": f"{WORKSPACE_ID}/0", "workspace_id": WORKSPACE_ID, "seq": 5}
    ]


async def test_feeds_of_many_workspaces_are_folded_together(opened: Services, ledger: Ledger) -> None:
    """One transaction for all that waits: together or, where somebody else has folded one, each by itself."""
    workspaces = [new_id("ws") for _ in range(5)]
    piece = stretch(*(visit(workspace_id=each, country="DE") for each in workspaces * 2))
    await ledger.offset_of(piece.journal_id)
    committed_by = await ledger.commit(piece, 0)
    first = committed_by[workspaces[0]]
    await Folds(opened.database).commit(workspaces[0], fold_of(first.clicks[:1]))
    worker = Folding(Folds(opened.database), Counts())
    for workspace_id, each in committed_by.items():
        await worker.put(workspace_id, each)
    with pytest.raises(Moved):
        await worker.fold()  # the first one was overtaken
    for _ in range(2):
        worker._looked_at = float("-inf")
        await worker._catch_up()
    ends = {each["workspace_id"]: each["seq"] async for each in opened.database.folded.find({})}
    assert ends == dict.fromkeys(workspaces, 2)


async def test_a_long_tail_is_not_read_one_by_one(
    opened: Services, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an upgrade the clicks of years are folded first: a question must not read all of them."""
    monkeypatch.setattr(readers, "MAX_TAIL", 5)
    await committed(ledger, *(visit() for _ in range(6)))
    hour = visit().at_ms // rollups.HOUR_MS
    asked = [Asked(WORKSPACE, TIME, hour - 1, hour + 1)]
    with pytest.raises(Unavailable) as refused:
        await Rollups(opened.database).read(WORKSPACE_ID, asked)
    assert refused.value.retry_after_seconds == 30
    await fold_all(opened)
    (found,) = await Rollups(opened.database).read(WORKSPACE_ID, asked)
    assert rollups.total(found.values())[0] == 6


async def test_of_a_tail_the_hours_that_are_asked_for_are_read(
    opened: Services, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few at once, whichever way the clocks of redirects were wrong: before 1970 is the first hour."""
    monkeypatch.setattr(readers, "_CLICKS_READ", 3)
    monkeypatch.setattr(readers, "_CLICKS_AT_ONCE", 2)
    hour_ms, count = rollups.HOUR_MS, Fold.count
    edges = [MIDNIGHT_MS - 1, MIDNIGHT_MS, MIDNIGHT_MS + hour_ms - 1, MIDNIGHT_MS + hour_ms]
    await committed(ledger, *(visit(at_ms=each) for each in [*edges, -hour_ms, -1, 0, hour_ms - 1, hour_ms]))
    read: list[int] = []

    def noted(fold: Fold, clicks: Iterable[Click]) -> None:
        found = list(clicks)
        read.append(len(found))
        count(fold, found)

    monkeypatch.setattr(Fold, "count", noted)

    async def clicks_of(first: int, end: int) -> int:
        read.clear()
        asked = [Asked(WORKSPACE, TIME, first, end), Asked(Scope(ScopeKind.LINK, LINK), TIME, first, end)]
        answers = await Rollups(opened.database).read(WORKSPACE_ID, asked)
        (found,) = {sum(counts[0] for counts in answer.values()) for answer in answers}
        return found

    assert (await clicks_of(FIRST_HOUR, FIRST_HOUR + 1), read) == (2, [2])
    assert (await clicks_of(0, 1), read) == (4, [2, 2])
    assert (await clicks_of(1, FIRST_HOUR), read) == (2, [2])
    assert (await clicks_of(0, FIRST_HOUR + 2), sum(read), max(read)) == (9, 9, 2)
    assert (await clicks_of(2, 3), read) == (0, [])


async def test_what_a_worker_left_behind_is_folded(
    opened: Services, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CL-13: clicks of a worker that died before its fold, and of no worker at all, get into the roll-ups."""
    monkeypatch.setattr(folding, "LAG_SECONDS", 0.0)
    earlier = await committed(ledger, *(visit() for _ in range(7)))
    later = await committed(ledger, visit(), visit())
    worker = Folding(Folds(opened.database), Counts())
    await worker.put(WORKSPACE_ID, ClicksCommitted(0, 1, 3, tuple(earlier[:3])))
    await worker.put(WORKSPACE_ID, ClicksCommitted(0, later[0].seq, later[-1].seq, tuple(later)))
    await worker.fold()
    assert worker._clicks == 0
    assert [each["seq"] async for each in opened.database.folded.find({})] == [9]
    await committed(ledger, *(visit() for _ in range(4)), slot=1)
    await worker._catch_up()
    await worker._catch_up()
    assert {each["_id"]: each["seq"] async for each in opened.database.folded.find({})} == {
        f"{WORKSPACE_ID}/0": 9,
        f"{WORKSPACE_ID}/1": 4,
    }
    hour = visit().at_ms // rollups.HOUR_MS
    (found,) = await Rollups(opened.database).read(WORKSPACE_ID, [Asked(WORKSPACE, TIME, hour - 1, hour + 1)])
    assert rollups.total(found.values())[0] == 13


async def test_large_tables_are_read_with_pauses(opened: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that reads megabytes of roll-ups keeps nobody else in its process waiting."""
    field, decode, turn = FIELDS[Dimension.REFERRER], rollups.decode, 0
    turns: list[int] = []
    table = {f"0{each:05}-{'x' * 40}.example": 1 for each in range(5_000)}
    scope = rollups.digest(WORKSPACE_ID, WORKSPACE)
    keys = [Key(scope, Group.DAY, FIRST_HOUR + day * HOURS, 0, 0).packed() for day in range(4)]
    await opened.database.rollups.insert_many(
        {"_id": key, field: rollups.encode({WHOLE_DAY: table})} for key in keys
    )

    async def others() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def noted(kept: bytes) -> rollups.Hours:
        turns.append(turn)
        return decode(kept)

    monkeypatch.setattr(rollups, "decode", noted)
    waiting = asyncio.create_task(others())
    asked = Asked(WORKSPACE, field, FIRST_HOUR, FIRST_HOUR + 4 * HOURS)
    (found,) = await Rollups(opened.database).read(WORKSPACE_ID, [asked])
    waiting.cancel()
    assert rollups.total(found.values()) == [20_000]
    assert len(set(turns)) == 4


async def test_a_full_table_keeps_its_totals(
    opened: Services, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever visitors invent, no document grows for ever: what has no room counts among OTHERS."""
    monkeypatch.setattr(folds, "SMALL_BYTES", 0)
    monkeypatch.setattr(folds, "TABLE_BYTES", 400)
    for part in range(3):
        await committed(ledger, *(visit(referrer=f"site-{part}-{each}.example") for each in range(50)))
        await fold_all(opened)
    hour = visit().at_ms // rollups.HOUR_MS
    field = FIELDS[Dimension.REFERRER]
    (found,) = await Rollups(opened.database).read(
        WORKSPACE_ID, [Asked(WORKSPACE, field, hour - 1, hour + 1)]
    )
    assert rollups.total(found.values())[0] == 150
    assert found[OTHERS][0] > 100
    async for document in opened.database.rollups.find({}):
        assert all(len(kept) < 500 for kept in document.values())


async def test_workspaces_do_not_see_each_other(opened: Services, ledger: Ledger) -> None:
    """The same link and tag in another workspace is another scope, folded or not."""
    other = new_id("ws")
    belongs: dict[str, Any] = {"tags": ("vip",), "country": "DE"}
    for workspace_id in (WORKSPACE_ID, other, other):
        piece = stretch(visit(workspace_id=workspace_id, **belongs))
        await ledger.offset_of(piece.journal_id)
        await ledger.commit(piece, 0)
    hour = visit().at_ms // rollups.HOUR_MS
    scopes = [WORKSPACE, Scope(ScopeKind.TAG, "vip"), Scope(ScopeKind.LINK, LINK)]
    asked = [Asked(scope, FIELDS[Dimension.COUNTRY], hour - 1, hour + 1) for scope in scopes]
    for _ in range(2):
        mine = await Rollups(opened.database).read(WORKSPACE_ID, asked)
        theirs = await Rollups(opened.database).read(other, asked)
        assert [each["DE"][0] for each in mine] == [1, 1, 1]
        assert [each["DE"][0] for each in theirs] == [2, 2, 2]
        await fold_all(opened)


def test_kinds_are_counted_apart() -> None:
    """A row holds people, the unique ones of them, and each other kind in its place."""
    clicks = [
        msgspec.structs.replace(CLICK, kind=kind, unique=unique)
        for kind, unique in [(ClickKind.HUMAN, True), (ClickKind.HUMAN, False), (ClickKind.HEAD, False)]
    ]
    fold = Fold(0, 0)
    fold.count(clicks)
    (tally,) = [tally for scope, _, tally in fold.tallies() if scope == WORKSPACE]
    countries = rollups.table(folds.by_field(tally)[FIELDS[Dimension.COUNTRY]])
    assert countries == {"DE": [2, 1, 0, 0, 0, 1]}
    assert rollups.by_kind(countries["DE"]) == {ClickKind.HUMAN: 2, ClickKind.HEAD: 1}


CLICK = Click(
    id="clk_1",
    workspace_id=WORKSPACE_ID,
    slot=0,
    seq=1,
    at=datetime(2026, 3, 29, tzinfo=UTC),
    link_id=LINK,
    link_version=1,
    outcome=Outcome.REDIRECT,
    kind=ClickKind.HUMAN,
    unique=True,
    country="DE",
    utm=Utm(),
)
