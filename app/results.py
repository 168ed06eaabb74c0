"""GET /jobs/<id>/results: what became of every row of a job, as JSON Lines, read while they are sent."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import msgspec

from app.entrances import Call
from domain import addresses
from domain.access import Scope
from domain.errors import NotFound
from domain.jobs import Job, Jobs, RowResult
from domain.links import Link, Links
from domain.paging import Window
from schema.payloads import UserError

PATH: Final = "/jobs"
MEDIA: Final = b"application/jsonl; charset=utf-8"
POINTS: Final = 100
"""What the results of a job cost of a key's budget."""
_ROWS: Final = 250
_ADDRESS: Final = re.compile(r"/jobs/([^/]{1,64})/results")

_encode: Final = msgspec.json.Encoder().encode


class Results:
    """Gives results.

    Args:
        jobs: where jobs are kept.
        links: where links are kept.
        short_base: public base of short links.
    """

    method, scope, points = "GET", Scope.LINKS_READ, POINTS

    def __init__(self, jobs: Jobs, links: Links, *, short_base: str) -> None:
        self._jobs = jobs
        self._links = links
        self._short_base = short_base

    async def answer(self, call: Call) -> None:
        """Send a line for each row that is settled by now, in the order of the rows.

        Raises:
            NotFound: there is no such job, or it is another workspace's.
            Unavailable: the database does not answer; where lines are out already, they break off.
        """
        job = await self._job(call)
        headers = [
            (b"content-type", MEDIA),
            (b"content-disposition", f'attachment; filename="{job.id}.jsonl"'.encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-request-id", call.request_id.encode()),
        ]
        async with aclosing(self._pieces(job)) as pieces:
            piece = await anext(pieces, b"")  # what cannot be read at all is still told as an error
            await call.send({"type": "http.response.start", "status": 200, "headers": headers})
            while piece:
                await call.send({"type": "http.response.body", "body": piece, "more_body": True})
                piece = await anext(pieces, b"")
        await call.send({"type": "http.response.body", "body": b""})

    async def _job(self, call: Call) -> Job:
        address = _ADDRESS.fullmatch(call.scope["path"].rstrip("/"))
        job_id = address[1] if address else ""
        job = (await self._jobs.by_ids(call.viewer.workspace_id, [job_id])).get(job_id)
        if job is None:
            raise NotFound("There is no such job, or not any more.")
        return job

    async def _pieces(self, job: Job) -> AsyncGenerator[bytes, None]:
        window = Window(size=_ROWS)
        while True:
            page = await self._jobs.results(job.workspace_id, job.id, window, only_failed=False)
            if not page.items:
                return
            ids = [result.link_id for result in page.items if result.link_id is not None]
            links = await self._links.by_ids(job.workspace_id, ids) if ids else {}
            yield b"".join(self._line(result, links.get(result.link_id or "")) for result in page.items)
            if not page.has_next:
                return
            window = Window(size=_ROWS, after=(page.items[-1].row,))

    def _line(self, result: RowResult, link: Link | None) -> bytes:
        errors = [UserError.of(error.under(str(result.row))) for error in result.errors]
        line: dict[str, Any] = {
            "row": result.row,
            "linkId": result.link_id,
            "shortUrl": None
            if link is None
            else addresses.short_url(link.domain, link.slug, self._short_base),
            "userErrors": [
                {"code": error.code.value, "message": error.message, "field": error.field} for error in errors
            ],
        }
        return _encode(line) + b"\n"
