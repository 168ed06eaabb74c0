"""What our live feeds are measured against: a stock Strawberry subscription, and sends without any GraphQL.

Both hear the same messages from Redis as the API does. `/stock` gives each subscriber a queue, as the
documentation of Strawberry shows it; `/bare` sends a frame that is given to it to each socket in turn.

    python -m bench.plain_feeds PORT CHANNEL FRAME_FILE
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import strawberry
import uvicorn
import uvloop
from redis.asyncio import Redis
from strawberry.asgi import GraphQL

from domain.clicks import ClicksCommitted
from domain.feeds import Batch
from schema.clicks import ClickBatch
from schema.scalars import SCALARS

_decode = msgspec.msgpack.Decoder(ClicksCommitted).decode


class Audience:
    """Who is subscribed in which way, and the listener that serves them.

    Args:
        channel: the whole name of the Redis channel.
        frame: the text that `/bare` sends for each message.
    """

    def __init__(self, channel: str, frame: Path) -> None:
        self.queues: set[asyncio.Queue[ClickBatch]] = set()
        self.sockets: dict[int, Any] = {}
        self._channel = channel
        self._frame = frame

    async def listen(self) -> None:
        """Serve everybody for ever."""
        news = Redis.from_url(os.environ["LINKGRAPH_REDIS_URL"]).pubsub()
        await news.subscribe(self._channel)
        async for message in news.listen():
            if message["type"] != "message":
                continue
            if self.queues:
                batch = ClickBatch.of(Batch(items=_decode(message["data"]).clicks, cursor="x" * 48))
                for queue in self.queues:
                    queue.put_nowait(batch)
            if self.sockets:
                frame = {"type": "websocket.send", "text": self._frame.read_text()}
                for send in list(self.sockets.values()):
                    await send(frame)

    async def bare(self, receive: Any, send: Any) -> None:
        """One socket that is sent frames from its first message on."""
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        await receive()
        await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
        await receive()
        self.sockets[id(send)] = send
        await send({"type": "websocket.send", "text": "{}"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        del self.sockets[id(send)]


@strawberry.type
class Query:
    """GraphQL wants one."""

    @strawberry.field
    def ready(self) -> bool:
        """What is asked until the server is there."""
        return True


@strawberry.type
class Subscription:
    """The stock subscription."""

    @strawberry.subscription
    async def clicks(self, info: strawberry.Info[dict[str, Any], None]) -> AsyncGenerator[ClickBatch, None]:
        """Every batch of clicks."""
        audience: Audience = info.context["audience"]
        queue: asyncio.Queue[ClickBatch] = asyncio.Queue()
        audience.queues.add(queue)
        try:
            yield ClickBatch.of(Batch(cursor=""))
            while True:
                yield await queue.get()
        finally:
            audience.queues.discard(queue)


class Stock(GraphQL[dict[str, Any], None]):
    """Strawberry's own ASGI application."""

    audience: Audience

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        """What subscriptions get as `info.context`."""
        return {"request": request, "response": response, "audience": self.audience}


async def main(port: int, channel: str, frame: Path) -> None:
    """Serve until killed."""
    audience = Audience(channel, frame)
    schema = strawberry.Schema(
        Query,
        subscription=Subscription,
        config=strawberry.schema.config.StrawberryConfig(scalar_map=SCALARS),
    )
    stock = Stock(schema)
    stock.audience = audience

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket" and scope["path"] == "/bare":
            await audience.bare(receive, send)
        else:
            await stock(scope, receive, send)

    listening = asyncio.create_task(audience.listen())
    config = uvicorn.Config(
        application,
        port=port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="warning",
    )
    await uvicorn.Server(config).serve()
    listening.cancel()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
