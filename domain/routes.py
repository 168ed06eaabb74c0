"""Routes: a version of a link, worked out as far as it can be before a visitor comes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from domain import attributes, conditions, forwarding, journals, plans, shares, utm, variants
from domain.errors import Rejected
from domain.facts import Facts, Subject
from domain.grammar import Budget, Compiler, Condition, Watched
from domain.links import Link, Rule
from domain.passwords import Sealed
from domain.plans import Plan
from domain.variants import Draw, Variant
from domain.visits import NOWHERE, Belonging, Outcome

PASSWORD_FIELD: Final = "password"  # noqa: S105 - the name of a form's field


class Decision(msgspec.Struct, frozen=True):
    """What a visit gets.

    Args:
        outcome: what the click will say; a visit that was sent to the fallback keeps why.
        destination: canonical URL that the visitor is sent to; None: a page says why not.
        code: the redirect's status code.
        rule: name of the rule that decided; None: none did.
        variant: key of the variant that was drawn; None: there was nothing to draw.
    """

    outcome: Outcome
    destination: str | None = None
    code: int = 302
    rule: str | None = None
    variant: str | None = None


class Split(msgspec.Struct, frozen=True):
    """A decision for each variant, and the draw between them."""

    draw: Draw
    decisions: tuple[Decision, ...]


class Chain(msgspec.Struct, frozen=True):
    """Rules as they are written, asked one after the other: what `explain` watches."""

    conditions: tuple[Condition, ...]

    def first(self, facts: Facts) -> int:
        """The place of the first rule that matches; behind the last where none does."""
        for place, condition in enumerate(self.conditions):
            if condition.matches(facts):
                return place
        return len(self.conditions)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a link, worked out as far as it can be before a visitor comes.

    Args:
        open: to everybody at any moment: no clock and no password keeps a visit out.
        settled: the decision of every visit, at any moment; None where clock, query or visitor have a say.
        rules: finds the first rule that matches; None: there are no rules.
        ends: what each rule leads to, and behind the last what a visit gets that no rule matches.
        subject: what the rules ask of the link itself.
        starts_ms: from when on visitors are let through, milliseconds since the Unix epoch; None: always.
        expires_ms: until when; None: for good.
        closed: why the link is closed whatever the time is; None: it is not.
        seats: how many people it lets through; None: everybody.
        password: what visitors have to know; None: nothing.
        recognises: its rules ask who returns, so that it sets a cookie.
        counts: its rules ask how many clicks it has.
        belonging: see VisitRecord.
        aid_parameter: query parameter that carries an AID to where visitors are sent; None: none does.
    """

    workspace_id: str
    link_id: str
    link_version: int
    open: bool
    rules: Plan | Chain | None
    ends: tuple[Decision | Split, ...]
    subject: Subject
    forward_query: bool
    starts_ms: int | None
    expires_ms: int | None
    closed: Outcome | None
    seats: int | None
    password: Sealed | None
    recognises: bool
    counts: bool
    fallback: str | None
    utm: tuple[str | None, str | None, str | None, str | None, str | None]
    tags: tuple[str, ...]
    belonging: msgspec.Raw = NOWHERE
    aid_parameter: str | None = None
    settled: Decision | None = None

    @property
    def plain(self) -> bool:
        """Whether deciding needs nothing but the visit: no look at the database, no password, no cookie."""
        return self.seats is None and self.password is None and not self.recognises

    @property
    def withheld(self) -> frozenset[str]:
        """Parameters of a visitor's query that are not forwarded: ours, and a password in the wrong place."""
        names = {self.aid_parameter, shares.VIA} if self.aid_parameter is not None else set[str]()
        return forwarding.WITHHELD.union(names, () if self.password is None else (PASSWORD_FIELD,))

    def turned_away(self, outcome: Outcome) -> Decision:
        """To the fallback where there is one; never with a permanent code, for the link may open again."""
        return Decision(outcome, self.fallback)


class Tombstone(msgspec.Struct, frozen=True):
    """What is left of a deleted link: its slug stays taken, and its version tells older news apart."""

    version: int


class Damaged(Exception):
    """A stored link that cannot be read as one; only a hand in the database makes such a thing."""


class RouteSource(Protocol):
    """Where links are looked up for visitors."""

    async def by_slug(self, domain: str, slug_key: str) -> Link | Tombstone | None:
        """The link, its tombstone, or None where there never was one; always the newest version.

        Raises:
            errors.Unavailable: the database does not answer, so nothing is known.
            Damaged: there is something, but no link.
        """
        ...

    async def versions(self, addresses: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """The versions that links have now, by host and slug key; of those that are there.

        Raises errors.Unavailable.
        """
        ...

    async def clicks(self, workspace_id: str, link_id: str) -> int:
        """How many human clicks a link has in the ledger; raises errors.Unavailable."""
        ...


def route(link: Link, watched: list[Watched] | None = None) -> Route:
    """Work out the route of a link version.

    Args:
        link: the version.
        watched: gets every condition, in the order of reading; only `explain` asks for them.

    Raises:
        Damaged: a stored rule is none.
    """
    rules = _rules(link, watched)
    asked = {name for rule in link.rules for name in conditions.names_of(rule.when)}
    made = Route(
        workspace_id=link.workspace_id,
        link_id=link.id,
        link_version=link.version,
        open={link.password, link.starts_at, link.expires_at, _closed(link)} == {None},
        rules=rules,
        ends=(
            *(_rule_leads(link, rule) for rule in link.rules),
            _leads(link, link.destination, link.variants),
        ),
        subject=_subject(link),
        forward_query=link.forward_query,
        starts_ms=_ms(link.starts_at),
        expires_ms=_ms(link.expires_at),
        closed=_closed(link),
        seats=link.click_limit,
        password=link.password,
        recognises="returning" in asked,
        counts="clicks" in asked,
        fallback=forwarding.followable(link.fallback, link.domain) if link.fallback else None,
        utm=(link.utm.source, link.utm.medium, link.utm.campaign, link.utm.term, link.utm.content),
        tags=link.tags,
        belonging=_belonging(link),
        aid_parameter=link.aid_parameter,
    )
    return msgspec.structs.replace(made, settled=_settled(made))


def _settled(route: Route) -> Decision | None:
    if route.closed is not None:
        return route.turned_away(route.closed)
    by_clock = route.starts_ms is not None or route.expires_ms is not None
    (*others, leads) = route.ends
    if by_clock or route.forward_query or others or isinstance(leads, Split) or not route.plain:
        return None
    return leads


def _belonging(link: Link) -> msgspec.Raw:
    template_id = None if link.origin is None else link.origin.template_id
    return journals.belonging(Belonging(link.campaign_id, template_id, attributes.counted(link.attributes)))


def _subject(link: Link) -> Subject:
    if not link.rules:
        return Subject(link.workspace_id, link.id)
    offered = frozenset(name for rule in link.rules for name in conditions.languages_of(rule.when))
    return Subject(link.workspace_id, link.id, link.attributes, offered)


def _rules(link: Link, watched: list[Watched] | None) -> Plan | Chain | None:
    if not link.rules:
        return None
    budget = Budget()
    try:
        asked = [budget.checked(rule.when) for rule in link.rules]
    except Rejected as rejected:
        raise Damaged(f"{link.id}: a rule cannot be read: {rejected}") from rejected
    compilers = [Compiler((link.id, rule.name), watched, f"{rule.name}:") for rule in link.rules]
    each = list(zip(asked, compilers, strict=True))
    if watched is None:
        return plans.plan(each, link.attributes)
    return Chain(tuple(compiler.compile(when) for when, compiler in each))


def _rule_leads(link: Link, rule: Rule) -> Decision | Split:
    if rule.block or (rule.destination is None and not rule.variants):
        return Decision(Outcome.BLOCKED, rule=rule.name)
    return _leads(link, rule.destination or "", rule.variants, rule.name)


def _leads(
    link: Link, destination: str, shares: Sequence[Variant], rule: str | None = None
) -> Decision | Split:
    """What a link or one of its rules leads to: its variants where it has some, else the destination."""
    if not shares:
        return Decision(Outcome.REDIRECT, _final(link, destination), link.redirect_code, rule)
    decisions = [
        Decision(Outcome.REDIRECT, _final(link, each.destination), link.redirect_code, rule, each.key)
        for each in shares
    ]
    return Split(variants.draw(shares, link.id, rule or ""), tuple(decisions))


def _final(link: Link, destination: str) -> str | None:
    """A destination with the link's UTM parameters, of which its own win, as a header can carry it."""
    plain, own = utm.taken_from(destination)
    return forwarding.followable(utm.added_to(plain, utm.merged(link.utm, own)), link.domain)


def _closed(link: Link) -> Outcome | None:
    if link.archived_at is not None:
        return Outcome.ARCHIVED
    return Outcome.PAUSED if link.paused else None


def _ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)
