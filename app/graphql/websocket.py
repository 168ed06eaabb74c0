"""GraphQL over WebSocket: handshakes of the graphql-transport-ws protocol.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from app.graphql import auth
from app.graphql.auth import Authentication
from app.graphql.operations import Graph
from app.graphql.origins import Origins
from app.graphql.sockets import Limits, Shared, Socket
from app.graphql.wires import Wire
from domain.errors import ApiError, BadRequest

PROTOCOL: Final = "graphql-transport-ws"


class WebSockets:
    """Serves sockets: query, mutation and subscription, with the rights, prices and limits of HTTP.

    Args:
        graph: runs operations.
        authentication: turns keys into viewers.
        origins: pages that may connect.
        draining: set when the process is to end; sockets are told 1012 and reconnect elsewhere.
        request_ids: makes the id of each operation.
        limits: what one socket may do.
    """

    def __init__(
        self,
        graph: Graph,
        authentication: Authentication,
        origins: Origins,
        draining: asyncio.Event,
        *,
        request_ids: Callable[[], str],
        limits: Limits | None = None,
    ) -> None:
        self.shared = Shared(graph, authentication, draining, request_ids, limits or Limits())
        self._origins = origins

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = dict(scope["headers"])
        try:
            if not self._origins.admits(headers):
                raise BadRequest("Pages of this origin may not connect.")
            auth.check_query_string(scope["query_string"])
            key = auth.header_key(scope["headers"])
        except ApiError as error:
            self.shared.counts.refused += 1
            await refuse(scope, send, 403, error.message, self.shared.request_ids())
            return
        speaks = PROTOCOL in scope["subprotocols"]
        accepted = [(b"x-request-id", self.shared.request_ids().encode())]
        await send(
            {"type": "websocket.accept", "subprotocol": PROTOCOL if speaks else None, "headers": accepted}
        )
        if not speaks:
            await send({"type": "websocket.close", "code": 4406, "reason": "Subprotocol not acceptable"})
            return
        self.shared.counts.open += 1
        try:
            wire = Wire(scope, send, self.shared.limits.send_seconds)
            await Socket(self.shared, receive, wire, key).run()
        finally:
            self.shared.counts.open -= 1


async def refuse(scope: Any, send: Any, status: int, message: str, request_id: str) -> None:
    """Answer a handshake with an HTTP response; a server that cannot send one answers 403 without a word."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    body = f"{message}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
    ]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
