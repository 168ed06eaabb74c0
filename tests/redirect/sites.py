"""A redirect on a real socket over the real engines, and visitors who speak plain bytes."""

import asyncio
import re
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pymongo
import uvicorn

from app import connections, serving
from app.connections import Connections
from app.redirecting import prepared
from app.settings import Settings
from domain import journals, slugs
from domain.links import Link, LinkChanged
from domain.visits import VisitRecord
from redirect.app import Redirect
from redirect.counts import Counts
from redirect.journal import Journal
from redirect.protocol import speaking_for
from storage import codec, mongo

DOMAIN = "go.example"
PATIENCE_SECONDS = 20
"""For what a test prepares."""


class Response(msgspec.Struct, frozen=True):
    """What came back: its status, its headers by lower-case name, its body."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Site:
    """A redirect that serves, with what it works on."""

    port: int
    services: Connections
    redirect: Redirect
    counts: Counts
    journal: Journal
    journals_dir: Path

    async def add(self, slug: str | None = None, **given: Any) -> Link:
        """Put a link into the database, as the API would."""
        slug = slug or secrets.token_hex(5)
        now = self.services.clock()
        link = Link(
            id=self.services.ids.new("lnk"),
            workspace_id=given.pop("workspace_id", "ws_01"),
            domain=given.pop("domain", DOMAIN),
            slug=slug,
            slug_key=slugs.key_of(slug),
            destination=given.pop("destination", "https://example.com/landing"),
            created_at=now,
            updated_at=now,
            **given,
        )
        with pymongo.timeout(PATIENCE_SECONDS):
            await self.services.database["links"].insert_one(codec.to_document(link))
        return link

    async def edit(self, link: Link, **fields: Any) -> Link:
        """Change a link and tell the redirect processes, as the API would."""
        edited = msgspec.structs.replace(link, version=link.version + 1, **fields)
        with pymongo.timeout(PATIENCE_SECONDS):
            await self.services.database["links"].replace_one({"_id": link.id}, codec.to_document(edited))
        await self.tell(edited)
        return edited

    async def tell(self, link: Link) -> None:
        """Publish that a link has changed."""
        news = LinkChanged(link.domain, link.slug_key, link.version)
        channel = f"{self.services.settings.mongodb_database}:links"
        await self.services.redis.publish(channel, msgspec.msgpack.encode(news))

    async def get(self, path: str, *headers: str, method: str = "GET", host: str = DOMAIN) -> Response:
        """One request on a connection of its own; `headers` are whole lines."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "Connection: close"]
        return parsed(await self.send("\r\n".join([*lines, "", ""]).encode()))

    async def send(self, *chunks: bytes) -> bytes:
        """Send bytes and read until the connection ends; a head that is refused may be cut off meanwhile."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        received = b""
        try:
            async with asyncio.timeout(30):
                for chunk in chunks:
                    writer.write(chunk)
                    await writer.drain()
                received = await reader.read(-1)
        finally:
            writer.close()
        return received

    def records(self, link: Link) -> list[VisitRecord]:
        """What the journal holds of a link."""
        return self.records_of(link.id)

    def records_of(self, link_id: str) -> list[VisitRecord]:
        """The same by the link's id."""
        return [record for record in recorded(self.journals_dir) if record.link_id == link_id]


def recorded(journals_dir: Path) -> Iterator[VisitRecord]:
    """Every record of every journal, in order."""
    for segment in sorted(journals_dir.glob("*/*.seg")):
        for _, payload in journals.frames(memoryview(segment.read_bytes()), 0):
            yield journals.decode(payload)


def parsed(answer: bytes) -> Response:
    """The parts of one HTTP response."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", first)
    assert status is not None, answer[:200]
    headers = dict(line.lower().split(": ", 1)[:1] + line.split(": ", 1)[1:] for line in lines)
    return Response(int(status[1]), headers, body.decode())


@asynccontextmanager
async def serving_site(
    settings: Settings, http: str = "ours", *, indexes: bool = True, **options: Any
) -> AsyncIterator[Site]:
    """A redirect of its own on a free port.

    Args:
        settings: its engines, and where its journal is.
        http: "ours" or one of uvicorn's protocols.
        indexes: make them first, which needs a MongoDB that answers.
        options: uvicorn's.
    """
    counts = Counts()
    async with connections.open(settings, "redirect") as opened:
        if indexes:
            with pymongo.timeout(PATIENCE_SECONDS):
                await mongo.ensure_indexes(opened.database)
        journal = Journal(settings.journals_dir, connections.now_ms(), counts)
        async with prepared(opened, journal, counts) as redirect:
            listener = serving.listen("127.0.0.1", 0)
            config = uvicorn.Config(
                redirect,
                http=speaking_for(redirect) if http == "ours" else http,
                ws="none",
                proxy_headers=False,
                lifespan="off",
                log_config=None,
                **options,
            )
            async with _serving(config, listener):
                port = listener.getsockname()[1]
                yield Site(port, opened, redirect, counts, journal, settings.journals_dir)
        journal.close()


@asynccontextmanager
async def _serving(config: uvicorn.Config, listener: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listener]))
    while not server.started:  # uvicorn says so in a field only
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task
