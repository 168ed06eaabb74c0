"""Visits that somebody asks about, and the decision that each would get."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec
import strawberry

from domain import conditions, instants, links, routes, rules
from domain.errors import BadRequest
from domain.facts import number_of
from domain.hostnames import referring
from domain.places import Places
from domain.visits import Visit
from schema.clicks import Outcome
from schema.context import Context
from schema.inputs import optional
from schema.scalars import JSON, DateTime, Url

MAX_CHARACTERS = 8_192


@strawberry.type(description="What a visit gets, and why.")
class Decision:
    """The API's view of domain.routes.Decision."""

    destination: Url | None = strawberry.field(
        description="Where the visitor is sent; null: a page says why."
    )
    rule: str | None = strawberry.field(description="The rule that decided; null: none matched.")
    variant: str | None = strawberry.field(description="The variant that was drawn.")
    outcome: Outcome = strawberry.field(description="What is answered.")
    trace: list[str] = strawberry.field(
        description="A line a condition of the rules: what it saw and answered, or that it was not asked."
    )

    @classmethod
    def of(cls, decision: routes.Decision, trace: Sequence[str]) -> "Decision":
        """The same decision."""
        return cls(
            destination=None if decision.destination is None else Url(decision.destination),
            rule=decision.rule,
            variant=decision.variant,
            outcome=decision.outcome,
            trace=list(trace),
        )


@strawberry.input(description="A visit to explain. What is left out is unknown, and the moment is now.")
class VisitInput:
    """A visit as it is asked about."""

    at: DateTime | None = optional("When; default: now.")
    ip: str | None = optional("From where; tells place and time zone where the server has a geo database.")
    country: str | None = optional("ISO 3166-1 alpha-2; wins over the place of `ip`.")
    region: str | None = optional("ISO 3166-2; wins over the place of `ip`.")
    city: str | None = optional("English name; wins over the place of `ip`.")
    timezone: str | None = optional("IANA name of the visitor's time zone; wins over the place of `ip`.")
    user_agent: str | None = optional("The User-Agent header.")
    languages: list[str] | None = optional("BCP 47, the preferred one first.")
    referrer: Url | None = optional("The page that the visitor comes from.")
    query: JSON | None = optional('Parameters as an object, such as {"ref": "42"} or {"tag": ["a", "b"]}.')
    visitor: str | None = optional("Who, for shares: the same name always draws the same.")
    returning: bool | None = optional("Whether the visitor has been here before; default: no.")
    unlocked: bool | None = optional("Whether the link's password was given; default: no.")

    def to_domain(self, now_ms: int, places: Places) -> Visit:
        """The visit as the redirect would see it.

        Raises:
            BadRequest: a value is none of its kind.
        """
        ip = self.ip or ""
        if ip and number_of(ip) is None:
            raise BadRequest(f"The visit's ip {ip[:50]!r} is no IP address.")
        place = places.of(ip)
        return Visit(
            at_ms=now_ms if not self.at else _instant(self.at),
            agent=(self.user_agent or "")[:512],
            languages=",".join(self.languages or ())[:256],
            referrer=referring(self.referrer or ""),
            visitor=(self.visitor or "").encode(errors="replace"),
            country=(self.country or place.country).upper(),
            region=(self.region or place.region).upper(),
            city=self.city or place.city,
            query=_query(self.query or {}),
            address=ip,
            timezone=self.timezone or place.timezone,
            returning=bool(self.returning),
            unlocked=bool(self.unlocked),
        )


async def explained(link: links.Link, visit: VisitInput, context: Context) -> Decision:
    """What a visit to a link would get.

    Raises:
        BadRequest: a value of the visit is none of its kind.
    """
    asked = visit.to_domain(instants.milliseconds(context.clock()), context.stores.places)
    loaders = context.loaders
    signals = await loaders.signals.load(context.viewer.workspace_id)
    names = {name for rule in link.rules for name in conditions.names_of(rule.when)}
    clicks = (await loaders.stats.load(link.id)).clicks if "clicks" in names else 0
    taken = await loaders.seats.load(link.id) if link.click_limit is not None else 0
    known = msgspec.structs.replace(
        context.stores.known, signals={signals.id: dict(signals.values)}, clicks={link.id: clicks}
    )
    return Decision.of(*rules.explain(link, asked, known, taken))


def _instant(text: str) -> int:
    try:
        return instants.milliseconds(instants.parsed(text))
    except ValueError:
        raise BadRequest("The visit's at is no date and time such as 2026-05-31T18:00:00Z.") from None


def _query(asked: object) -> str:
    if not isinstance(asked, Mapping):
        raise BadRequest('The visit\'s query is an object of parameters, such as {"ref": "42"}.')
    return urlencode(dict(asked), doseq=True, errors="replace")[:MAX_CHARACTERS]
