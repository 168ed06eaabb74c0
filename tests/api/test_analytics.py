"""`analytics` of the workspace, of links, campaigns and templates through the schema."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain import analytics_answers, journals
from domain.analytics_answers import Answers
from domain.visits import Belonging, Purpose, VisitRecord
from schema import questions
from storage import clicks
from storage.analytics_clicks import ClickCounts
from storage.journals import Journals
from storage.ledgers import Ledger
from storage.rollups import Rollups
from storage.stats import Stats
from tests.api.conftest import Api, Commands, stores_with
from tests.delivery import oracle
from tests.delivery.workers import committed, visit

DAY_MS = 86_400_000
NOON = int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp() * 1000)
"""Of the day before clocks are put forward in Europe."""
MARCH = {"between": {"after": "2026-03-01T00:00:00Z", "before": "2026-04-01T00:00:00Z"}}
TOTALS = """query ($range: TimeRange!, $filter: ClickFilter) {
  analytics(range: $range, filter: $filter) { totals { clicks uniques bots } } }"""
SERIES = """query ($range: TimeRange!, $interval: Interval!, $timezone: String, $filter: ClickFilter) {
  analytics(range: $range, filter: $filter) {
    series(interval: $interval, timezone: $timezone) { at clicks uniques } } }"""
SLICES = """query ($range: TimeRange!, $by: Dimension!, $attribute: String, $first: Int, $timezone: String,
  $filter: ClickFilter) { analytics(range: $range, filter: $filter) {
    breakdown(by: $by, attribute: $attribute, first: $first, timezone: $timezone) {
      slices { key clicks uniques } other { key clicks uniques } } } }"""


async def follow(api: Api, *records: VisitRecord) -> None:
    """Commit visits to the workspace; at noon where nothing else is said."""
    own = [oracle.moved(each, api.context.viewer.workspace_id) for each in records]
    async with Ledger(api.services.database, api.services.clock) as ledger:
        await committed(ledger, *own)


def noon(**changes: Any) -> VisitRecord:
    """A visit at noon; a visitor of its own unless one is named."""
    return visit(**{"at_ms": NOON, "visitor": str(changes).encode()} | changes)


async def totals(api: Api, wanted: Mapping[str, Any] | None = None) -> list[int]:
    """Clicks, uniques, bots of March."""
    arguments = {} if wanted is None else {"filter": wanted}
    return list((await api(TOTALS, range=MARCH, **arguments))["analytics"]["totals"].values())


async def slices(api: Api, **arguments: Any) -> tuple[list[tuple[str, int]], int]:
    """Keys with clicks, and the clicks of everything else."""
    found = (await api(SLICES, **{"range": MARCH, **arguments}))["analytics"]["breakdown"]
    assert found["other"]["key"] == ""
    return [(each["key"], each["clicks"]) for each in found["slices"]], found["other"]["clicks"]


async def test_people_count_and_others_when_asked(api: Api) -> None:
    """A2: kinds apart; uniques are people; what was no redirect counts nowhere."""
    await follow(
        api,
        noon(visitor=b"a"),
        noon(visitor=b"a"),
        noon(agent="curl/8"),
        noon(agent="curl/8", purpose=Purpose.HEAD),
        noon(purpose=Purpose.PREFETCH),
        noon(outcome="EXPIRED", destination=None),
    )
    assert await totals(api) == [2, 1, 1]
    assert await totals(api, {"kinds": ["BOT", "HEAD"]}) == [2, 0, 1]
    assert await totals(api, {"kinds": []}) == [0, 0, 0]
    assert await slices(api, by="KIND") == (
        [("HUMAN", 2), ("BOT", 1), ("HEAD", 1), ("PREFETCH", 1)],
        0,
    )
    assert await slices(api, by="KIND", filter={"kinds": ["HEAD"]}) == ([("HEAD", 1)], 0)


async def test_links_campaigns_templates_and_tags_have_their_own(api: Api) -> None:
    link = await api.create()
    own = journals.belonging(Belonging("cmp_1", "tpl_1", (("segment", "smb"),)))
    await follow(
        api,
        noon(link_id=link["id"], tags=("a", "b"), belonging=own, country="GB"),
        noon(link_id=link["id"], country="DE"),
        noon(tags=("b",), country="DE"),
    )
    filters: list[tuple[dict[str, Any], int]] = [
        ({"linkIds": [link["id"]]}, 2),
        ({"campaignId": "cmp_1"}, 1),
        ({"templateId": "tpl_1"}, 1),
        ({"tags": ["b"]}, 2),
        ({"tags": ["a", "b"]}, 2),
        ({"countries": ["de"]}, 2),
        ({"countries": ["DE"], "linkIds": [link["id"]]}, 1),
        ({"countries": ["DE"], "tags": ["b"], "devices": ["MOBILE"]}, 1),
        ({"attribute": {"name": "segment", "in": ["smb"]}}, 1),
        ({"attribute": {"name": "segment", "exists": False}}, 2),
        ({"linkIds": []}, 0),
    ]
    for wanted, expected in filters:
        assert (await totals(api, wanted))[0] == expected, wanted
    found = await api(
        "query ($id: ID!, $range: TimeRange!) { link(by: {id: $id}) { analytics(range: $range) {"
        " totals { clicks } breakdown(by: COUNTRY) { slices { key clicks } } } } }",
        id=link["id"],
        range=MARCH,
    )
    assert found["link"]["analytics"] == {
        "totals": {"clicks": 2},
        "breakdown": {"slices": [{"key": "DE", "clicks": 1}, {"key": "GB", "clicks": 1}]},
    }


async def test_a_series_has_no_gaps_and_days_of_its_zone(api: Api) -> None:
    """RU2 in figures: London's 29 March has 23 hours; an empty day is a day."""
    await follow(api, noon(), noon(at_ms=NOON + 2 * DAY_MS, visitor=b"later"))
    found = await api(
        SERIES,
        range={"between": {"after": "2026-03-28T00:00:00Z", "before": "2026-03-31T23:00:00Z"}},
        interval="DAY",
        timezone="Europe/London",
    )
    assert [(each["at"], each["clicks"]) for each in found["analytics"]["series"]] == [
        ("2026-03-28T00:00:00.000Z", 1),
        ("2026-03-29T00:00:00.000Z", 0),
        ("2026-03-29T23:00:00.000Z", 1),
        ("2026-03-30T23:00:00.000Z", 0),
    ]
    hours = await api(
        SERIES,
        range={"between": {"after": "2026-03-29T00:00:00Z", "before": "2026-03-29T23:00:00Z"}},
        interval="HOUR",
        timezone="Europe/London",
    )
    assert len(hours["analytics"]["series"]) == 23
    minutes = await api(
        SERIES,
        range={"between": {"after": "2026-03-28T11:59:00Z", "before": "2026-03-28T12:00:00.001Z"}},
        interval="MINUTE",
    )
    assert [each["clicks"] for each in minutes["analytics"]["series"]] == [0, 1]
    by_country = await api(
        SERIES, range=MARCH, interval="WEEK", timezone="Asia/Tokyo", filter={"devices": ["MOBILE"]}
    )
    assert sum(each["clicks"] for each in by_country["analytics"]["series"]) == 2


async def test_a_series_of_a_range_that_does_not_say_where_it_begins(api: Api) -> None:
    """Weeks and months since 2015, wherever clocks were then; days would be too many points."""
    await follow(api, noon())
    ever: dict[str, Any] = {"range": {"between": {}}}
    for interval, zone, first in (
        ("WEEK", "UTC", "2014-12-29T00:00:00.000Z"),
        ("MONTH", "Pacific/Kiritimati", "2014-12-31T10:00:00.000Z"),
    ):
        found = (await api(SERIES, **ever, interval=interval, timezone=zone))["analytics"]["series"]
        assert found[0] == {"at": first, "clicks": 0, "uniques": 0}
        assert sum(each["clicks"] for each in found) == 1
    assert await api.code(SERIES, **ever, interval="DAY") == "LIMIT_EXCEEDED"


async def test_a_breakdown_has_the_largest_first_and_an_exact_remainder(api: Api) -> None:
    """Equal slices stand in the order of their keys; clicks without a value have the empty key."""
    places = ["GB"] * 3 + ["FR", "DE", "AT", ""]
    await follow(api, *(noon(country=each, visitor=str(n).encode()) for n, each in enumerate(places)))
    await follow(api, noon(country="US", agent="curl/8"))
    assert await slices(api, by="COUNTRY", first=2) == ([("GB", 3), ("", 1)], 3)
    assert await slices(api, by="COUNTRY") == ([("GB", 3), ("", 1), ("AT", 1), ("DE", 1), ("FR", 1)], 0)
    assert await slices(api, by="COUNTRY", filter={"countries": ["FR", "XX"]}) == ([("FR", 1)], 0)
    assert await slices(api, by="WEEKDAY") == ([("SAT", 7)], 0)
    assert await slices(api, by="HOUR", timezone="Asia/Kolkata") == ([("17", 7)], 0)


async def test_figures_by_an_attribute_of_links(api: Api) -> None:
    """A1: by segment, as links had it when they were clicked; a list counts under each of its values."""
    plans = [("plan", "pro"), ("plan", "trial"), ("roles", "dev"), ("roles", "admin")]
    both = journals.belonging(Belonging(None, None, tuple(plans)))
    pro = journals.belonging(Belonging(None, None, (("plan", "pro"),)))
    await follow(api, noon(belonging=both), noon(belonging=pro, visitor=b"2"), noon(visitor=b"3"))
    assert await slices(api, by="ATTRIBUTE", attribute="plan") == ([("pro", 2), ("", 1), ("trial", 1)], 0)
    assert await slices(api, by="ATTRIBUTE", attribute="roles") == ([("", 2), ("admin", 1), ("dev", 1)], 0)
    assert await slices(api, by="ATTRIBUTE", attribute="none") == ([("", 3)], 0)
    wanted = {"attribute": {"name": "plan", "in": ["pro"]}}
    assert await slices(api, by="ATTRIBUTE", attribute="plan", filter=wanted) == (
        [("pro", 2), ("trial", 1)],
        0,
    )


async def test_slices_lead_to_links(api: Api) -> None:
    """The node of a deleted link is null; who may not read links may not follow."""
    link, gone = await api.create(), await api.create()
    await follow(
        api, noon(link_id=link["id"]), noon(link_id=gone["id"]), noon(link_id=gone["id"], visitor=b"2")
    )
    await api("mutation ($id: ID!) { deleteLink(id: $id) { deletedId } }", id=gone["id"])
    query = """query ($range: TimeRange!) { analytics(range: $range) { breakdown(by: LINK) {
      slices { key clicks node { id } } other { node { id } } } } }"""
    found = (await api(query, range=MARCH))["analytics"]["breakdown"]
    assert found == {
        "slices": [
            {"key": gone["id"], "clicks": 2, "node": None},
            {"key": link["id"], "clicks": 1, "node": {"id": link["id"]}},
        ],
        "other": {"node": None},
    }


async def test_a_range_until_now_says_how_fresh_it_is(api: Api) -> None:
    """A14: `asOf` and `partial`; a range of days begins with the full hour, a shorter one exactly."""
    link = await api.create()
    await follow(api, visit(link_id=link["id"]))
    query = """query ($last: String!) { analytics(range: {last: $last}) {
      after before asOf partial totals { clicks } } }"""
    month = (await api(query, last="P30D"))["analytics"]
    assert month["totals"] == {"clicks": 1}
    assert month["partial"] is False
    assert month["after"].endswith(":00:00.000Z")
    assert month["asOf"] <= datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    hour = (await api(query, last="PT1H"))["analytics"]
    assert hour["totals"] == {"clicks": 1}
    assert hour["after"][13:] == hour["before"][13:]


@pytest.mark.parametrize(
    ("asked", "partial"),
    [
        ({"range": {"last": "P30D"}}, False),
        ({"range": {"last": "P30D"}, "filter": {"campaignId": "cmp_1"}}, False),
        ({"range": {"last": "P30D"}, "filter": {"countries": ["GB"]}}, True),
        ({"range": {"last": "P1D"}, "filter": {"countries": ["GB"], "devices": ["TV"]}}, False),
        ({"range": {"between": {"after": "2026-03-01T00:00:00Z"}}}, False),
        ({"range": {"between": {"after": "2026-03-01T00:00:00.001Z"}}}, True),
    ],
)
async def test_what_may_lack_removed_clicks_says_so(api: Api, asked: dict[str, Any], partial: bool) -> None:
    """PR-05, A14: figures of full hours outlive the clicks that they are of."""
    await api("mutation { updateWorkspace(input: {clickRetentionDays: 7}) { userErrors { code } } }")
    query = """query ($range: TimeRange!, $filter: ClickFilter) {
      analytics(range: $range, filter: $filter) { partial } }"""
    assert (await api(query, **asked))["analytics"] == {"partial": partial}


BAD: list[tuple[str, dict[str, Any], str]] = [
    (TOTALS, {"range": {"last": "7 days"}}, "BAD_REQUEST"),
    (TOTALS, {"range": {"last": ""}}, "BAD_REQUEST"),
    (TOTALS, {"range": {"between": {"after": "yesterday"}}}, "BAD_REQUEST"),
    (
        TOTALS,
        {"range": {"between": {"after": "2026-03-02T00:00:00Z", "before": "2026-03-02T00:00:00Z"}}},
        "BAD_REQUEST",
    ),
    (TOTALS, {"range": MARCH, "filter": {"campaignId": None}}, "BAD_REQUEST"),
    (TOTALS, {"range": MARCH, "filter": {"linkIds": ["lnk_1"] * 251}}, "BAD_REQUEST"),
    (SERIES, {"range": MARCH, "interval": "MINUTE"}, "LIMIT_EXCEEDED"),
    (SERIES, {"range": MARCH, "interval": "DAY", "timezone": "Mars/Olympus"}, "BAD_REQUEST"),
    (SLICES, {"range": MARCH, "by": "COUNTRY", "first": 0}, "BAD_REQUEST"),
    (SLICES, {"range": MARCH, "by": "COUNTRY", "first": 251}, "BAD_REQUEST"),
    (SLICES, {"range": MARCH, "by": "COUNTRY", "attribute": "plan"}, "BAD_REQUEST"),
    (SLICES, {"range": MARCH, "by": "ATTRIBUTE"}, "BAD_REQUEST"),
    (SLICES, {"range": MARCH, "by": "HOUR", "timezone": "nowhere"}, "BAD_REQUEST"),
]


@pytest.mark.parametrize(("document", "arguments", "code"), BAD)
async def test_bad_input_is_refused_by_name(
    api: Api, document: str, arguments: dict[str, Any], code: str
) -> None:
    assert await api.code(document, **arguments) == code


async def test_reading_one_by_one_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two filters at once read clicks; too many of them are refused, before any is read."""
    await follow(api, *(noon(visitor=str(each).encode(), country="GB") for each in range(4)))
    crossed = {"countries": ["GB"], "devices": ["MOBILE"]}
    assert await totals(api, crossed) == [4, 4, 0]
    monkeypatch.setattr(analytics_answers, "MAX_CLICKS", 3)
    assert await api.code(TOTALS, range=MARCH, filter=crossed) == "LIMIT_EXCEEDED"
    assert await totals(api, {"countries": ["GB"]}) == [4, 4, 0]


async def test_roll_ups_of_an_operation_are_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """GQ: filters by many links, asked for many times, are refused before the database is asked."""
    monkeypatch.setattr(analytics_answers, "MAX_ASKED", 3)
    assert await totals(api, {"linkIds": ["lnk_1", "lnk_2", "lnk_3"]}) == [0, 0, 0]
    assert await api.code(TOTALS, range=MARCH, filter={"linkIds": list("abcd")}) == "LIMIT_EXCEEDED"


async def test_a_search_that_takes_long_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for what takes the database too long is told how to ask for less, not that it is away."""
    await follow(api, *(noon(visitor=str(each).encode()) for each in range(3)))
    monkeypatch.setattr(clicks, "SECONDS", 0.000_001)
    crossed = {"countries": ["GB"], "devices": ["MOBILE"]}
    assert await api.code(TOTALS, range=MARCH, filter=crossed) == "LIMIT_EXCEEDED"
    assert await api.code("{ clicks { nodes { id } } }") == "LIMIT_EXCEEDED"


async def test_points_of_an_operation_are_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """GQ: no answer keeps the process busy for long, however many series it has."""
    monkeypatch.setattr(questions, "MAX_POINTS", 40)
    twice = SERIES.replace("series(", "again: series(interval: DAY) { at } series(")
    assert await api.code(twice, range=MARCH, interval="DAY") == "LIMIT_EXCEEDED"


async def test_another_workspaces_figures_are_not_seen(api: Api, other: Api) -> None:
    """GQ-14: the same link and campaign from elsewhere are empty; who may not read figures is refused."""
    link = await api.create()
    await follow(api, noon(link_id=link["id"], belonging=journals.belonging(Belonging("cmp_1"))))
    assert await totals(api, {"campaignId": "cmp_1"}) == [1, 1, 0]
    assert await totals(other) == [0, 0, 0]
    assert await totals(other, {"linkIds": [link["id"]]}) == [0, 0, 0]
    assert await totals(other, {"campaignId": "cmp_1", "countries": ["GB"], "variants": ["a"]}) == [0, 0, 0]


PAGE = """{ links(first: 50) { nodes {
  id stats { clicks uniques } campaign { id } template { id }
  analytics(range: {last: "P7D"}) {
    asOf partial
    series(interval: DAY) { at clicks }
    breakdown(by: COUNTRY, first: 3) { slices { key clicks } }
  } } } }"""


async def test_a_page_of_50_links_is_a_constant_number_of_round_trips(api: Api) -> None:
    """With figures, campaign, template, a week's series and top countries: at most 12, whatever the page."""
    counts = [await round_trips(api, links) for links in (2, 48)]
    assert counts[0] == counts[1] <= 12, counts


async def round_trips(api: Api, links: int) -> int:
    """How many commands a page takes once so many more links are there, each with a click."""
    made = [await api.create() for _ in range(links)]
    await follow(api, *(visit(link_id=link["id"], country="GB") for link in made))
    commands = Commands()
    async with stores_with(api.services, commands) as stores:
        database = stores.database
        listened = replace(
            stores,
            stats=Stats(database),
            analytics=Answers(
                Rollups(database), ClickCounts(database), Journals(database, api.services.clock)
            ),
        )
        await api.on(listened)(PAGE)
        commands.sent.clear()
        page = (await api.on(listened)(PAGE))["links"]["nodes"]
    assert all(sum(point["clicks"] for point in node["analytics"]["series"]) == 1 for node in page)
    return len(commands.sent)
