"""Credit rows: what figures count of a conversion, click by click."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain import attributes, attributions
from domain.clicks import Click
from domain.conversions import Conversion, CreditRow
from domain.links import Link

_OF_CLICKS: Final = (
    *("link_id", "kind", "rule", "variant", "country", "region", "city", "device", "os", "browser"),
    *("language", "referrer", "utm", "tags", "campaign_id", "template_id", "attributes"),
)


def of(
    conversion: Conversion,
    clicks: Mapping[str, Click],
    links: Mapping[str, Link],
    known: Sequence[CreditRow] = (),
) -> tuple[CreditRow, ...]:
    """The rows of a conversion: one for each credited click, or a single one where no click is credited.

    Args:
        clicks: those that the ledger has, by id; of others what their link tells is counted.
        links: of the conversion and its credits, by id.
        known: rows that it has had; a click that is not kept any more counts as it did.
    """
    shared, before = conversion.credits, {row.click_id: row for row in known}
    if not shared:
        link = links.get(conversion.link_id or "")
        return (_row(conversion, 0, 1, conversion.net, _of_link(link)),)
    counted = attributions.decisive(shared)
    rows = []
    for number, (credit, part) in enumerate(zip(shared, parts(conversion), strict=True)):
        counts_as = clicks.get(credit.click_id) or before.get(credit.click_id)
        facts = _of_link(links.get(credit.link_id)) if counts_as is None else _as(counts_as)
        row = {**facts, "link_id": credit.link_id, "click_id": credit.click_id}
        rows.append(_row(conversion, number, int(number == counted), part, row))
    return tuple(rows)


def parts(conversion: Conversion) -> list[int]:
    """What each row has of the revenue, in their order, minor units."""
    shares = [credit.share for credit in conversion.credits]
    return attributions.split(conversion.net, shares) if shares else [conversion.net]


def _row(
    conversion: Conversion, number: int, counted: int, minor_units: int, facts: Mapping[str, Any]
) -> CreditRow:
    return CreditRow(
        id=f"{conversion.id}/{number}",
        workspace_id=conversion.workspace_id,
        conversion_id=conversion.id,
        at=conversion.at,
        counted=counted,
        minor_units=minor_units,
        currency=None if conversion.amount is None else conversion.amount.currency,
        **facts,
    )


def _as(click: Click | CreditRow) -> dict[str, Any]:
    return {name: getattr(click, name) for name in _OF_CLICKS}


def _of_link(link: Link | None) -> dict[str, Any]:
    if link is None:
        return {}
    return {
        "link_id": link.id,
        "utm": link.utm,
        "tags": link.tags,
        "campaign_id": link.campaign_id,
        "template_id": None if link.origin is None else link.origin.template_id,
        "attributes": attributes.counted(link.attributes),
    }
