"""Files: every wanted click or count once, in order, whatever happens to the worker, in each format."""

import csv
import io
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import msgspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from app.services import Services
from delivery import export_sources
from delivery import exports as works
from delivery.export_sources import ClickSource, RollupSource
from delivery.exports import Export
from domain import click_rows, exports, file_rows, ids, instants, jobs, journals
from domain.chunks import Moved
from domain.click_filters import EVERY_CLICK, ClickFilter
from domain.clicks import Click, ClickKind
from domain.errors import BadRequest
from domain.exports import ExportClicks, Exported, ExportRollups
from domain.file_rows import FileFormat
from domain.jobs import Job, JobState
from domain.periods import HOUR_MS, Period
from domain.visits import Belonging, VisitRecord
from storage.click_stretches import MongoClickStretches
from storage.job_results import MongoResults
from storage.ledgers import Ledger
from storage.rollups import Rollups
from tests.delivery.test_jobs import lose_lease, now, working
from tests.delivery.test_rollups import fold_all
from tests.delivery.workers import committed, new_id, visit

WORKSPACE = visit().workspace_id
START = 1_760_000_000_000
RANGE = Period(START, START + 1_000_000)
AGENTS = (visit().agent, "curl/8.5.0", "Twitterbot/1.0")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of many pieces need no thousands of clicks."""
    monkeypatch.setattr(works, "ROWS", dict.fromkeys(FileFormat, 60))
    monkeypatch.setattr(export_sources, "DAYS", 2)


def work(opened: Services, exported: Exported = Exported.CLICKS) -> Export:
    """A work that reads 25 clicks, or two days, at a time."""
    files = MongoResults(opened.database)
    if exported is Exported.ROLLUPS:
        return Export(RollupSource(Rollups(opened.database)), files)
    return Export(ClickSource(MongoClickStretches(opened.database, looked_at=25)), files)


async def clicks(ledger: Ledger, count: int) -> list[Click]:
    """Clicks of all kinds in random order, some outside the range, in the order of their ids."""
    dice, found = random.Random(7), []
    own = journals.belonging(Belonging("cmp_1", "tpl_1", (("plan", "trial"), ("plan", "pro"), ("seats", 5))))
    links = [new_id("lnk") for _ in range(3)]

    def record(number: int) -> VisitRecord:
        return visit(
            at_ms=START + dice.randrange(-50_000, 1_050_000),
            link_id=dice.choice(links),
            agent=dice.choice(AGENTS),
            referrer=dice.choice(["", "=cmd|'/c calc'!A0", "news.example", 'a,"b"\nc']),
            tags=dice.choice([(), ("spring",), ("spring", "e|mail")]),
            belonging=dice.choice([own, journals.belonging(Belonging())]),
            utm=("mail", None, f"c{number % 3}", None, None),
            visitor=f"visitor {number:08}".encode(),
        )

    for first in range(0, count, 500):
        found += await committed(ledger, *map(record, range(first, min(first + 500, count))))
    return sorted(found, key=lambda click: click.id)


def within(ledger: Sequence[Click], wanted: ClickFilter = EVERY_CLICK) -> list[Click]:
    first, end = RANGE.start / 1000, RANGE.end / 1000
    return [each for each in ledger if first <= each.at.timestamp() < end and wanted.matches(each)]


async def begun(
    opened: Services,
    kind: FileFormat,
    wanted: ClickFilter = EVERY_CLICK,
    of: Exported = Exported.CLICKS,
    period: Period = RANGE,
) -> Job:
    return await exports.start(
        of,
        wanted,
        period,
        kind,
        workspace_id=WORKSPACE,
        actor="key",
        store=opened.jobs,
        news=opened.job_news,
        clock=opened.clock,
        make_ids=opened.ids,
    )


async def file_of(opened: Services, job: Job) -> bytes:
    """The whole file of a job that has succeeded."""
    ended, files = await now(opened, job), MongoResults(opened.database)
    assert ended.state is JobState.SUCCEEDED, ended.errors
    sizes = await files.sizes(WORKSPACE, job.id)
    pieces = [await files.output(WORKSPACE, job.id, step) or b"" for step, _ in sizes]
    assert [len(piece) for piece in pieces] == [size for _, size in sizes]
    assert sum(size for _, size in sizes) == exports.size_of(ended)
    return b"".join(pieces)


async def exported(opened: Services, kind: FileFormat, wanted: ClickFilter = EVERY_CLICK) -> bytes:
    job = await begun(opened, kind, wanted)
    async with working(opened, work(opened)) as (engine, _):
        await engine.until_idle()
    return await file_of(opened, job)


async def test_json_lines_have_every_click_of_the_range_once_in_order(
    opened: Services, ledger: Ledger
) -> None:
    expected = within(await clicks(ledger, 700))
    rows = [msgspec.json.decode(line) for line in (await exported(opened, FileFormat.JSONL)).splitlines()]
    assert [row["id"] for row in rows] == [click.id for click in expected]
    assert rows == [click_rows.row(click) for click in expected]
    assert {"plan": ["trial", "pro"], "seats": 5} in [row["attributes"] for row in rows]


async def test_csv_is_read_by_anybody_and_runs_nothing(opened: Services, ledger: Ledger) -> None:
    """Quotes, commas and line breaks stay; what a spreadsheet would run as a formula is a text."""
    expected = within(await clicks(ledger, 300))
    text = (await exported(opened, FileFormat.CSV)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == list(click_rows.COLUMNS)
    assert [row["id"] for row in rows] == [click.id for click in expected]
    for row, click in zip(rows, expected, strict=True):
        told = click.referrer or ""
        assert row["referrer"] == (f"'{told}" if told.startswith("=") else told)
        assert row["tags"] == "|".join(click.tags)
        assert row["unique"] == str(click.unique).lower()
    assert not [
        row for row in csv.reader(io.StringIO(text)) if any(cell[:1] in "=+-@\t" for cell in row if cell)
    ]


async def test_parquet_is_one_whole_file(opened: Services, ledger: Ledger) -> None:
    """Many row groups, written by as many writers, are one file to any reader."""
    expected = within(await clicks(ledger, 700))
    file = pa.BufferReader(await exported(opened, FileFormat.PARQUET))
    assert parquet.ParquetFile(file).metadata.num_row_groups > 5
    table = parquet.read_table(file)
    assert table.column("id").to_pylist() == [click.id for click in expected]
    assert table.column("at").to_pylist() == [click.at for click in expected]
    assert table.column("tags").to_pylist() == [list(click.tags) for click in expected]
    assert table.column("unique").to_pylist() == [click.unique for click in expected]
    assert table.column("utmCampaign").to_pylist() == [click.utm.campaign for click in expected]


@pytest.mark.parametrize("kind", list(FileFormat))
async def test_only_wanted_clicks_are_written_however_rare(
    opened: Services, ledger: Ledger, kind: FileFormat
) -> None:
    wanted = ClickFilter(
        kinds=frozenset({ClickKind.PREVIEW}), tags=frozenset({"e|mail"}), campaign_id="cmp_1"
    )
    expected = within(await clicks(ledger, 400), wanted)
    assert 0 < len(expected) < 30
    found = await exported(opened, kind, wanted)
    if kind is FileFormat.PARQUET:
        names = parquet.read_table(pa.BufferReader(found)).column("id").to_pylist()
    elif kind is FileFormat.CSV:
        names = [row["id"] for row in csv.DictReader(io.StringIO(found.decode(), newline=""))]
    else:
        names = [msgspec.json.decode(line)["id"] for line in found.splitlines()]
    assert names == [click.id for click in expected]


async def test_of_no_clicks_there_is_a_file_too(opened: Services) -> None:
    assert await exported(opened, FileFormat.JSONL) == b""
    assert await exported(opened, FileFormat.CSV) == file_rows.csv_header(click_rows.COLUMNS)
    table = parquet.read_table(pa.BufferReader(await exported(opened, FileFormat.PARQUET)))
    assert (table.num_rows, table.column_names) == (0, list(click_rows.COLUMNS))


@pytest.mark.parametrize("kind", list(FileFormat))
async def test_a_worker_that_dies_neither_doubles_nor_skips(
    opened: Services, ledger: Ledger, kind: FileFormat
) -> None:
    """After each piece another worker takes over, and the old one still tries: the file is the same."""
    await clicks(ledger, 400)
    whole = await exported(opened, kind)
    job = await begun(opened, kind)
    async with AsyncExitStack() as stack:
        while not (await now(opened, job)).finished:
            own = work(opened)
            _, turns = await stack.enter_async_context(working(opened, own))
            mine = await turns.take()
            assert mine is not None
            chunk = await own.chunk(mine, mine.cursor)
            after = await turns.commit(mine, chunk)
            stale = await own.chunk(mine, mine.cursor)
            with pytest.raises(Moved):
                await turns.commit(mine, stale)
            if not after.finished:
                await lose_lease(opened, job)
    assert await file_of(opened, job) == whole
    ended = await now(opened, job)
    assert ended.total == ended.done == ended.succeeded > 100


async def counts_file(
    opened: Services, wanted: ClickFilter, period: Period, kind: FileFormat = FileFormat.JSONL
) -> bytes:
    job = await begun(opened, kind, wanted, Exported.ROLLUPS, period)
    async with working(opened, work(opened, Exported.ROLLUPS)) as (engine, _):
        await engine.until_idle()
    return await file_of(opened, job)


async def test_roll_ups_of_every_day_add_up_to_the_clicks(
    opened: Services, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours and values, each once, over several days, half of it folded, in pieces smaller than a day."""
    monkeypatch.setattr(works, "ROWS", dict.fromkeys(FileFormat, 7))
    ledger_rows = await clicks(ledger, 300)
    await fold_all(opened)
    for days in (1, 4, 5):
        at_ms = START + days * 86_400_000
        ledger_rows += await committed(ledger, *[visit(at_ms=at_ms + n, tags=("a", "b")) for n in range(40)])
    period = Period(START - 100_000, START + 6 * 86_400_000)
    text = await counts_file(opened, EVERY_CLICK, period)
    rows = [msgspec.json.decode(line) for line in text.splitlines()]
    names = [(row["day"], row["dimension"], row["attribute"], row["key"]) for row in rows]
    assert len(set(names)) == len(names) > 40
    assert len({row["day"] for row in rows}) == 4
    humans = [click for click in ledger_rows if click.kind is ClickKind.HUMAN]
    found: Counter[tuple[str, str | None, str]] = Counter()
    for row in rows:
        found[row["dimension"], row["attribute"], row["key"] if row["dimension"] != "HOUR" else ""] += row[
            "clicks"
        ]
    assert found["HOUR", None, ""] == len(humans)
    assert found["TAG", None, "a"] == found["TAG", None, "b"] == 120
    for name, value in (("plan", "trial"), ("plan", "pro"), ("seats", "5")):
        having = [click for click in humans if click.campaign_id == "cmp_1"]
        assert found["ATTRIBUTE", name, value] == len(having)
    by_link = Counter(click.link_id for click in humans)
    assert {key: count for (by, _, key), count in found.items() if by == "LINK" and count} == by_link
    assert sum(row["bots"] for row in rows if row["dimension"] == "HOUR") == sum(
        click.kind is ClickKind.BOT for click in ledger_rows
    )
    assert sum(row["uniques"] for row in rows if row["dimension"] == "HOUR") == sum(
        click.unique for click in ledger_rows
    )


async def test_roll_ups_of_one_link_in_each_format(
    opened: Services, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(works, "ROWS", dict.fromkeys(FileFormat, 7))
    every = await clicks(ledger, 300)
    link_id = every[0].link_id or ""
    wanted, period = ClickFilter(link_ids=frozenset({link_id})), Period(START - 100_000, START + 2_000_000)
    lines = (await counts_file(opened, wanted, period)).splitlines()
    rows = [msgspec.json.decode(line) for line in lines]
    assert {row["key"] for row in rows if row["dimension"] == "LINK"} <= {link_id}
    text = (await counts_file(opened, wanted, period, FileFormat.CSV)).decode()
    cells = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [int(row["clicks"]) for row in cells] == [row["clicks"] for row in rows]
    file = await counts_file(opened, wanted, period, FileFormat.PARQUET)
    assert parquet.read_table(pa.BufferReader(file)).to_pylist() == rows


async def test_roll_ups_of_a_quiet_time_are_passed_over(opened: Services) -> None:
    assert await counts_file(opened, EVERY_CLICK, Period(START - 4 * 365 * 86_400_000, START)) == b""


async def test_a_period_ends_at_the_call_at_the_latest(opened: Services) -> None:
    """Of counts the hour of the call is whole, as every hour that a range touches."""
    called_ms = START + 90_000
    early = replace(opened, clock=lambda: instants.of_milliseconds(called_ms))
    period = Period(START, START + 10 * HOUR_MS)
    rows = jobs.spec_of(await begun(early, FileFormat.CSV, period=period), ExportClicks)
    assert (rows.first, rows.before) == tuple(ids.of("clk", ms, bytes(10)) for ms in (START, called_ms))
    job = await begun(early, FileFormat.CSV, of=Exported.ROLLUPS, period=period)
    counts = jobs.spec_of(job, ExportRollups)
    assert (counts.first_hour, counts.end_hour) == (START // HOUR_MS, called_ms // HOUR_MS + 1)


@pytest.mark.parametrize("of", list(Exported))
async def test_of_the_future_there_is_an_empty_file(opened: Services, ledger: Ledger, of: Exported) -> None:
    await committed(ledger, visit(at_ms=START + 5 * HOUR_MS))
    early = replace(opened, clock=lambda: instants.of_milliseconds(START))
    period = Period(START + 4 * HOUR_MS, START + 10 * HOUR_MS)
    job = await begun(early, FileFormat.JSONL, of=of, period=period)
    async with working(opened, work(opened, of)) as (engine, _):
        await engine.until_idle()
    assert await file_of(opened, job) == b""


@pytest.mark.parametrize(
    "wanted",
    [
        ClickFilter(kinds=frozenset({ClickKind.BOT})),
        ClickFilter(countries=frozenset({"GB"})),
        ClickFilter(link_ids=frozenset({"lnk_1", "lnk_2"})),
        ClickFilter(link_ids=frozenset()),
        ClickFilter(campaign_id="cmp_1", tags=frozenset({"a"})),
    ],
)
def test_there_are_no_roll_ups_of_what_nobody_counted(wanted: ClickFilter) -> None:
    with pytest.raises(BadRequest, match="Roll-ups are kept of"):
        exports.scope_of(wanted)


@pytest.mark.parametrize("kind", list(FileFormat))
async def test_clicks_of_endless_destinations_fit_too(
    opened: Services, ledger: Ledger, kind: FileFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece is bounded in bytes: what attackers write into links cannot outgrow a document."""
    monkeypatch.setattr(works, "ROWS", dict.fromkeys(FileFormat, 10_000))
    monkeypatch.setattr(works, "BYTES", 50_000)
    long = visit(at_ms=START, destination="https://example.com/" + "x" * 8_000)
    expected = sorted(click.id for click in await committed(ledger, *[long] * 60))
    job = await begun(opened, kind)
    async with working(opened, work(opened)) as (engine, _):
        await engine.until_idle()
    file = await file_of(opened, job)
    sizes = await MongoResults(opened.database).sizes(WORKSPACE, job.id)
    assert len(sizes) > 8
    assert max(size for _, size in sizes) < 70_000
    if kind is FileFormat.PARQUET:
        assert parquet.read_table(pa.BufferReader(file)).column("id").to_pylist() == expected
    else:
        assert file.count(b"x" * 8_000) == 60


async def test_sizes_are_known_without_reading_the_file(opened: Services, ledger: Ledger) -> None:
    await clicks(ledger, 200)
    job = await begun(opened, FileFormat.JSONL)
    async with working(opened, work(opened)) as (engine, _):
        await engine.until_idle()
    query = {"workspace_id": WORKSPACE, "job_id": job.id, "bytes": {"$gt": 0}}
    found = opened.database.job_results.find(query, {"_id": 0, "step": 1, "bytes": 1}, hint="pieces")
    plan = await found.sort("step", 1).explain()
    assert plan["executionStats"]["totalDocsExamined"] == 0
    assert plan["executionStats"]["nReturned"] > 1
