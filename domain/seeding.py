"""Realistic clicks for demos and benchmarks: a long tail of links, a daily rhythm, people and robots."""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import Final

from domain import routes, rules, visitors
from domain.audiences import Audience, Visitor
from domain.facts import Known
from domain.links import Link
from domain.routes import Route
from domain.visits import Outcome, Purpose, Visit, VisitRecord

HOUR_MS: Final = 3_600_000
_BY_HOUR: Final = (4, 3, 2, 2, 2, 3, 5, 9, 14, 17, 18, 18, 19, 18, 17, 17, 16, 16, 17, 18, 18, 15, 11, 7)
_BY_WEEKDAY: Final = (10, 11, 11, 10, 9, 6, 7)
"""Monday to Sunday."""
_TAIL: Final = 1.05
"""Exponent of Zipf's law: how much less often the next link is followed than the one before it."""
_AT_ONCE: Final = 10_000
"""Clicks that are drawn together: many enough to be quick, few enough to take no memory."""
_NO_MEDIUM: Final = (*[""] * 4, "www.google.com", "www.google.com", "duckduckgo.com", "chatgpt.com", "t.co")
_REFERRERS: Final = {
    "email": ("", "", "", "mail.google.com", "outlook.live.com"),
    "social": ("t.co", "l.facebook.com", "l.instagram.com", "www.linkedin.com", "www.reddit.com", ""),
    "paid": ("www.google.com", "www.google.com", "www.bing.com", "googleads.g.doubleclick.net"),
}
"""By utm_medium."""


def records(
    links: Sequence[Link], count: int, *, start_ms: int, end_ms: int, dice: Random, known: Known
) -> Iterator[VisitRecord]:
    """Visits to links as a redirect would have recorded them, in the order of their instants.

    Each is decided by the link's own rules, variants, times and state. About four of five are people's; the
    rest are robots, previews of chats, prefetches and HEAD requests.

    Args:
        links: the most popular first.
        count: how many visits; those that nobody could have followed are left out.
        start_ms: the first instant, milliseconds since the Unix epoch.
        end_ms: behind the last instant.
        dice: decides everything: the same seed gives the same visits.
        known: what rules ask beyond link and visit.
    """
    led = [routes.route(link) for link in links]
    popular = list(accumulate((place + 1) ** -_TAIL for place in range(len(led))))
    crowd = _Crowd(Audience(count // 6 + 20, dice), dice)
    for instants in _instants(count, start_ms, end_ms, dice):
        drawn = dice.choices(led, cum_weights=popular, k=len(instants))
        for at_ms, route in zip(instants, drawn, strict=True):
            visit = crowd.visit(at_ms, route)
            decision = rules.decide(route, visit, known)
            if decision.destination is not None or decision.outcome is not Outcome.REDIRECT:
                yield rules.record(route, decision, visit)


class _Crowd:
    """Who comes next."""

    def __init__(self, audience: Audience, dice: Random) -> None:
        self._audience = audience
        self._dice = dice
        self._secret = dice.randbytes(visitors.SALT_BYTES)
        self._last: dict[str, Visitor] = {}
        self._day = -1
        self._keyed = visitors.keyed(self._secret)

    def visit(self, at_ms: int, route: Route) -> Visit:
        """The next visit, which is to `route`."""
        share = self._dice.random()
        if share < 0.11:
            purpose = Purpose.HEAD if share < 0.015 else Purpose.FOLLOW
            return self._by(_one(self._audience.robots, share, 0.11), at_ms, route, purpose)
        if share < 0.15:
            return self._by(_one(self._audience.previewers, share - 0.11, 0.04), at_ms, route)
        purpose = Purpose.PREFETCH if share < 0.17 else Purpose.FOLLOW
        person = self._person(route)
        scanned = share > 0.97
        referrer = "" if scanned else self._dice.choice(_REFERRERS.get(route.utm[1] or "", _NO_MEDIUM))
        return self._by(person, at_ms, route, purpose, referrer, qr=scanned)

    def _person(self, route: Route) -> Visitor:
        """Somebody; now and then the one who has just followed this link follows it again."""
        person = self._last.get(route.link_id)
        if person is None or self._dice.random() > 0.15:
            people = self._audience.people
            person = self._last[route.link_id] = people[int(self._dice.random() ** 2 * len(people))]
        return person

    def _by(
        self, who: Visitor, at_ms: int, route: Route, purpose: Purpose = Purpose.FOLLOW, referrer: str = "",
        *, qr: bool = False,
    ) -> Visit:  # fmt: skip
        if visitors.day_of(at_ms) != self._day:
            self._day = visitors.day_of(at_ms)
            self._keyed = visitors.keyed(self._secret[:-4] + self._day.to_bytes(4, "big"))
        place = who.place
        name = visitors.hash_of(self._keyed, route.workspace_id, who.network, who.agent)
        return Visit(
            at_ms=at_ms,
            purpose=purpose,
            agent=who.agent,
            languages=who.languages,
            referrer=referrer,
            visitor=b"" if who.private else name,
            country=place.country,
            region="" if who.private else place.region,
            city="" if who.private else place.city,
            qr=qr,
            timezone=place.timezone,
        )


def _one(machines: Sequence[Visitor], share: float, whole: float) -> Visitor:
    """One of them, by a number from 0 to `whole` that was drawn already."""
    return machines[int(share / whole * len(machines))]


def _instants(count: int, start_ms: int, end_ms: int, dice: Random) -> Iterator[list[int]]:
    """Instants in order, at most _AT_ONCE together: more of them by day than by night, fewer on weekends."""
    first = start_ms // HOUR_MS
    weights = list(accumulate(map(_busy, range(first, math.ceil(end_ms / HOUR_MS)))))
    done = 0
    for hour, weight in enumerate(weights, first):
        upto = round(count * weight / weights[-1])
        begin, end = max(start_ms, hour * HOUR_MS), min(end_ms, (hour + 1) * HOUR_MS)
        while done < upto:
            # What is left of the hour is cut into stretches, each as long as its share of the clicks.
            size = min(upto - done, _AT_ONCE)
            behind = begin + (end - begin) * size // (upto - done)
            yield sorted(dice.choices(range(begin, max(behind, begin + 1)), k=size))
            begin, done = behind, done + size


def _busy(hour: int) -> int:
    """How much happens in an hour, counted from the Unix epoch (a Thursday)."""
    return _BY_HOUR[hour % 24] * _BY_WEEKDAY[(hour // 24 + 3) % 7]
