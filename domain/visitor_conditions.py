"""Conditions on who visits: device, system, browser, language, referrer, and a share of all."""

import re
from hashlib import blake2b
from operator import attrgetter
from typing import ClassVar, Final, Self

import ada_url

from domain import languages, tables, variants
from domain.clicks import Device as Devices
from domain.facts import Facts, hosts_of
from domain.grammar import Asked, Budget, Compiler, Json, OneOf, named
from domain.matches import listed, refused
from domain.tables import Bits, Table

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


@named("device")
class Device(OneOf, frozen=True):
    """What the visitor holds."""

    DEAR: ClassVar[bool] = True
    LOOKS_AT = attrgetter("agent.device")
    PROBLEM = f"is no device; there are {', '.join(Devices)}."

    @classmethod
    def tidied(cls, value: str) -> str | None:
        """One of clicks.Device."""
        return value if value in Devices.__members__ else None


@named("os")
class Os(OneOf, frozen=True):
    """The family of the visitor's system, as Click.os has it; case does not count."""

    DEAR: ClassVar[bool] = True
    LOOKS_AT = attrgetter("os")
    FOLDS = True


@named("browser")
class Browser(OneOf, frozen=True):
    """The family of the visitor's browser, as Click.browser has it; case does not count."""

    DEAR: ClassVar[bool] = True
    LOOKS_AT = attrgetter("browser")
    FOLDS = True


@named("language")
class Language(Asked, frozen=True):
    """Of the languages that the link's rules name, the one the visitor prefers is among these.

    A name stands for its variants too: "de" for de-AT (RFC 4647, section 3.3.1, basic filtering).

    Args:
        values: languages in lower case.
    """

    SAID: ClassVar[bool] = True
    values: frozenset[str]

    @classmethod
    def checked(cls, given: Json, _budget: Budget) -> Json:
        """BCP 47 tags in their usual capitals."""
        made = []
        for place, value in enumerate(listed(given)):
            if _LANGUAGE.fullmatch(value.strip()) is None:
                raise refused(
                    f"{value[:50]!r} is no language tag of BCP 47, as de and pt-BR are.", str(place)
                )
            made.append(languages.usual(value.strip()))
        return list(dict.fromkeys(made))

    @classmethod
    def of(cls, value: Json, _compiler: Compiler) -> Self:
        """In lower case."""
        return cls(frozenset(each.lower() for each in value))

    @classmethod
    def tables(cls, bits: Bits[Self]) -> list[Table]:
        """One look at what is preferred."""
        return [tables.by_language([(condition.values, bit) for condition, bit in bits])]

    def matches(self, facts: Facts) -> bool:
        """Judged among everything the link offers."""
        return not self.values.isdisjoint(facts.languages)

    def sees(self, facts: Facts) -> str:
        """The preferred one of what is offered, then the header."""
        return f"{', '.join(sorted(facts.languages)) or 'none of these'} out of {facts.visit.languages!r}"


@named("referrer")
class Referrer(OneOf, frozen=True):
    """The visitor comes from one of these hosts, or from a subdomain of one."""

    LOOKS_AT = attrgetter("visit.referrer")
    PROBLEM = "is no host name, as news.example.org and example.org are."

    @classmethod
    def tidied(cls, value: str) -> str | None:
        """Lower case, ASCII, without port or path."""
        try:
            url = ada_url.URL(f"https://{value}")
        except ValueError:
            return None
        alone = url.href in (f"https://{url.hostname}", f"https://{url.hostname}/") and "/" not in value
        return str(url.hostname).rstrip(".") if alone else None

    @classmethod
    def tables(cls, bits: Bits[Self]) -> list[Table]:
        """One look at the host and its parents."""
        return [tables.by_referrer([(condition.values, bit) for condition, bit in bits])]

    def matches(self, facts: Facts) -> bool:
        """The host itself or a parent of it."""
        return not self.values.isdisjoint(hosts_of(facts.visit.referrer))


@named("returning")
class Returning(Asked, frozen=True):
    """The visitor has been here before, as a cookie says, which links with such a rule set."""

    wanted: bool

    @classmethod
    def checked(cls, given: Json, _budget: Budget) -> Json:
        """True or false."""
        if not isinstance(given, bool):
            raise refused(f"{str(given)[:50]!r} is neither true nor false.")
        return given

    @classmethod
    def of(cls, value: Json, _compiler: Compiler) -> Self:
        """As it is written."""
        return cls(value)

    def matches(self, facts: Facts) -> bool:
        """By the cookie; who sends none, or may not be recognised, is new."""
        return facts.visit.returning is self.wanted

    def sees(self, facts: Facts) -> str:
        """Which of the two."""
        return "a returning visitor" if facts.visit.returning else "a new visitor"


@named("percent")
class Percent(Asked, frozen=True):
    """The visitor is among this share of all; who is among 10 % is among 20 % of the same rule too."""

    DEAR: ClassVar[bool] = True
    DRAWS: ClassVar[bool] = True
    share: float
    seed: blake2b

    @classmethod
    def checked(cls, given: Json, _budget: Budget) -> Json:
        """0 to 100."""
        if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= 100:
            raise refused(f"{str(given)[:50]!r} is no whole number from 0 to 100.")
        return given

    @classmethod
    def of(cls, value: Json, compiler: Compiler) -> Self:
        """Drawn for the rule of the link."""
        return cls(value / 100, variants.seeded(*compiler.seed))

    def matches(self, facts: Facts) -> bool:
        """By the visitor's own place, see variants.bucket."""
        return variants.bucket(self.seed, facts.visit.draws_as) < self.share

    def sees(self, facts: Facts) -> str:
        """The place among 100."""
        return f"the place {variants.bucket(self.seed, facts.visit.draws_as) * 100:.2f}"
