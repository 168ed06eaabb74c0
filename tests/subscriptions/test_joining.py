"""A reader joins a group exactly where that group stands."""

from typing import Any, cast

import msgspec

from domain.click_filters import EVERY_CLICK
from domain.cursors import Secret
from domain.feeds import Batch
from subscriptions.hub import Counts
from subscriptions.live import Live
from subscriptions.readers import Reader
from subscriptions.subscribers import Subscriber
from tests.delivery.workers import entries, visit
from tests.subscriptions.readers import WORKSPACE


def test_who_joins_takes_nothing_that_the_group_is_yet_to_send() -> None:
    """RT-12: of what waits for it a reader may know some from the ledger already."""
    told = entries("0" * 26, *[visit()] * 3)
    clicks = [msgspec.structs.replace(each.click, slot=0, seq=seq) for seq, each in enumerate(told, start=1)]
    secret = Secret(id="feeds", key=b"k" * 32, epoch="e")
    leader, reader = (
        Reader(
            WORKSPACE, WORKSPACE, secret, EVERY_CLICK, cast(Any, None), Subscriber(EVERY_CLICK), steady=True
        )
        for _ in range(2)
    )
    for each in (leader, reader):
        each.live.offer(clicks)
        each.live.seen = {0: 3}
    assert leader.live.take(2) == tuple(clicks[:2])
    reader.live.place = {0: 1}  # where the ledger's replay has left it
    (lacking,) = Live(reader, Counts()).join(Live(leader, Counts())) or []
    assert cast(Batch, lacking).items == (clicks[1],)
    assert (len(reader.live), reader.live.place) == (1, leader.live.place)
