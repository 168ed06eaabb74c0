"""Entrances beside the graph: addresses that take or give files, with its keys, budgets and errors."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from app.graphql import answers, auth, bodies, failures
from app.graphql.auth import Authentication
from app.graphql.limits import Budget
from app.graphql.negotiation import JSON
from app.graphql.origins import Origins
from domain.access import Scope, Viewer
from domain.errors import ApiError, Forbidden, Unauthenticated

SEND_SECONDS: Final = 30.0
"""How long a piece of an answer may wait for a client that does not read; then the answer breaks off."""

Application = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""


class WrongMethod(ApiError):
    """The address is called otherwise."""

    code, status = "BAD_REQUEST", 405


class Work(Protocol):
    """What happens at an address; what it raises before it answers is told to the caller."""

    method: str
    scope: Scope
    points: int

    async def answer(self, call: "Call") -> None:
        """Take or give a file."""


@dataclass(slots=True)
class Call:
    """One request that may come in.

    Args:
        viewer: for whom.
        scope: of ASGI.
        receive: the ASGI channel.
        request_id: stands in what is logged.
    """

    viewer: Viewer
    scope: Any
    receive: Any
    request_id: str
    _send: Any
    answering: bool = False

    async def send(self, message: Any) -> None:
        """Send a part of the answer; raises Disconnected where the client does not read it in time."""
        self.answering = True
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(message)
        except TimeoutError as error:
            raise bodies.Disconnected from error


class Entrance:
    """Lets those in who may, and turns the others away as the graph does.

    Args:
        authentication: turns keys into viewers.
        origins: pages that may call.
        budget: what keys may spend.
        request_ids: makes the id of each request.
    """

    def __init__(
        self,
        authentication: Authentication,
        origins: Origins,
        budget: Budget,
        *,
        request_ids: Callable[[], str],
    ) -> None:
        self._authentication = authentication
        self._origins = origins
        self._budget = budget
        self._request_ids = request_ids

    def to(self, work: Work) -> Application:
        """The address behind which `work` is."""

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await self._pass(work, scope, receive, send)

        return application

    async def _pass(self, work: Work, scope: Any, receive: Any, send: Any) -> None:
        request_id = self._request_ids()
        call = None
        try:
            viewer = await self._viewer(work, scope)
            call = Call(viewer, scope, receive, request_id, send)
            await work.answer(call)
        except bodies.Disconnected:
            return
        except Exception as error:  # noqa: BLE001 - the rim: whatever was raised is answered, and masked where unknown
            refusal = failures.refusal(error, request_id)
            if call is not None and call.answering:
                return  # half an answer is out: that it breaks off is all that can be told
            allow = ((b"allow", work.method.encode()),) if isinstance(error, WrongMethod) else ()
            await answers.refused(send, refusal, JSON, request_id, extra=allow)

    async def _viewer(self, work: Work, scope: Any) -> Viewer:
        if scope["method"] != work.method:
            raise WrongMethod(f"This address is called with {work.method}.")
        if not self._origins.admits(dict(scope["headers"])):
            raise Forbidden("Pages of this origin may not call the API: see LINKGRAPH_ALLOWED_ORIGINS.")
        auth.check_query_string(scope["query_string"])
        key = auth.header_key(scope["headers"])
        if key is None:
            raise Unauthenticated("This address needs an API key: send 'Authorization: Bearer <API key>'.")
        viewer = await self._authentication.viewer(key)
        if not viewer.may(work.scope):
            raise Forbidden(f"The key lacks the scope {work.scope.value}, which this address needs.")
        await self._budget.charge(viewer, work.points)
        return viewer
