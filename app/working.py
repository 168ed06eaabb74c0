"""The worker role: ships this host's journals into the ledger until it is told to stop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final

from app import connections, garbage, mailing, priorities, serving, tasks
from app.connections import Connections
from app.health import Check, Operations, Readiness
from app.metrics import Metrics
from app.settings import Settings
from delivery import mails, sequencing
from delivery.announcements import Outbox
from delivery.clicks import Clicks
from delivery.counts import Counts
from delivery.folds import Folding
from delivery.freshness import Freshness
from delivery.leases import Lease
from delivery.popularity import Popularity
from delivery.sequencing import Sequencer
from domain.agents import Agents
from domain.errors import Unavailable
from domain.folds import Moved
from storage.announcements import Announcements
from storage.folds import Folds
from storage.ledgers import Ledger
from storage.popularity import MongoPopularity
from storage.sequences import Sequences
from storage.slots import Slots
from storage.stats import Stats

_FOLD_SECONDS: Final = 3.0
_RELEASE_SECONDS: Final = 1.0
"""A slot that cannot be given back so quickly becomes free when its lease runs out."""


async def run(
    settings: Settings, sockets: list[socket.socket], *, needs: Mapping[str, Check] = MappingProxyType({})
) -> None:
    """Ship until SIGTERM: the transaction at hand is finished, slot and journals are let go.

    Args:
        settings: engines and data directory.
        sockets: listening sockets for `/livez`, `/readyz` and `/metrics`; may be empty.
        needs: what `/readyz` asks besides MongoDB.
    """
    priorities.step_aside()
    counts, metrics = Counts(), Metrics("worker")
    metrics.watch("worker", counts)
    sent = mails.Counts()
    metrics.watch("mails", sent)
    sequenced = sequencing.Counts()
    metrics.watch("events", sequenced)
    async with (
        connections.open(settings, "worker") as opened,
        mailing.sending(opened, sent),
        shipping(
            opened,
            counts,
            metrics.flushing(),
            _popularity(opened).keep(),
            _sequencer(opened, sequenced).keep(),
        ) as clicks,
    ):
        garbage.settle()
        await _ship(clicks, sockets, Operations(None, _readiness(opened, needs), metrics))
    metrics.flush()


@asynccontextmanager
async def shipping(
    opened: Connections, counts: Counts, *beside: Coroutine[Any, Any, None]
) -> AsyncIterator[Clicks]:
    """What ships journals into the ledger, with its slot and its news; ready to run.

    Args:
        opened: engines, and the settings that name the journals' folder.
        counts: what happened so far.
        beside: more to keep going meanwhile.
    """
    settings = opened.settings
    async with Ledger(opened.database, opened.clock) as ledger:
        lease = Lease(Slots(opened.database), connections.process_name(), counts)
        outbox = Outbox(Announcements(opened.redis, settings.mongodb_database), counts)
        folding = Folding(Folds(opened.database), counts)
        clicks = Clicks(
            settings.journals_dir,
            ledger=ledger,
            lease=lease,
            outbox=outbox,
            folding=folding,
            freshness=Freshness(ledger, opened.clock),
            agents=Agents().read,
            counts=counts,
        )
        async with asyncio.TaskGroup() as group:  # should one of them fail, the process ends and is restarted
            works = (lease.keep(), outbox.keep(), folding.keep_counting(), folding.keep(), *beside)
            behind = [group.create_task(work) for work in works]
            yield clicks
            await tasks.end(behind)
        await _fold_rest(folding)
        await _give_back(lease)


async def _ship(clicks: Clicks, sockets: list[socket.socket], operations: Operations) -> None:
    """Ship until the signal comes, which either we or the server of the operational port hears."""
    if not sockets:
        await clicks.run(serving.stopping())
        return
    stopping = asyncio.Event()
    shipping = asyncio.create_task(clicks.run(stopping))
    await serving.serve(operations, sockets, on_drain=stopping.set)
    stopping.set()
    await shipping


def _popularity(opened: Connections) -> Popularity:
    return Popularity(MongoPopularity(opened.database), Stats(opened.database))


def _sequencer(opened: Connections, counts: sequencing.Counts) -> Sequencer:
    sequences = Sequences(opened.database, connections.process_name(), opened.clock)
    told = Announcements(opened.redis, opened.settings.mongodb_database, "events")
    return Sequencer(sequences, told, counts)


def _readiness(opened: Connections, needs: Mapping[str, Check]) -> Readiness:
    async def mongodb() -> None:
        await opened.database.command("ping")

    return Readiness({"mongodb": mongodb, **needs})


async def _fold_rest(folding: Folding) -> None:
    """Fold what is waiting; what does not get there is caught up with by the next worker."""
    try:
        async with asyncio.timeout(_FOLD_SECONDS):
            await folding.fold()
    except (TimeoutError, Unavailable, Moved):
        return


async def _give_back(lease: Lease) -> None:
    try:
        async with asyncio.timeout(_RELEASE_SECONDS):
            await lease.release()
    except TimeoutError:
        return
