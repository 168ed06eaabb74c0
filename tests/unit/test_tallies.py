"""Figures kept current by adding clicks: in whatever order reading and hearing come, each counts once."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain import ledgers, tallies
from domain.clicks import Click, ClickKind, LinkStats
from domain.feeds import Heads
from domain.tallies import Tally
from domain.visits import Outcome

AT = datetime(2026, 3, 1, tzinfo=UTC)
LINKS = ("lnk_1", "lnk_2", "lnk_3")


def click(seq: int, slot: int = 0, **changes: object) -> Click:
    usual = {"link_id": LINKS[0], "kind": ClickKind.HUMAN, "unique": False, "outcome": Outcome.REDIRECT}
    given = {"at": AT + timedelta(seconds=seq), "link_version": 1, **usual, **changes}
    return Click(id=f"clk_{slot}_{seq}", workspace_id="ws", slot=slot, seq=seq, **given)  # type: ignore[arg-type]


def figures(clicks: Sequence[Click], link_ids: Sequence[str] = LINKS) -> dict[str, LinkStats]:
    """What the ledger's own code makes of clicks."""
    added = ledgers.figures(clicks)
    rows = {link_id: added.get(("ws", link_id)) or ledgers.Figures() for link_id in link_ids}
    return {
        link_id: ledgers.total(
            link_id,
            [({str(kind): count for kind, count in row.kinds.items()}, row.uniques, row.last_click_at)],
        )
        for link_id, row in rows.items()
    }


def read(tally: Tally, ledger: Sequence[Click]) -> set[str]:
    heads: Heads = {}
    for each in ledger:
        heads[each.slot] = max(each.seq, heads.get(each.slot, 0))
    return tally.read(figures(ledger, sorted(tally.unread)), heads, tally.holes)


def test_a_click_is_added_to_what_was_read() -> None:
    tally = Tally({0: 1})
    tally.watch([LINKS[0]])
    assert tally[LINKS[0]] is None
    assert read(tally, [click(1)]) == {LINKS[0]}
    assert tally.hear(0, [click(2, unique=True), click(3, kind=ClickKind.BOT)]) == {LINKS[0]}
    assert tally[LINKS[0]] == LinkStats(
        link_id=LINKS[0], clicks=2, uniques=1, bots=1, last_click_at=AT + timedelta(seconds=2)
    )


def test_what_counts_nowhere_changes_nothing() -> None:
    """Prefetches, pages instead of redirects, and links that nobody watches."""
    tally = Tally({})
    tally.watch([LINKS[0]])
    read(tally, [])
    clicks = [
        click(1, kind=ClickKind.PREFETCH),
        click(2, outcome=Outcome.EXPIRED),
        click(3, link_id=LINKS[1]),
        click(4, link_id=None, outcome=Outcome.NOT_FOUND),
    ]
    assert tally.hear(0, clicks) == set()
    assert tally[LINKS[0]] == LinkStats(link_id=LINKS[0])


def test_a_hole_makes_everything_be_read_again_and_stale_answers_are_of_no_use() -> None:
    tally, ledger = Tally({}), [click(seq) for seq in range(1, 10)]
    tally.watch([LINKS[0]])
    read(tally, [])
    tally.hear(0, ledger[:2])
    before = tally.holes
    tally.hear(0, ledger[5:6])
    assert tally.unread == {LINKS[0]}
    assert tally.read(figures(ledger[:3], LINKS[:1]), {0: 3}, before) == set()
    assert tally.unread == {LINKS[0]}
    tally.hear(0, ledger[6:])
    read(tally, ledger[:7])
    stats = tally[LINKS[0]]
    assert stats is not None
    assert stats.clicks == 9


def test_too_much_that_waits_is_read_again() -> None:
    tally = Tally({})
    tally.watch([LINKS[0]])
    ledger = [click(seq) for seq in range(1, tallies.WAITING + 3)]
    tally.hear(0, ledger)
    assert read(tally, ledger[:5]) == set()
    assert tally.unread == {LINKS[0]}
    assert read(tally, ledger) == {LINKS[0]}
    assert tally[LINKS[0]] == figures(ledger)[LINKS[0]]


def test_what_is_heard_twice_counts_once() -> None:
    tally, ledger = Tally({}), [click(seq) for seq in range(1, 6)]
    tally.watch([LINKS[0]])
    read(tally, [])
    for stretch in (ledger[:3], ledger[:3], ledger[1:4], ledger[2:]):
        tally.hear(0, stretch)
    assert tally.unread == set()
    assert tally[LINKS[0]] == figures(ledger)[LINKS[0]]


def test_a_forgotten_link_is_read_anew() -> None:
    tally = Tally({})
    tally.watch(LINKS)
    read(tally, [])
    tally.forget([LINKS[1]])
    tally.hear(0, [click(1, link_id=LINKS[1])])
    tally.watch([LINKS[1]])
    assert tally.unread == {LINKS[1]}
    read(tally, [click(1, link_id=LINKS[1])])
    assert tally[LINKS[1]] == figures([click(1, link_id=LINKS[1])])[LINKS[1]]


@given(st.integers(0, 10_000))
def test_any_order_of_hearing_reading_and_losing_gives_the_ledgers_figures(seed: int) -> None:
    dice = random.Random(seed)
    ledger: list[Click] = []
    heard: Heads = {0: 0, 1: 0}
    tally = Tally({})
    for _ in range(60):
        action = dice.randrange(5)
        slot = dice.randrange(2)
        own = [each for each in ledger if each.slot == slot]
        if action == 0:
            kind = dice.choice(list(ClickKind))
            changes = {"link_id": dice.choice(LINKS), "kind": kind, "unique": kind is ClickKind.HUMAN}
            ledger.append(click(len(own) + 1, slot, **changes))
        elif action == 1 and heard[slot] < len(own):
            lost = dice.random() < 0.1
            upto = dice.randint(heard[slot] + 1, len(own))
            tally.hear(slot, own[upto - 1 if lost else heard[slot] : upto])
            heard[slot] = upto
        elif action == 2:
            tally.watch([dice.choice(LINKS)])
        elif action == 3:
            read(tally, ledger)
        elif dice.random() < 0.2:
            tally.forget([dice.choice(LINKS)])
    for slot in (0, 1):
        rest = [each for each in ledger if each.slot == slot][heard[slot] :]
        if rest:
            tally.hear(slot, rest)
    tally.watch(LINKS)
    read(tally, ledger)
    assert {link_id: tally[link_id] for link_id in LINKS} == figures(ledger)
