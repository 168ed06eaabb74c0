"""Attribution: how a conversion is shared out among the clicks that led to it.

The models are those that analytics tools have in common: last and first click, linear, time decay with a
half-life of seven days, and position-based with 40 % each for the first and the last click.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

HALF_LIFE: Final = timedelta(days=7)
EDGE: Final = 0.4
"""What the first and the last click have each by POSITION; those between share the rest."""


class AttributionModel(StrEnum):
    """How a conversion is shared out among the clicks that led to it."""

    LAST = "LAST"
    FIRST = "FIRST"
    LINEAR = "LINEAR"
    TIME_DECAY = "TIME_DECAY"
    POSITION = "POSITION"


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """A click's share of a conversion; the shares of one conversion make 1.

    Args:
        why: the reason in words, for people who ask.
    """

    click_id: str
    link_id: str
    share: float
    model: AttributionModel
    why: str


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """A click that a customer is known to have made."""

    click_id: str
    link_id: str
    at: datetime


Weights = Callable[[Sequence[Touch], datetime], list[float]]


def credited(
    model: AttributionModel, touches: Sequence[Touch], at: datetime, window_days: int
) -> tuple[Credit, ...]:
    """The credits of a conversion, in the order of the clicks; empty where no click lies in its window.

    Args:
        touches: clicks of the customer, in any order; each counts once.
        at: when the conversion happened.
        window_days: clicks count that are at most so old then; later ones never do.
    """
    known = {touch.click_id: touch for touch in touches if at - timedelta(days=window_days) <= touch.at <= at}
    clicks = sorted(known.values(), key=lambda touch: (touch.at, touch.click_id))
    if not clicks:
        return ()
    weights = _WEIGHTS[model](clicks, at)
    whole = sum(weights)
    return tuple(
        Credit(
            click_id=touch.click_id,
            link_id=touch.link_id,
            share=weight / whole,
            model=model,
            why=_why(model, number, len(clicks), at - touch.at, window_days),
        )
        for number, (touch, weight) in enumerate(zip(clicks, weights, strict=True))
        if weight > 0
    )


def split(minor_units: int, shares: Sequence[float]) -> list[int]:
    """An amount in parts that add up to it exactly: the method of the largest remainder (Hamilton).

    Args:
        shares: of the parts; they add up to 1.
    """
    exact = [minor_units * share for share in shares]
    parts = [int(each // 1) for each in exact]
    by_rest = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], -place))
    for place in by_rest[: minor_units - sum(parts)]:
        parts[place] += 1
    return parts


def decisive(shared: Sequence[Credit]) -> int:
    """The place of the largest share, of equal ones the latest: there the conversion counts."""
    return max(range(len(shared)), key=lambda place: (round(shared[place].share, 9), place))


def _last(clicks: Sequence[Touch], _at: datetime) -> list[float]:
    return [0.0] * (len(clicks) - 1) + [1.0]


def _first(clicks: Sequence[Touch], _at: datetime) -> list[float]:
    return [1.0] + [0.0] * (len(clicks) - 1)


def _linear(clicks: Sequence[Touch], _at: datetime) -> list[float]:
    return [1.0] * len(clicks)


def _time_decay(clicks: Sequence[Touch], _at: datetime) -> list[float]:
    # Against the last click, not the conversion: the same shares, and age alone makes no weight zero.
    newest = clicks[-1].at
    return [max(0.5 ** ((newest - touch.at) / HALF_LIFE), 1e-300) for touch in clicks]


def _position(clicks: Sequence[Touch], _at: datetime) -> list[float]:
    if len(clicks) <= 2:
        return [1.0] * len(clicks)
    between = (1 - 2 * EDGE) / (len(clicks) - 2)
    return [EDGE, *([between] * (len(clicks) - 2)), EDGE]


_WEIGHTS: Final[Mapping[AttributionModel, Weights]] = {
    AttributionModel.LAST: _last,
    AttributionModel.FIRST: _first,
    AttributionModel.LINEAR: _linear,
    AttributionModel.TIME_DECAY: _time_decay,
    AttributionModel.POSITION: _position,
}


def _why(model: AttributionModel, number: int, clicks: int, age: timedelta, window_days: int) -> str:
    among = f"click {number + 1} of {clicks} within {window_days} days before the conversion"
    match model:
        case AttributionModel.LAST:
            return f"{among}: the last one has it all"
        case AttributionModel.FIRST:
            return f"{among}: the first one has it all"
        case AttributionModel.LINEAR:
            return f"{among}: all have the same"
        case AttributionModel.TIME_DECAY:
            return f"{among}, {age.total_seconds() / 86_400:.1f} days before it: half as much for each week"
        case AttributionModel.POSITION:
            return f"{among}: first and last have 40 % each, those between share the rest"
