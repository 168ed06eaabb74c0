"""A subscriber behind a real WebSocket that reads too slowly: told what it missed, closed, whole again."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from app import api
from app.services import Services
from domain import keys
from domain.access import Scope
from domain.keys import ApiKey
from storage.ledgers import Ledger
from subscriptions.shared import Member
from subscriptions.subscribers import Subscriber
from tests.delivery.workers import new_id, visit
from tests.protocols.conftest import closing, hear, listening_on, say
from tests.subscriptions.readers import WORKSPACE, commit, the_subscriber
from tests.subscriptions.test_clicks_feed import until

FEED = """subscription ($after: String) {
  clicks(after: $after) { clicks { id finalDestination } cursor gap { reason missed resumeFrom } }
}"""
LONG = "https://example.com/" + "x" * 8_000
"""Clicks so large that the kernel's buffers on the way are full after a few hundred of them."""


@pytest.fixture
async def secret(opened: Services) -> str:
    """A key of the readers' workspace."""
    text = keys.secret(secrets.token_bytes)
    key = ApiKey(
        id=new_id("key"),
        workspace_id=WORKSPACE,
        name="reader",
        prefix=keys.shown(text),
        secret_hash=keys.digest(text),
        scopes=frozenset({Scope.ANALYTICS_READ}),
        created_at=opened.clock(),
    )
    assert await opened.keys.add(WORKSPACE, key)
    return text


@asynccontextmanager
async def subscribed(port: int, secret: str, after: str | None = None) -> AsyncIterator[ClientConnection]:
    """A subscriber whose own side buffers next to nothing."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", port))
    url = f"ws://127.0.0.1:{port}/graphql"
    options: dict[str, Any] = {"subprotocols": ["graphql-transport-ws"], "compression": None, "max_queue": 1}
    async with connect(url, sock=narrow, **options) as opened:
        await say(opened, {"type": "connection_init", "payload": {"authorization": f"Bearer {secret}"}})
        await hear(opened)
        payload = {"query": FEED, "variables": {"after": after}}
        await say(opened, {"id": "1", "type": "subscribe", "payload": payload})
        yield opened


def taken(subscriber: Subscriber, seq: int) -> bool:
    return subscriber.place.get(0) == seq


def the_member(served: api.Api) -> Member:
    """The only member of the only group."""
    (group,) = served.graph._groups._groups.values()
    (member,) = group._members
    return member


def seen(batch: dict[str, Any]) -> Iterator[str]:
    return (click["id"] for click in batch["clicks"])


async def next_batch(reader: ClientConnection) -> dict[str, Any]:
    message = await hear(reader)
    assert message["type"] == "next", message
    batch: dict[str, Any] = message["payload"]["data"]["clicks"]
    return batch


async def test_a_socket_that_lags_is_told_and_closed_with_4008(
    opened: Services, ledger: Ledger, secret: str
) -> None:
    """RT-10: one gap LAGGED with resumeFrom, then 4008; from there on exactly what was missed."""
    ids: list[str] = []
    got: list[str] = []
    served = api.over(opened)
    async with listening_on(served.application) as (port, _):
        async with subscribed(port, secret) as reader:
            await next_batch(reader)
            await until(lambda: bool(served.graph._groups._groups))
            subscriber, member = the_subscriber(opened), the_member(served)
            while not member.missed:
                clicks = await commit(opened, ledger, [visit(destination=LONG)] * 100)
                ids += [click.id for click in clicks]
                await until(partial(taken, subscriber, len(ids)))
            batch = await next_batch(reader)
            while batch["gap"] is None:
                got += seen(batch)
                batch = await next_batch(reader)
            assert await closing(reader) == (
                4008,
                "The subscription is read too slowly; go on from the gap's resumeFrom.",
            )
        assert batch["gap"]["reason"] == "LAGGED"
        assert batch["gap"]["missed"] > 0
        assert opened.click_feed.hub.counts.lagged == 1
        async with subscribed(port, secret, batch["gap"]["resumeFrom"]) as reader:
            while len(got) < len(ids):
                got += seen(await next_batch(reader))
    assert got == ids
