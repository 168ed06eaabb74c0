"""The API role: puts the graph behind HTTP, SSE and WebSocket and serves it until SIGTERM has drained it."""

import asyncio
import secrets
import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import strawberry

from app import exports, garbage, graph, results, services, serving, tasks, uploads
from app.entrances import Entrance, Work
from app.exports import Exports
from app.graphql import sockets as protocol
from app.graphql.auth import Authentication, Lookup
from app.graphql.endpoint import Endpoint
from app.graphql.graphiql import GraphiQL
from app.graphql.http import Http
from app.graphql.idempotency import Idempotency
from app.graphql.limits import Buckets, Budget
from app.graphql.operations import EXECUTION_SECONDS, Contexts, Graph
from app.graphql.origins import Cors, Origins
from app.graphql.replays import Load
from app.graphql.sse import Streams
from app.graphql.websocket import WebSockets
from app.health import Check, Operations, Readiness
from app.metrics import Metrics
from app.results import Results
from app.services import Services
from app.settings import Settings
from app.uploads import Uploads
from domain import keys
from domain.access import Viewer
from domain.idempotency import Claims
from domain.instants import Clock
from schema import node_kinds
from schema.context import Context
from storage.budgets import Budgets
from storage.job_results import MongoResults

DRAIN_SECONDS: Final = 15
"""How long calls may take after SIGTERM; with what comes before and after, the process ends within 20 s."""


class Api:
    """The parts of the API on one schema, ready to be served.

    Args:
        settings: playground, origins and budgets.
        schema: the graph.
        lookup: asks the store of keys.
        buckets: where budgets are kept.
        claims: where idempotency keys are kept.
        load: reads the object of an id, to answer a repeated mutation.
        clock: the time.
        contexts: makes `info.context`.
        works: what is at the addresses beside the graph, by the first part of their paths.
        execution_seconds: how long an operation may take.
        socket_limits: what one WebSocket may do.
    """

    def __init__(
        self,
        settings: Settings,
        schema: strawberry.Schema,
        *,
        lookup: Lookup,
        buckets: Buckets,
        claims: Claims,
        load: Load,
        clock: Clock,
        contexts: Contexts,
        works: Mapping[str, Work] = MappingProxyType({}),
        execution_seconds: float = EXECUTION_SECONDS,
        socket_limits: protocol.Limits | None = None,
    ) -> None:
        self.draining = asyncio.Event()
        self.budget = Budget(
            buckets, capacity=settings.cost_budget, restore_per_second=settings.cost_restore_per_second
        )
        self.graph = Graph(
            schema,
            playground=settings.playground,
            budget=self.budget,
            idempotency=Idempotency(schema._schema, claims, load, clock),  # noqa: SLF001 - see Graph
            contexts=contexts,
            execution_seconds=execution_seconds,
        )
        self.authentication = Authentication(lookup)
        origins = Origins(settings.allowed_origins)
        self.streams = Streams(self.graph, self.draining)
        self.http = Http(self.graph, self.authentication, self.streams, origins, request_ids=_new_id)
        self.websockets = WebSockets(
            self.graph,
            self.authentication,
            origins,
            self.draining,
            request_ids=_new_id,
            limits=socket_limits,
        )
        page = GraphiQL() if settings.playground else None
        entrance = Entrance(self.authentication, origins, self.budget, request_ids=_new_id)
        beside = {path: entrance.to(work) for path, work in works.items()}
        self.application = Cors(
            Endpoint(self.http, self.websockets, page, beside, request_ids=_new_id),
            origins,
            request_ids=_new_id,
        )


async def run(
    settings: Settings, sockets: list[socket.socket], *, needs: Mapping[str, Check] = MappingProxyType({})
) -> None:
    """Serve the graph on `sockets` until SIGTERM: calls finish, streams complete, sockets are told 1012.

    Args:
        needs: what `/readyz` asks besides MongoDB.
    """
    async with services.open(settings, "api") as opened:
        uploaded = uploads.Counts()
        api = over(opened, uploaded)
        readiness = Readiness({"mongodb": lambda: opened.database.command("ping"), **needs})
        metrics = Metrics("api")
        metrics.watch("api_budgets", api.budget.counts)
        metrics.watch("api_websockets", api.websockets.shared.counts)
        metrics.watch("api_streams", api.streams.counts)
        metrics.watch("api_uploads", uploaded)

        def drain() -> None:
            readiness.drain()
            api.draining.set()

        metrics.watch("api_feeds", opened.click_feed.hub.counts)
        metrics.watch("api_events", opened.event_feed.hub.counts)
        metrics.watch("api_changes", opened.changes.counts)
        metrics.watch("api_signals", opened.signal_news.counts)
        metrics.watch("api_conversions", opened.led_nowhere)
        hub, watches, event_hub = opened.click_feed.hub, opened.job_feed, opened.event_feed.hub
        async with tasks.background(
            *(metrics.flushing, hub.listen, hub.look_after, watches.listen, watches.look_after),
            *(event_hub.listen, event_hub.look_after),
        ):
            garbage.settle()
            await serving.serve(
                Operations(api.application, readiness, metrics),
                sockets,
                ws="websockets-sansio",
                drain_seconds=DRAIN_SECONDS,
                on_drain=drain,
            )


def over(opened: Services, uploaded: uploads.Counts | None = None) -> Api:
    """The API over real engines.

    Args:
        uploaded: counts the files that come in.
    """

    async def lookup(key: str) -> Viewer:
        return await keys.authenticate(key, opened.keys, opened.clock())

    def contexts(viewer: Viewer, request_id: str) -> Context:
        return Context(
            viewer=viewer,
            request_id=request_id,
            clock=opened.clock,
            ids=opened.ids,
            short_base=opened.settings.short_base,
            api_base=opened.settings.api_base,
            stores=opened,
        )

    works: dict[str, Work] = {
        uploads.PATH: Uploads(opened.uploads, uploaded, clock=opened.clock, ids=opened.ids),
        results.PATH: Results(opened.jobs, opened.links, short_base=opened.settings.short_base),
        exports.PATH: Exports(opened.jobs, MongoResults(opened.database)),
    }
    buckets = Budgets(
        opened.redis,
        prefix=opened.settings.mongodb_database,
        capacity=opened.settings.cost_budget,
        restore_per_second=opened.settings.cost_restore_per_second,
    )
    return Api(
        opened.settings,
        graph.build(),
        lookup=lookup,
        buckets=buckets,
        claims=opened.claims,
        load=node_kinds.again,
        clock=opened.clock,
        contexts=contexts,
        works=works,
    )


def _new_id() -> str:
    return secrets.token_hex(12)
