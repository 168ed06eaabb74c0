"""Clicks as rows of a file: JSON Lines and CSV, with the same columns."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from domain import instants
from domain.clicks import Click

_encode: Final = msgspec.json.Encoder().encode
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula; visitors choose some of these texts."""


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


COLUMNS: Final[Mapping[str, Callable[[Click], Any]]] = {
    "id": lambda click: click.id,
    "at": lambda click: instants.written(click.at),
    "linkId": lambda click: click.link_id,
    "linkVersion": lambda click: click.link_version,
    "campaignId": lambda click: click.campaign_id,
    "templateId": lambda click: click.template_id,
    "outcome": lambda click: click.outcome.value,
    "kind": lambda click: click.kind.value,
    "unique": lambda click: click.unique,
    "finalDestination": lambda click: click.final_destination,
    "rule": lambda click: click.rule,
    "variant": lambda click: click.variant,
    "country": lambda click: click.country,
    "region": lambda click: click.region,
    "city": lambda click: click.city,
    "device": lambda click: click.device.value,
    "os": lambda click: click.os,
    "browser": lambda click: click.browser,
    "language": lambda click: click.language,
    "referrer": lambda click: click.referrer,
    "qr": lambda click: click.qr,
    "utmSource": lambda click: click.utm.source,
    "utmMedium": lambda click: click.utm.medium,
    "utmCampaign": lambda click: click.utm.campaign,
    "utmTerm": lambda click: click.utm.term,
    "utmContent": lambda click: click.utm.content,
    "tags": lambda click: list(click.tags),
    "attributes": _attributes,
}
"""In the order of the files; names are the API's, where it has them."""


def row(click: Click) -> dict[str, Any]:
    """A click's values by column, as JSON has them."""
    return {name: value(click) for name, value in COLUMNS.items()}


def written(value: Any) -> str:
    """A value as JSON."""
    return _encode(value).decode()


def json_lines(clicks: Iterable[Click]) -> bytes:
    """One JSON object a line (https://jsonlines.org)."""
    return b"".join(_encode(row(click)) + b"\n" for click in clicks)


def csv_header() -> bytes:
    """The first line of a CSV file."""
    return (",".join(COLUMNS) + "\r\n").encode()


def csv_lines(clicks: Iterable[Click]) -> bytes:
    """Lines of CSV (RFC 4180): tags with | between them, attributes as JSON, no cell that is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([_cell(value) for value in row(click).values()] for click in clicks)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return written(value)
    text = "|".join(value) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text
