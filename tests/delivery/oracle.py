"""What analytics must answer: visits counted one by one, in plain Python."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from domain import journals
from domain.analytics import Figures, Selection
from domain.clicks import ClickKind
from domain.dimensions import Dimension
from domain.visits import Outcome, Purpose, VisitRecord
from tests.delivery.workers import PHONE

AGENTS = {PHONE: ClickKind.HUMAN, "curl/8": ClickKind.BOT, "TelegramBot (like TwitterBot)": ClickKind.PREVIEW}
TEXTS = {"5": "5", "5.0": "5", "True": "true", "51.507351": "51.507351"}
"""Attributes that are no texts, as texts."""
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


@dataclass(frozen=True)
class Seen:
    """A redirect as it is to be counted."""

    visit: VisitRecord
    kind: ClickKind
    unique: bool


def seen(visits: Iterable[VisitRecord]) -> list[Seen]:
    """The redirects among visits in the order in which they reach the ledger."""
    known: set[tuple[bytes, str | None, int]] = set()
    found = []
    for visit in visits:
        if visit.outcome is not Outcome.REDIRECT:
            continue
        kind = kind_of(visit)
        visitor = (visit.visitor, visit.link_id, visit.at_ms // 86_400_000)
        unique = kind is ClickKind.HUMAN and bool(visit.visitor) and visitor not in known
        if unique:
            known.add(visitor)
        found.append(Seen(visit, kind, unique))
    return found


def moved(visit: VisitRecord, workspace_id: str) -> VisitRecord:
    """The same visit in another workspace, where nobody is recognised."""
    visitor = visit.visitor and visit.visitor + workspace_id.encode()
    return msgspec.structs.replace(visit, workspace_id=workspace_id, visitor=visitor)


def kind_of(visit: VisitRecord) -> ClickKind:
    """Who or what came."""
    return {Purpose.HEAD: ClickKind.HEAD, Purpose.PREFETCH: ClickKind.PREFETCH}.get(
        visit.purpose, AGENTS[visit.agent]
    )


def totals(clicks: Sequence[Seen], asked: Selection) -> Figures:
    """The figures of a selection."""
    return figures(chosen(clicks, asked), asked)


def series(clicks: Sequence[Seen], asked: Selection, starts: Sequence[int]) -> list[Figures]:
    """The figures of each point."""
    ends = [*starts[1:], float("inf")]
    return [
        figures([each for each in chosen(clicks, asked) if start <= each.visit.at_ms < end], asked)
        for start, end in zip(starts, ends, strict=True)
    ]


def breakdown(
    clicks: Sequence[Seen], asked: Selection, by: Dimension, attribute: str | None = None, zone: str = "UTC"
) -> dict[str, Figures]:
    """The figures by value."""
    groups: dict[str, list[Seen]] = {}
    for each in chosen(clicks, asked):
        for value in {value or "" for value in values(each, by, attribute, zone)} or {""}:
            groups.setdefault(value, []).append(each)
    if by is Dimension.KIND:
        kinds = asked.wanted.kinds
        return {
            kind: Figures(len(group), sum(each.unique for each in group), len(group) * (kind == "BOT"))
            for kind, group in groups.items()
            if kinds is None or kind in kinds
        }
    return {value: found for value, group in groups.items() if (found := figures(group, asked)).clicks}


def figures(clicks: Iterable[Seen], asked: Selection) -> Figures:
    """Clicks of the kinds that count, uniques, bots."""
    kinds = {ClickKind.HUMAN} if asked.wanted.kinds is None else asked.wanted.kinds
    found = list(clicks)
    counted = [each for each in found if each.kind in kinds]
    return Figures(
        len(counted),
        sum(each.unique for each in counted),
        sum(each.kind is ClickKind.BOT for each in found),
    )


def chosen(clicks: Iterable[Seen], asked: Selection) -> Iterator[Seen]:
    """The redirects in the period that everything but the kinds allows."""
    wanted = asked.wanted
    for each in clicks:
        visit, own = each.visit, journals.belonging_of(each.visit)
        conditions = (
            asked.period.contains(visit.at_ms),
            wanted.kinds is None or len(wanted.kinds) > 0,
            wanted.link_ids is None or visit.link_id in wanted.link_ids,
            wanted.campaign_id in (None, own.campaign_id),
            wanted.template_id in (None, own.template_id),
            wanted.countries is None or visit.country in wanted.countries,
            wanted.devices is None or device(each) in wanted.devices,
            wanted.variants is None or visit.variant in wanted.variants,
            wanted.tags is None or bool(set(visit.tags) & wanted.tags),
            wanted.attribute is None
            or wanted.attribute[1].holds(
                [value for name, value in own.attributes if name == wanted.attribute[0]]
            ),
        )
        if all(conditions):
            yield each


def values(each: Seen, by: Dimension, attribute: str | None, zone: str) -> list[str]:
    """What a click counts as; nothing where it has no value."""
    visit, own = each.visit, journals.belonging_of(each.visit)
    local = datetime.fromtimestamp(visit.at_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    found: Mapping[Dimension, Sequence[str | None]] = {
        Dimension.TAG: visit.tags,
        Dimension.ATTRIBUTE: [
            TEXTS.get(repr(value), str(value)) for name, value in own.attributes if name == attribute
        ],
        Dimension.KIND: [each.kind.value],
        Dimension.WEEKDAY: [WEEKDAYS[local.weekday()]],
        Dimension.HOUR: [f"{local.hour:02}"],
        Dimension.LINK: [visit.link_id],
        Dimension.CAMPAIGN: [own.campaign_id],
        Dimension.TEMPLATE: [own.template_id],
        Dimension.DEVICE: [device(each)],
        Dimension.UTM_SOURCE: [visit.utm[0]],
    }
    if by not in found:
        return [getattr(visit, by.lower())]
    return [value for value in found[by] if value is not None]


def device(each: Seen) -> str:
    """What the agents above tell."""
    return "MOBILE" if each.visit.agent == PHONE else "BOT"
