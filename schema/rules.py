"""Rules and variants as the API shows and takes them."""

from typing import Any

import strawberry

from domain import links, variants, windows
from schema.clicks import Device
from schema.inputs import named, optional, written
from schema.matches import MatchInput
from schema.periods import PeriodInput
from schema.scalars import JSON, Url

Weekday = windows.Weekday
strawberry.enum(Weekday, name="Weekday", description="A day of the week.")


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


@strawberry.input(description="What is asked of a number: everything given holds.")
class NumberInput:
    """Bounds of a number as they are asked for."""

    gte: int | None = optional("It is at least this.")
    lt: int | None = optional("It is below this.")


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
    clicks: NumberInput | None = optional("How many human clicks the link has, at most 10 seconds ago.")
    returning: bool | None = optional(
        "Whether the visitor has been here before. Links that ask set a cookie for it, see the guide."
    )
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
