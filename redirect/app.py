"""The redirect as a complete ASGI application: look up, decide, record, answer."""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec

from domain import rules, visitors
from domain.errors import Unavailable
from domain.facts import Known
from domain.routes import Damaged, Decision, Route
from domain.visits import Outcome, Visit
from redirect import forms, requests, responses
from redirect.aids import Aids
from redirect.buckets import Buckets
from redirect.cookies import Cookies
from redirect.counts import Counts
from redirect.entries import Entry
from redirect.gates import Gates
from redirect.journal import Journal
from redirect.orphans import Orphans
from redirect.requests import Request
from redirect.responses import NONE, Answer, Refused, whole
from redirect.routes import Routes
from redirect.visit import Reader

MISSES_PER_MINUTE: Final = 1_000
"""Slugs that do not exist which a client may ask for: guessing is slow, and costs little."""
ANSWERS: Final = 1_024
"""Answers of rules and variants that are kept made; one has up to three times the size of its destination."""

_log = logging.getLogger(__name__)


class Redirect:
    """`GET /{slug}`: every visit to a link is in the journal before its answer leaves.

    Args:
        routes: what this process knows of links.
        gates: asks for passwords and seats.
        cookies: recognises visitors where rules ask who returns.
        aids: tells destinations which click led there.
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
        gates: Gates,
        cookies: Cookies,
        aids: Aids,
        reader: Reader,
        known: Known,
        journal: Journal,
        misses: Buckets,
        orphans: Orphans,
        counts: Counts,
        now: Callable[[], float],
    ) -> None:
        self.routes = routes
        self._gates = gates
        self._cookies = cookies
        self._aids = aids
        self.reader = reader
        self._known = known
        self._answer_of = lru_cache(ANSWERS)(forms.answer)
        self._journal = journal
        self._misses = misses
        self._orphans = orphans
        self._counts = counts
        self._now = now

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; Refused becomes its page here and nowhere else."""
        if scope["type"] != "http":
            return
        try:
            answer = await self.follow(scope, receive)
        except Refused as refused:
            answer = responses.page(refused.status, retry_after_seconds=refused.retry_after_seconds)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    async def follow(self, scope: Any, receive: Any) -> Answer:
        """Look up, decide, record, answer.

        Raises:
            Refused: there is no such link, it is not asked for like this, or nobody can tell at the moment.
        """
        request = requests.read(scope)
        entry = await self._look_up(request)
        visit = self.reader.read(
            request.headers, request.peer, entry.route.workspace_id, request.method, request.query
        )
        if not entry.route.plain:
            return await self._admit(entry, visit, request, receive)
        if request.method == "POST":
            raise Refused(405)
        return self.settle(entry, visit)

    async def _admit(self, entry: Entry, visit: Visit, request: Request, receive: Any) -> Answer:
        """The same for links that ask for a password, a seat or a cookie."""
        route, given = entry.route, NONE
        if request.method == "POST":
            client = self.reader.name_of_client(request.headers, request.peer, visit.at_ms)
            if not await self._gates.doors.opened(route, client, request.headers, receive):
                return forms.WRONG
            visit = msgspec.structs.replace(visit, unlocked=True)
        if route.recognises:
            visit, given = self._cookies.recognised(visit, request)
        decision = await self._gates.seated(entry, rules.decide(route, visit, self._known), visit)
        return responses.with_headers(self.settle(entry, visit, decision), given)

    def settle(self, entry: Entry, visit: Visit, decision: Decision | None = None) -> Answer:
        """Decide a visit, record it, and say what to answer: the part that the hot path shares."""
        route = entry.route
        decision = decision or route.settled or rules.decide(route, visit, self._known)
        if decision.destination is not None:
            self._counts.redirects += 1
        elif decision.outcome is not Outcome.REDIRECT:
            self._counts.refusals += 1
        else:
            self._counts.unfollowable += 1  # nobody was sent anywhere, so this is no click
            return responses.of(decision)
        if route.aid_parameter is not None and decision.outcome is Outcome.REDIRECT:
            return self._tell(route, decision, visit)
        self._journal.append(rules.record(route, decision, visit))
        if entry.answer is not None and decision is route.settled:
            return entry.answer
        return self._answer_of(decision)

    def _tell(self, route: Route, decision: Decision, visit: Visit) -> Answer:
        """Record and answer a visit whose destination is told which click it is."""
        record, destination = self._aids.told(rules.record(route, decision, visit), route, visit.query)
        self._journal.append(record)
        return responses.of(msgspec.structs.replace(decision, destination=destination))

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
            raise Refused(503, retry_after_seconds=whole(unavailable.retry_after_seconds)) from unavailable
        except Damaged as damaged:
            _log.error("a stored link cannot be read: %s", damaged)
            self._counts.unfollowable += 1
            raise Refused(502) from damaged
        if entry is None:
            self._counts.misses += 1
            await self._orphans.record(request)
            raise Refused(404)
        self._misses.give_back(client)
        self.routes.learn(request.alias, entry)
        return entry

    def _charge(self, client: str) -> None:
        wait = self._misses.spend(client, self._now())
        if wait > 0:
            self._counts.limited += 1
            raise Refused(429, retry_after_seconds=whole(wait))
