"""The API's addresses: /graphql over HTTP and WebSocket, GraphiQL and its files, and what is beside them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from app.graphql import websocket
from app.graphql.graphiql import ASSETS_PATH, GraphiQL
from app.graphql.http import Http
from app.graphql.negotiation import accept
from app.graphql.websocket import WebSockets

PATH: Final = "/graphql"


class Endpoint:
    """The ASGI application of the API port.

    Args:
        http: answers calls.
        websockets: serves sockets.
        graphiql: the page for browsers; None where there is no playground.
        beside: ASGI applications of other addresses, by the first part of their paths.
        request_ids: makes the id of each request.
    """

    def __init__(
        self,
        http: Http,
        websockets: WebSockets,
        graphiql: GraphiQL | None,
        beside: Mapping[str, Callable[[Any, Any, Any], Awaitable[None]]],
        *,
        request_ids: Callable[[], str],
    ) -> None:
        self._http = http
        self._websockets = websockets
        self._graphiql = graphiql
        self._beside = beside
        self._request_ids = request_ids

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        elif scope["path"].rstrip("/") == PATH:
            if self._graphiql is not None and _opens_page(scope):
                await self._graphiql.page(scope, send, self._request_ids())
            else:
                await self._http(scope, receive, send)
        elif (application := self._beside.get("/" + scope["path"].split("/")[1])) is not None:
            await application(scope, receive, send)
        elif not await self._other(scope, send):
            await self._http.refuse_unknown(send)

    async def _connect(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].rstrip("/") == PATH:
            await self._websockets(scope, receive, send)
        else:
            await receive()
            await websocket.refuse(
                scope, send, 404, "There is nothing here: the graph is at /graphql.", self._request_ids()
            )

    async def _other(self, scope: Any, send: Any) -> bool:
        """Files of the page, and the way to it for who types the host alone."""
        if self._graphiql is None or scope["method"] not in {"GET", "HEAD"}:
            return False
        if scope["path"] == "/":
            headers = [
                (b"location", PATH.encode()),
                (b"content-length", b"0"),
                (b"cache-control", b"no-store"),
                (b"x-request-id", self._request_ids().encode()),
            ]
            await send({"type": "http.response.start", "status": 307, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return True
        if not scope["path"].startswith(ASSETS_PATH):
            return False
        return await self._graphiql.file(scope, send, self._request_ids())


def _opens_page(scope: Any) -> bool:
    if scope["method"] not in {"GET", "HEAD"} or scope["query_string"]:
        return False
    header = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return accept(header.decode("latin-1")).prefers_html()
