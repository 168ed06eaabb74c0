"""Credit rows: what figures count of a conversion, click by click."""

from collections.abc import Mapping
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
    conversion: Conversion, clicks: Mapping[str, Click], links: Mapping[str, Link]
) -> tuple[CreditRow, ...]:
    """The rows of a conversion: one for each credited click, or a single one where no click is credited.

    Args:
        clicks: those that the ledger has, by id; of others what their link tells is counted.
        links: of the conversion and its credits, by id.
    """
    shared = conversion.credits
    if not shared:
        link = links.get(conversion.link_id or "")
        return (_row(conversion, 0, 1, conversion.net, _of_link(link)),)
    parts = attributions.split(conversion.net, [credit.share for credit in shared])
    counted = attributions.decisive(shared)
    rows = []
    for number, (credit, part) in enumerate(zip(shared, parts, strict=True)):
        click = clicks.get(credit.click_id)
        facts = _of_link(links.get(credit.link_id)) if click is None else _of_click(click)
        row = {**facts, "link_id": credit.link_id, "click_id": credit.click_id}
        rows.append(_row(conversion, number, int(number == counted), part, row))
    return tuple(rows)


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


def _of_click(click: Click) -> dict[str, Any]:
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
