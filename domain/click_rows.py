"""Clicks as rows of a file; names are the API's, where it has them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from domain import instants
from domain.clicks import Click
from domain.file_rows import Column, Columns, Row


def _attributes(click: Click) -> dict[str, Any]:
    """Attributes by name; one that has several values as their list."""
    found: dict[str, Any] = {}
    for name, value in click.attributes:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


_READ: Final[Mapping[str, tuple[Column, Callable[[Click], Any]]]] = {
    "id": (Column.TEXT, lambda click: click.id),
    "at": (Column.INSTANT, lambda click: instants.written(click.at)),
    "linkId": (Column.TEXT, lambda click: click.link_id),
    "linkVersion": (Column.INTEGER, lambda click: click.link_version),
    "campaignId": (Column.TEXT, lambda click: click.campaign_id),
    "templateId": (Column.TEXT, lambda click: click.template_id),
    "outcome": (Column.TEXT, lambda click: click.outcome.value),
    "kind": (Column.TEXT, lambda click: click.kind.value),
    "unique": (Column.FLAG, lambda click: click.unique),
    "finalDestination": (Column.TEXT, lambda click: click.final_destination),
    "rule": (Column.TEXT, lambda click: click.rule),
    "variant": (Column.TEXT, lambda click: click.variant),
    "country": (Column.TEXT, lambda click: click.country),
    "region": (Column.TEXT, lambda click: click.region),
    "city": (Column.TEXT, lambda click: click.city),
    "device": (Column.TEXT, lambda click: click.device.value),
    "os": (Column.TEXT, lambda click: click.os),
    "browser": (Column.TEXT, lambda click: click.browser),
    "language": (Column.TEXT, lambda click: click.language),
    "referrer": (Column.TEXT, lambda click: click.referrer),
    "qr": (Column.FLAG, lambda click: click.qr),
    "utmSource": (Column.TEXT, lambda click: click.utm.source),
    "utmMedium": (Column.TEXT, lambda click: click.utm.medium),
    "utmCampaign": (Column.TEXT, lambda click: click.utm.campaign),
    "utmTerm": (Column.TEXT, lambda click: click.utm.term),
    "utmContent": (Column.TEXT, lambda click: click.utm.content),
    "tags": (Column.TEXTS, lambda click: list(click.tags)),
    "attributes": (Column.JSON, _attributes),
}
COLUMNS: Final[Columns] = {name: kind for name, (kind, _) in _READ.items()}


def row(click: Click) -> Row:
    """A click's values by column."""
    return {name: read(click) for name, (_, read) in _READ.items()}
