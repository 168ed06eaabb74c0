"""Variants: destinations that share a link's visitors by weight, each visitor always getting the same one."""

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from domain import targets, texts
from domain.errors import Rejected, UserError, UserErrorCode

MAX_VARIANTS: Final = 20
MAX_WEIGHT: Final = 1_000_000
MAX_KEY: Final = 50
_BUCKETS: Final = 2.0**64


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One destination of several.

    Args:
        key: its name in figures; unique among its siblings.
        destination: canonical URL, without the link's UTM parameters.
        weight: its share of the visitors is weight / sum of the weights.
    """

    key: str
    destination: str
    weight: int = 1


def checked(given: Sequence[Any], hosts: Sequence[str]) -> tuple[Variant, ...]:
    """The variants of what was given (objects with key, destination and weight), vetted.

    Args:
        given: at most MAX_VARIANTS.
        hosts: of the short links, where no destination may lead.

    Raises:
        Rejected: with everything that stands against them; paths begin with "variants".
    """
    if len(given) > MAX_VARIANTS:
        message = f"There are {len(given):,} variants; at most {MAX_VARIANTS} are accepted."
        raise Rejected(UserError(UserErrorCode.LIMIT_EXCEEDED, message, ("variants",)))
    errors: list[UserError] = []
    made: list[Variant] = []
    for place, each in enumerate(given):
        try:
            made.append(_variant(each, hosts, {variant.key for variant in made}))
        except Rejected as rejected:
            errors += [error.under("variants", str(place)) for error in rejected.errors]
    if errors:
        raise Rejected(*errors)
    return tuple(made)


def bucket(seed: blake2b, visitor: bytes) -> float:
    """Where a visitor falls among all, evenly spread over 0 … 1, both excluded.

    Args:
        seed: hash of what is drawn for; another seed gives an independent place.
        visitor: whom it is for; the same one falls on the same place.
    """
    drawn = seed.copy()
    drawn.update(visitor)
    return (int.from_bytes(drawn.digest(), "big") + 0.5) / _BUCKETS


def seeded(*names: str) -> blake2b:
    """The seed of a draw: BLAKE2b (RFC 7693) over the names of what it is for."""
    return blake2b("\n".join((*names, "")).encode(), digest_size=8)


class Draw(msgspec.Struct, frozen=True):
    """A weighted draw by rendezvous hashing: each arm bids for a visitor, the best bid wins.

    A bid is -ln(bucket) / weight, exponentially distributed, and the smallest wins with the probability
    weight / sum of weights (Efraimidis and Spirakis 2006, doi:10.1016/j.ipl.2005.11.003). No arm's bid
    depends on the others: a change moves only visitors to what gained or away from what lost.
    """

    arms: tuple[tuple[blake2b, int], ...]

    def winner(self, visitor: bytes) -> int:
        """The place of the arm that this visitor gets."""
        best, best_bid = 0, math.inf
        for place, (seed, weight) in enumerate(self.arms):
            bid = -math.log(bucket(seed, visitor)) / weight
            if bid < best_bid:
                best, best_bid = place, bid
        return best


def draw(variants: Sequence[Variant], *names: str) -> Draw:
    """The draw of variants for what `names` say, such as a link and a rule."""
    return Draw(tuple((seeded(*names, each.key), each.weight) for each in variants))


def _variant(given: Any, hosts: Sequence[str], taken: set[str]) -> Variant:
    key, weight = str(given["key"]).strip(), given.get("weight", 1)
    errors = []
    problem = "is empty." if not key else texts.problem(key, longest=MAX_KEY)
    if problem is not None:
        errors.append(UserError(UserErrorCode.INVALID, f"The key {problem}", ("key",)))
    if key in taken:
        message = f"Another variant already has the key {key!r}."
        errors.append(UserError(UserErrorCode.TAKEN, message, ("key",)))
    if not isinstance(weight, int) or isinstance(weight, bool) or not 1 <= weight <= MAX_WEIGHT:
        message = f"The weight {weight!r} is not a whole number from 1 to {MAX_WEIGHT:,}."
        errors.append(UserError(UserErrorCode.INVALID, message, ("weight",)))
    try:
        destination = targets.canonical(str(given["destination"]), hosts)
    except targets.Unfit as reason:
        errors.append(targets.problem("destination", reason))
    if errors:
        raise Rejected(*errors)
    return Variant(key=key, destination=destination, weight=weight)
