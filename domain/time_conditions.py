"""Conditions on when a visit is: hours of days by the clocks of a time zone, and periods."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Self

from domain import instants, tables, windows
from domain.facts import Facts
from domain.grammar import Asked, Budget, Compiler, Json, named
from domain.matches import refused
from domain.tables import Bits, Table
from domain.windows import DAY_MINUTES, Weekday, Window

VISITOR_ZONE: Final = "VISITOR"
"""Stands for the time zone of the visitor's place; where that is unknown, for UTC."""
_WHOLE_DAY: Final = {"from": "00:00", "to": "24:00"}


@named("time")
class Time(Asked, frozen=True):
    """It is one of these hours of one of these days (see windows.Window).

    Args:
        window: the hours.
        zone: IANA name; empty: the visitor's.
    """

    SAID: ClassVar[bool] = True
    window: Window
    zone: str

    @classmethod
    def checked(cls, given: Json, _budget: Budget) -> Json:
        """Days in their order, both hours, and the zone."""
        if not isinstance(given, Mapping):
            raise refused("This is an object with days, from, to and timezone.")
        days = given.get("days")
        if days is not None and not isinstance(days, list):
            raise refused('Days are a list such as ["SAT", "SUN"].', "days")
        days = list(Weekday) if days is None else [_weekday(each, place) for place, each in enumerate(days)]
        if not days:
            raise refused("There is no day, so nothing would match; give one or leave it out.", "days")
        start, end = (_clock(_or(given.get(name), usual), name) for name, usual in _WHOLE_DAY.items())
        if start == end:
            raise refused("The window ends when it begins; set to apart from from.", "to")
        zone = _or(given.get("timezone"), "UTC")
        if zone != VISITOR_ZONE and not (isinstance(zone, str) and windows.exists(zone)):
            message = f"{str(zone)[:50]!r} is no IANA time zone, as Europe/London is, and not VISITOR."
            raise refused(message, "timezone")
        return {
            "days": [day.value for day in Weekday if day in days],
            "from": windows.clock(start),
            "to": windows.clock(end),
            "timezone": zone,
        }

    @classmethod
    def of(cls, value: Json, _compiler: Compiler) -> Self:
        """As minutes of the week."""
        start, end = windows.minutes(value["from"]), windows.minutes(value["to"])
        zone = "" if value["timezone"] == VISITOR_ZONE else value["timezone"]
        return cls(windows.window(map(Weekday, value["days"]), start, end), zone)

    @classmethod
    def tables(cls, bits: Bits[Self]) -> list[Table]:
        """Asked once a minute, those in the visitor's zone for each zone."""
        table = tables.asking([(condition.matches, bit) for condition, bit in bits])
        if all(condition.zone for condition, _ in bits):
            return [tables.once_a_minute(table)]
        return [tables.once_a_minute_and_zone(table)]

    def matches(self, facts: Facts) -> bool:
        """By the clocks of the zone."""
        return self.window.contains(facts.minute(self.zone or facts.visit.timezone or "UTC"))

    def sees(self, facts: Facts) -> str:
        """What those clocks show."""
        zone = self.zone or facts.visit.timezone or "UTC"
        day, minute = divmod(facts.minute(zone), DAY_MINUTES)
        return f"{list(Weekday)[day]} {windows.clock(minute)} in {zone}"


@named("between")
class Between(Asked, frozen=True):
    """The visit is at `after` or later, and before `before`; milliseconds since the Unix epoch."""

    after: float
    before: float

    @classmethod
    def checked(cls, given: Json, _budget: Budget) -> Json:
        """Instants in UTC."""
        if not isinstance(given, Mapping):
            raise refused("This is an object with after and before.")
        made = {
            name: _instant(given[name], name) for name in ("after", "before") if given.get(name) is not None
        }
        if not made:
            raise refused("The period has no end; give after, before or both.")
        if len(made) == 2 and made["after"] >= made["before"]:
            raise refused("The period ends before it begins; set before behind after.", "before")
        return {name: instants.written(at) for name, at in made.items()}

    @classmethod
    def of(cls, value: Json, _compiler: Compiler) -> Self:
        """Numbers; an end that is missing is infinitely far away."""
        ends = {name: instants.milliseconds(instants.parsed(value[name])) for name in value}
        return cls(ends.get("after", float("-inf")), ends.get("before", float("inf")))

    @classmethod
    def tables(cls, bits: Bits[Self]) -> list[Table]:
        """One search among all ends."""
        spans = [(condition.after, condition.before, bit) for condition, bit in bits]
        return [tables.by_span(lambda facts: facts.visit.at_ms, spans)]

    def matches(self, facts: Facts) -> bool:
        """By the redirect's clock."""
        return self.after <= facts.visit.at_ms < self.before

    def sees(self, facts: Facts) -> str:
        """The moment."""
        return f"{facts.visit.at_ms} ms"


def _or(given: Any, usual: str) -> Any:
    """What is given, or the usual where it is null: an empty text is a mistake, not a wish for the usual."""
    return usual if given is None else given


def _weekday(given: Any, place: int) -> Weekday:
    try:
        return Weekday(given)
    except ValueError:
        message = f"{str(given)[:50]!r} is no day of the week; there are {', '.join(Weekday)}."
        raise refused(message, "days", str(place)) from None


def _clock(given: Any, name: str) -> int:
    try:
        found = windows.minutes(str(given))
    except ValueError:
        raise refused(f"{str(given)[:50]!r} is no time of a day, as 09:30 is.", name) from None
    if name == "from" and found == DAY_MINUTES:
        raise refused("The window begins where the day ends; use 00:00 of the next day.", name)
    return found


def _instant(given: Any, name: str) -> datetime:
    try:
        return instants.parsed(str(given))
    except ValueError:
        raise refused(
            f"{str(given)[:50]!r} is not a date and time such as 2026-05-31T18:00:00Z.", name
        ) from None
