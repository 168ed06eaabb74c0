"""Rules and variants of templates: as a link's, with patterns for destinations."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from domain import patterns, rule_drafts
from domain.links import Rule
from domain.variants import Variant
from domain.variants import checked as variant_checks

_SAMPLE: Final = "https://example.com/"
"""Takes the place of a pattern while the rest is judged; patterns are judged by template_drafts.completed."""


def rules(given: Sequence[Any], hosts: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of a template: judged as a link's, but for destinations that have blanks.

    Raises:
        Rejected: with everything that stands against them; paths begin with "rules".
    """
    judged = rule_drafts.checked([_filled(each) for each in given], hosts)
    return tuple(
        msgspec.structs.replace(
            rule,
            destination=_kept(each, rule.destination),
            variants=_with_blanks(each.get("variants") or (), rule.variants),
        )
        for each, rule in zip(given, judged, strict=True)
    )


def variants(given: Sequence[Any], hosts: Sequence[str]) -> tuple[Variant, ...]:
    """The variants of a template, likewise; paths begin with "variants"."""
    return _with_blanks(given, variant_checks([_filled(each) for each in given], hosts))


def _with_blanks(given: Sequence[Any], shares: Sequence[Variant]) -> tuple[Variant, ...]:
    return tuple(
        msgspec.structs.replace(share, destination=_kept(each, share.destination))
        for each, share in zip(given, shares, strict=True)
    )


def _filled(given: Mapping[str, Any]) -> dict[str, Any]:
    """A rule or variant with an address in place of each pattern."""
    filled = dict(given)
    if patterns.has_blanks(str(given.get("destination") or "")):
        filled["destination"] = _SAMPLE
    if given.get("variants"):
        filled["variants"] = [_filled(each) for each in given["variants"]]
    return filled


def _kept(given: Mapping[str, Any], judged: str | None) -> Any:
    source = given.get("destination")
    return str(source).strip() if source and patterns.has_blanks(str(source)) else judged
