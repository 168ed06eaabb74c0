"""The redirect as a complete ASGI application: look up, decide, record, answer."""

import logging
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from domain import rules, visitors
from domain.errors import Unavailable
from domain.facts import Known
from domain.visits import Outcome, Visit
from redirect import requests, responses
from redirect.counts import Counts
from redirect.journal import Journal
from redirect.misses import Misses
from redirect.orphans import Orphans
from redirect.requests import Request
from redirect.responses import Answer, Refused
from redirect.routes import Entry, Routes
from redirect.visit import Reader

ANSWERS: Final = 1_024
"""Answers of rules and variants that are kept made; one has up to three times the size of its destination."""

_log = logging.getLogger(__name__)


class Redirect:
    """`GET /{slug}`: every visit to a link is in the journal before its answer leaves.

    Args:
        routes: what this process knows of links.
        reader: reads visits from requests.
        known: what rules ask beyond link and visit.
        journal: this process's own.
        misses: how often a client may ask for what does not exist.
        orphans: records who asked for what does not exist.
        counts: see Counts.
        now: monotonic seconds.
    """

    def __init__(
        self,
        *,
        routes: Routes,
        reader: Reader,
        known: Known,
        journal: Journal,
        misses: Misses,
        orphans: Orphans,
        counts: Counts,
        now: Callable[[], float],
    ) -> None:
        self.routes = routes
        self.reader = reader
        self._known = known
        self._answer_of = lru_cache(ANSWERS)(responses.of)
        self._journal = journal
        self._misses = misses
        self._orphans = orphans
        self._counts = counts
        self._now = now

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        """Answer one request; Refused becomes its page here and nowhere else."""
        if scope["type"] != "http":
            return
        try:
            answer = await self.follow(scope)
        except Refused as refused:
            answer = responses.page(refused.status, retry_after_seconds=refused.retry_after_seconds)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    async def follow(self, scope: Any) -> Answer:
        """Look up, decide, record, answer.

        Raises:
            Refused: there is no such link, or nobody can tell at the moment.
        """
        request = requests.read(scope)
        entry = await self._look_up(request)
        visit = self.reader.read(
            request.headers, request.peer, entry.route.workspace_id, request.method, request.query
        )
        return self.settle(entry, visit)

    def settle(self, entry: Entry, visit: Visit) -> Answer:
        """Decide a visit, record it, and say what to answer: the part that the hot path shares."""
        route = entry.route
        decision = route.settled or rules.decide(route, visit, self._known)
        if decision.destination is not None:
            self._counts.redirects += 1
        elif decision.outcome is not Outcome.REDIRECT:
            self._counts.refusals += 1
        else:
            self._counts.unfollowable += 1  # nobody was sent anywhere, so this is no click
            return responses.of(decision)
        self._journal.append(rules.record(route, decision, visit))
        if entry.answer is not None and decision is route.settled:
            return entry.answer
        return self._answer_of(decision)

    async def _look_up(self, request: Request) -> Entry:
        """The link's entry; a look-up that may be a guess is paid for first and refunded if it was none."""
        client = ""
        if not self.routes.knows(request.domain, request.slug_key):
            client = visitors.network_of(self.reader.client_of(request.headers, request.peer))
            self._charge(client)
        try:
            entry = await self.routes.find(request.domain, request.slug_key)
        except Unavailable as unavailable:
            self._misses.give_back(client)
            self._counts.unavailable += 1
            raise Refused(503, retry_after_seconds=_whole(unavailable.retry_after_seconds)) from unavailable
        except rules.Damaged as damaged:
            _log.error("a stored link cannot be read: %s", damaged)
            self._counts.unfollowable += 1
            raise Refused(502) from damaged
        if entry is None:
            self._counts.misses += 1
            await self._orphans.record(request)
            raise Refused(404)
        self._misses.give_back(client)
        if request.alias:
            self.routes.learn(request.alias, entry)
        return entry

    def _charge(self, client: str) -> None:
        wait = self._misses.spend(client, self._now())
        if wait > 0:
            self._counts.limited += 1
            raise Refused(429, retry_after_seconds=_whole(wait))


def _whole(seconds: float | None) -> int:
    """Seconds for a Retry-After header: whole ones, at least one."""
    return max(1, math.ceil(seconds or 1))
