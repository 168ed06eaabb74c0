"""The redirect role: opens what a redirect works with, serves until SIGTERM, and closes its journal last."""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import msgspec

from app import connections, garbage, priorities, serving, tasks
from app.connections import Connections
from app.health import Operations, Readiness
from app.metrics import Metrics
from app.settings import Settings
from app.vaults import ThreadVault
from domain import hostnames
from domain.agents import Agents
from domain.facts import Known
from domain.links import LinkChanged
from redirect import places, protocol
from redirect.aids import Aids
from redirect.app import MISSES_PER_MINUTE, Redirect
from redirect.buckets import Buckets
from redirect.cookies import Cookies
from redirect.counts import Counts
from redirect.doors import PER_LINK, PER_VISITOR, Doors
from redirect.gates import Gates
from redirect.journal import Journal
from redirect.orphans import Orphans
from redirect.places import Places
from redirect.proxies import Proxies
from redirect.routes import Routes
from redirect.salts import Salts
from redirect.signals import Signals
from redirect.visit import Reader
from storage import news
from storage.attempts import RedisAttempts
from storage.routes import MongoRoutes
from storage.salts import MongoSalts
from storage.seats import MongoSeats
from storage.secrets import MongoSecrets
from storage.signals import MongoSignals, channel
from storage.workspaces import MongoWorkspaces

_log = logging.getLogger(__name__)


async def run(settings: Settings, sockets: list[socket.socket]) -> None:
    """Serve short links on `sockets` until SIGTERM has drained them.

    Neither engine has to be there: what is unknown gets 503 until MongoDB answers.
    """
    priorities.come_first()
    counts = Counts()
    metrics = Metrics("redirect")
    metrics.watch("redirect", counts)
    async with connections.open(settings, "redirect") as opened:
        journal = Journal(settings.journals_dir, connections.now_ms(), counts)
        try:
            async with (
                prepared(opened, journal, counts) as redirect,
                tasks.background(metrics.flushing, priorities.keep_ahead),
            ):
                readiness = Readiness({"process": _alive})
                garbage.settle()
                await serving.serve(
                    Operations(redirect, readiness, metrics),
                    sockets,
                    http=protocol.speaking_for(redirect),
                    on_drain=readiness.drain,
                )
        finally:
            await asyncio.to_thread(journal.close)


@asynccontextmanager
async def prepared(opened: Connections, journal: Journal, counts: Counts) -> AsyncIterator[Redirect]:
    """A redirect over real engines, with its news and salts kept up to date in the background."""
    settings = opened.settings
    load_seconds = settings.redirect_lookup_ms / 1_000
    routes = Routes(MongoRoutes(opened.database), counts, time.monotonic, load_seconds=load_seconds)
    salts = Salts(MongoSalts(opened.database), connections.now_ms, secrets.token_bytes)
    reader = Reader(
        Proxies(settings.trusted_proxies),
        salts,
        Places(places.opened(settings.geoip_db), counts),
        connections.now_ms,
        settings.country_header or "",
        https=settings.short_base.startswith("https:"),
    )
    signals = Signals(MongoSignals(opened.database))
    known, vault = Known(Agents().read, signals.values, routes.clicks), ThreadVault()
    aids = Aids(MongoSecrets(opened.database, secrets.token_bytes), secrets.token_bytes, counts)
    owners = _Owners(MongoWorkspaces(opened.database), hostnames.of(settings.short_base))
    redirect = Redirect(
        routes=routes,
        gates=Gates(_doors(opened, vault, counts), MongoSeats(opened.database), known.agents, counts),
        cookies=Cookies(reader),
        aids=aids,
        reader=reader,
        known=known,
        journal=journal,
        misses=Buckets(per_minute=MISSES_PER_MINUTE),
        orphans=Orphans(owners, reader, journal, counts, time.monotonic),
        counts=counts,
        now=time.monotonic,
    )
    await (
        salts.attempt()
    )  # before the first visitor, so that nobody goes without a hash while MongoDB answers
    await aids.attempt()
    await signals.attempt()  # nor meets rules that know of no signal
    async with tasks.background(
        salts.keep,
        aids.keep,
        signals.keep,
        lambda: _hear(opened, routes, counts),
        lambda: _hear_signals(opened, signals),
    ):
        yield redirect
    vault.close()


def _doors(opened: Connections, vault: ThreadVault, counts: Counts) -> Doors:
    shared = partial(RedisAttempts, opened.redis, opened.settings.mongodb_database)
    return Doors(vault, shared(PER_VISITOR), shared(PER_LINK), counts, time.monotonic)


async def _hear_signals(opened: Connections, signals: Signals) -> None:
    """Tell which workspaces have other signals now; without Redis they are read more often instead."""
    await news.listen(
        opened.redis,
        channel(opened.settings.mongodb_database),
        heard=lambda message: signals.changed(message.decode(errors="replace")),
        connected=signals.listening,
        lost=signals.deaf,
    )


class _Owners:
    """Whose hosts are: the installation's own belongs to its one workspace, or to nobody."""

    def __init__(self, workspaces: MongoWorkspaces, short_host: str) -> None:
        self._workspaces = workspaces
        self._short_host = short_host

    async def owner_of(self, host: str) -> str | None:
        return await self._workspaces.owner_of(host, shared=host == self._short_host)


async def _hear(opened: Connections, routes: Routes, counts: Counts) -> None:
    """Tell the route table of edits; without Redis it asks more often instead."""

    def heard(message: bytes) -> None:
        try:
            change = msgspec.msgpack.decode(message, type=LinkChanged)
        except msgspec.MsgspecError as error:
            _log.error("news of a changed link cannot be read: %s", error)
        else:
            routes.changed(change)

    def lost() -> None:
        counts.news_lost += 1
        routes.deaf()

    await news.listen(
        opened.redis,
        f"{opened.settings.mongodb_database}:links",
        heard=heard,
        connected=routes.listening,
        lost=lost,
    )


async def _alive() -> None:
    """A redirect is ready as soon as it listens.

    What it needs of MongoDB it asks when a visitor comes, and it answers from its table while that is away. A
    full disk is an alarm (clicks_lost) and no reason to take redirects off the network.
    """
