"""Clicks as they are counted, and counts on their way into full tables."""

import pytest

from domain import folds, rollups
from domain.clicks import Click, ClickKind, Device
from domain.folds import Fold, merged
from domain.rollups import ATTRIBUTE_MARK, OTHERS, SEVERAL, Scope, ScopeKind
from domain.utm import Utm
from domain.visits import Outcome
from tests.unit.clicks import HOUR, click

FULL = {f"0site-{each}": 1 for each in range(4)}
"""Twelve bytes each where they are counted."""
SEGMENTS = f"0segment{ATTRIBUTE_MARK}{SEVERAL}"


def tally(kept: bytes) -> rollups.Tally:
    """What a document has of its only hour."""
    return rollups.decode(kept)[7]


@pytest.fixture(autouse=True)
def _small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "TABLE_BYTES", 44)


def test_what_has_no_room_is_among_others() -> None:
    """In their place: others of people are no others of robots."""
    more = {**FULL, "2site-9": 3}
    assert tally(merged(None, {7: more})) == {**FULL, f"2{OTHERS}": 3}


def test_what_clicks_have_beyond_one_value_gets_into_full_tables() -> None:
    """Or else nobody would know how many clicks the rows are, and those without a value would be wrong."""
    kept = merged(None, {7: FULL})
    kept = merged(kept, {7: {"0late-site": 2, f"0{SEVERAL}": 2, SEGMENTS: 1}})
    assert tally(merged(kept, {7: {SEGMENTS: 4}})) == {
        **FULL,
        f"0{OTHERS}": 2,
        f"0{SEVERAL}": 2,
        SEGMENTS: 5,
    }


def test_names_of_attributes_do_not_fill_a_document_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "SEVERAL_BYTES", 100)
    more = {f"0name-{each:02}{ATTRIBUTE_MARK}{SEVERAL}": 1 for each in range(20)}
    kept = merged(None, {7: more})
    assert len(kept) < 100
    assert sum(tally(kept).values()) == 20


def counted(*clicks: Click) -> dict[Scope, dict[str, int]]:
    """The tallies of clicks of one hour."""
    fold = Fold(0, 0)
    fold.count(clicks)
    assert {hour for _, hour, _ in fold.tallies()} <= {HOUR}
    return {scope: dict(tally) for scope, _, tally in fold.tallies()}


def test_a_click_counts_in_each_scope_by_each_dimension() -> None:
    """In the place of its kind; a second tag, and a second value of an attribute, count as SEVERAL too."""
    some = click(
        unique=True,
        country="DE",
        city="x" * 201,
        device=Device.MOBILE,
        language="de",
        referrer="t.co",
        campaign_id="cmp_1",
        variant="A",
        tags=("a", "b"),
        utm=Utm(medium="mail"),
        attributes=(("plan", "pro"), ("plan", 5)),
    )
    tally = dict.fromkeys(
        (
            *("t117", "L1lnk_1", "c1DE", "y1" + "x" * 200, "d1MOBILE", "l1de", "e1t.co", "n1cmp_1", "v1A"),
            *("g1a", "g1b", f"g1{SEVERAL}", "21mail"),
            *(f"a1plan{ATTRIBUTE_MARK}{value}" for value in ("pro", "5", SEVERAL)),
        ),
        1,
    )
    scopes = [
        rollups.WORKSPACE,
        Scope(ScopeKind.LINK, "lnk_1"),
        Scope(ScopeKind.CAMPAIGN, "cmp_1"),
        *(Scope(ScopeKind.TAG, tag) for tag in ("a", "b")),
    ]
    assert counted(some) == dict.fromkeys(scopes, tally)
    assert counted(some, some) == dict.fromkeys(scopes, dict.fromkeys(tally, 2))


def test_clicks_alike_in_all_but_their_kind_count_in_their_own_places() -> None:
    """What is remembered of one click is of no use for one of another kind, link or campaign."""
    clicks = [
        click(kind=ClickKind.BOT, country="DE"),
        click(country="DE", link_id="lnk_2", template_id="tpl_1"),
        click(country="DE", campaign_id="tpl_1"),
        click(country="DE", outcome=Outcome.EXPIRED),
        click(country="DE", link_id=None),
    ]
    found = counted(*clicks)
    assert {key: count for key, count in found[rollups.WORKSPACE].items() if key[0] in "cnpL"} == {
        "c2DE": 1,
        "c0DE": 2,
        "L2lnk_1": 1,
        "L0lnk_1": 1,
        "L0lnk_2": 1,
        "n0tpl_1": 1,
        "p0tpl_1": 1,
    }
    assert sum(found[Scope(ScopeKind.TEMPLATE, "tpl_1")].values()) == 5
    assert sum(found[Scope(ScopeKind.CAMPAIGN, "tpl_1")].values()) == 5


def test_attributes_that_python_takes_for_equal_are_counted_apart() -> None:
    """True is no 1, whichever was counted first."""
    clicks = [click(attributes=(("beta", value),)) for value in (1, True, 1.5, True, "true")]
    tally = counted(*clicks)[rollups.WORKSPACE]
    assert {key[2:]: count for key, count in tally.items() if key[0] == "a"} == {
        f"beta{ATTRIBUTE_MARK}1": 1,
        f"beta{ATTRIBUTE_MARK}true": 3,
        f"beta{ATTRIBUTE_MARK}1.5": 1,
    }


def test_link_versions_with_long_texts_are_not_remembered() -> None:
    """Or whoever makes many of them could fill a worker's memory."""
    tags = tuple(f"{each:049}🦊" for each in range(50))
    counted(click())
    kept = [each.cache_info().currsize for each in (folds._kept_version, folds._kept_keys)]
    assert len(counted(click(tags=tags, utm=Utm(term="long" * 50)))) == 2 + len(tags)
    assert [each.cache_info().currsize for each in (folds._kept_version, folds._kept_keys)] == kept
