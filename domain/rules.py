"""Where a visit goes: the decision that it gets on the route of a link, why, and what is recorded of it."""

from typing import Final

import msgspec

from domain import forwarding, routes
from domain.facts import Facts, Known
from domain.grammar import Watched
from domain.links import Link
from domain.routes import Decision, Route, Split
from domain.visits import Outcome, Visit, VisitRecord

SEE_OTHER: Final = 303
"""To wherever it leads, by GET: what answers a form (RFC 9110, section 15.4.4)."""


def decide(route: Route, visit: Visit, known: Known) -> Decision:
    """The decision for a visit: its link closed, locked, not yet or no longer open, or where it is sent."""
    if route.settled is not None:
        return route.settled
    kept_out = None if route.open else _kept_out(route, visit)
    if kept_out is not None:
        return kept_out
    place = -1
    if route.rules is not None:
        place = route.rules.first(Facts(visit, route.subject, known))
    leads = route.ends[place]
    decision = leads.decisions[leads.draw.winner(visit.draws_as)] if isinstance(leads, Split) else leads
    if visit.unlocked and decision.destination is not None:
        decision = msgspec.structs.replace(decision, code=SEE_OTHER)
    if route.forward_query and visit.query and decision.destination is not None:
        destination = forwarding.forwarded(decision.destination, visit.query, route.withheld)
        return msgspec.structs.replace(decision, destination=destination)
    return decision


def full(route: Route) -> Decision:
    """The decision for who finds all seats of a link with a clickLimit taken."""
    return route.turned_away(Outcome.LIMIT_REACHED)


def needs_seat(route: Route, decision: Decision) -> bool:
    """Whether a person who gets this decision takes one of the link's seats."""
    sent = decision.outcome is Outcome.REDIRECT and decision.destination is not None
    return sent and route.seats is not None


def explain(link: Link, visit: Visit, known: Known, taken: int = 0) -> tuple[Decision, list[str]]:
    """The decision that `decide` gives for a visit, and a line for each condition: what it saw and answered.

    Args:
        taken: seats of the link that are taken, where it has a clickLimit.

    Raises:
        Damaged: a stored rule is none.
    """
    watched: list[Watched] = []
    made = routes.route(link, watched)
    decision = decide(made, visit, known)
    if needs_seat(made, decision) and taken >= (made.seats or 0):
        decision = full(made)
    return decision, [each.told() for each in watched]


def record(route: Route, decision: Decision, visit: Visit) -> VisitRecord:
    """The facts of an answered visit, as the journal keeps them."""
    # By position, in VisitRecord's order: matching so many names takes four times as long as the rest.
    return VisitRecord(
        visit.at_ms,
        route.workspace_id,
        route.link_id,
        route.link_version,
        decision.destination,
        decision.outcome,
        visit.purpose,
        visit.agent,
        visit.languages,
        visit.referrer,
        visit.visitor,
        visit.country,
        visit.region,
        visit.city,
        visit.qr,
        route.utm,
        route.tags,
        decision.rule,
        decision.variant,
        None,
        route.belonging,
    )


def _kept_out(route: Route, visit: Visit) -> Decision | None:
    if route.closed is not None:
        return route.turned_away(route.closed)
    if route.expires_ms is not None and visit.at_ms >= route.expires_ms:
        return route.turned_away(Outcome.EXPIRED)
    if route.starts_ms is not None and visit.at_ms < route.starts_ms:
        return Decision(Outcome.NOT_STARTED)
    if route.password is not None and not visit.unlocked:
        return Decision(Outcome.PASSWORD_REQUIRED)
    return None
