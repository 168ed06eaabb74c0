"""Rules and variants as the API shows and takes them, and the decision about a visit."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
import strawberry

from domain import instants, links, rules, variants, windows
from domain.errors import BadRequest
from domain.facts import number_of
from domain.hostnames import referring
from domain.places import Places
from domain.visits import Visit
from schema.clicks import Device, Outcome
from schema.context import Context
from schema.inputs import named, optional, written
from schema.matches import MatchInput
from schema.periods import PeriodInput
from schema.scalars import JSON, DateTime, Url

Weekday = windows.Weekday
strawberry.enum(Weekday, name="Weekday", description="A day of the week.")
MAX_CHARACTERS = 8_192


@strawberry.type(description="One destination of several, which share the visitors by weight.")
class Variant:
    """The API's view of domain.variants.Variant."""

    key: str = strawberry.field(description="Its name in figures.")
    destination: Url = strawberry.field(description="Canonical; visitors get the link's utm parameters too.")
    weight: int = strawberry.field(description="Its share is weight / sum of the weights.")

    @classmethod
    def of(cls, variant: variants.Variant) -> "Variant":
        """The same variant."""
        return cls(key=variant.key, destination=Url(variant.destination), weight=variant.weight)


@strawberry.type(
    description="Where visits go for which a condition holds. The first rule that matches decides."
)
class Rule:
    """The API's view of domain.links.Rule."""

    name: str = strawberry.field(description="Its name in figures; unique in the link.")
    when: JSON = strawberry.field(description="The condition, in the shape of ConditionInput.")
    destination: Url | None = strawberry.field(description="Canonical; visitors get the link's utm too.")
    variants: list[Variant] = strawberry.field(description="What shares the visits that it matches.")
    block: bool = strawberry.field(description="Whether nobody whom it matches gets through.")

    @classmethod
    def of(cls, rule: links.Rule) -> "Rule":
        """The same rule."""
        return cls(
            name=rule.name,
            when=JSON(dict(rule.when)),
            destination=None if rule.destination is None else Url(rule.destination),
            variants=[Variant.of(variant) for variant in rule.variants],
            block=rule.block,
        )


@strawberry.type(description="What a visit gets, and why.")
class Decision:
    """The API's view of domain.rules.Decision."""

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
    def of(cls, decision: rules.Decision, trace: Sequence[str]) -> "Decision":
        """The same decision."""
        return cls(
            destination=None if decision.destination is None else Url(decision.destination),
            rule=decision.rule,
            variant=decision.variant,
            outcome=decision.outcome,
            trace=list(trace),
        )


@strawberry.input(description="One destination of several.")
class VariantInput:
    """A variant as it is asked for."""

    key: str = strawberry.field(description="Its name in figures; at most 50 characters, unique in the list.")
    destination: Url = strawberry.field(description="http or https; visitors get the link's utm too.")
    weight: int | None = strawberry.field(default=1, description="1 to 1,000,000.")

    def to_domain(self) -> dict[str, Any]:
        """What variants.checked judges."""
        weight = 1 if self.weight is None else self.weight
        return {"key": self.key, "destination": self.destination, "weight": weight}


@strawberry.input(description="Hours on days. One that ends before it begins lasts over midnight.")
class TimeWindowInput:
    """A window of time as it is asked for."""

    days: list[Weekday] | None = optional("On which it begins; default: every day.")
    from_: str | None = named("from", 'Such as "09:00"; default "00:00".')
    to: str | None = optional('Not part of it, such as "17:30"; default "24:00".')
    timezone: str | None = strawberry.field(
        default="UTC",
        description='IANA name, or "VISITOR": that of the visitor\'s place, UTC where it is unknown.',
    )


@strawberry.input(one_of=True, description="What is asked of a visit, in exactly one way.")
class ConditionInput:
    """A condition as it is asked for; at most 5 levels deep."""

    all: list["ConditionInput"] | None = optional("Every one of them holds.")
    any: list["ConditionInput"] | None = optional("One of them holds.")
    not_: "ConditionInput | None" = named("not", "It does not hold.")
    continent: list[str] | None = optional("AF, AN, AS, EU, NA, OC, SA.")
    country: list[str] | None = optional('ISO 3166-1 alpha-2, such as "GB".')
    region: list[str] | None = optional('ISO 3166-2, such as "GB-ENG".')
    city: list[str] | None = optional("English names; case does not count.")
    ip: list[str] | None = optional("Networks in CIDR. The address is used for this and forgotten.")
    device: list[Device] | None = optional("What the visitor holds.")
    os: list[str] | None = optional('As clicks show it, such as "iOS"; case does not count.')
    browser: list[str] | None = optional('As clicks show it, such as "Mobile Safari"; case does not count.')
    language: list[str] | None = optional(
        'BCP 47; "de" stands for "de-AT" too. Of the languages that the link\'s rules name, the one that the '
        "visitor prefers is among these."
    )
    referrer: list[str] | None = optional("Hosts; one stands for its subdomains too.")
    query: MatchInput | None = optional("A parameter of the visit's query.")
    attribute: MatchInput | None = optional("An attribute of the link.")
    signal: MatchInput | None = optional("A value that was pushed with setSignals.")
    time: TimeWindowInput | None = optional("Hours on days, by the clocks of a time zone.")
    between: PeriodInput | None = optional("A period.")
    percent: int | None = optional("0 to 100: this share of the visitors, each always or never on a day.")

    def to_domain(self) -> Any:
        """What grammar.Budget judges: an object with one name."""
        return written(self)


@strawberry.input(description="A rule: a condition, and one of destination, variants and block.")
class RuleInput:
    """A rule as it is asked for."""

    name: str = strawberry.field(
        description="Its name in figures; at most 100 characters, unique in the link."
    )
    when: ConditionInput = strawberry.field(description="For which visits.")
    destination: Url | None = optional("http or https; visitors get the link's utm too.")
    variants: list[VariantInput] | None = optional("At most 20, which share the visits.")
    block: bool | None = strawberry.field(default=False, description="Nobody whom it matches gets through.")

    def to_domain(self) -> dict[str, Any]:
        """What rule_drafts.checked judges."""
        return {
            "name": self.name,
            "when": self.when.to_domain(),
            "destination": self.destination or None,
            "variants": [each.to_domain() for each in self.variants or ()],
            "block": self.block,
        }


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
        )


async def explained(link: links.Link, visit: VisitInput, context: Context) -> Decision:
    """What a visit to a link would get.

    Raises:
        BadRequest: a value of the visit is none of its kind.
    """
    asked = visit.to_domain(instants.milliseconds(context.clock()), context.stores.places)
    signals = await context.loaders.signals.load(context.viewer.workspace_id)
    known = msgspec.structs.replace(context.stores.known, signals={signals.id: dict(signals.values)})
    return Decision.of(*rules.explain(link, asked, known))


def _instant(text: str) -> int:
    try:
        return instants.milliseconds(instants.parsed(text))
    except ValueError:
        raise BadRequest("The visit's at is no date and time such as 2026-05-31T18:00:00Z.") from None


def _query(asked: object) -> str:
    if not isinstance(asked, Mapping):
        raise BadRequest('The visit\'s query is an object of parameters, such as {"ref": "42"}.')
    return urlencode(dict(asked), doseq=True, errors="replace")[:MAX_CHARACTERS]
