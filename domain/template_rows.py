"""Rows of a template: values of its variables, and what a row says of its link beside them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from domain import fields, origins, templates, written_links
from domain.campaigns import Channel
from domain.drafts import Draft
from domain.errors import Rejected, UserError
from domain.links import Origin
from domain.templates import Template


class TemplateRows:
    """Makes drafts of the rows of one job.

    Args:
        template: what the rows are values for. A variable that is called like one of a row's own fields is
            the variable.
        campaign_id: of every link, instead of the template's.
        channel: whose source and medium every link gets.
    """

    def __init__(self, template: Template, campaign_id: str | None, channel: Channel | None) -> None:
        self._template = template
        self._slugless = msgspec.structs.replace(template, slug=None)
        self._names = {
            name for each in template.variables for name in (each.name, each.name.partition(".")[0])
        }
        self._own = tuple(name for name in _FIELDS if name not in self._names)
        self._common: dict[str, Any] = {} if campaign_id is None else {"campaign_id": campaign_id}
        self._utm = {} if channel is None else {"source": channel.source, "medium": channel.medium}
        self._set = (*self._common, *(f"utm.{name}" for name in self._utm))

    def draft(self, row: Mapping[str, Any], at: datetime) -> tuple[Draft, Origin]:
        """The link that a row asks for, and what it remembers of the template.

        Its own tags and attributes come on top of the template's; its own slug takes the place of the
        template's, and is refused where it is taken.

        Args:
            at: when the link is made.

        Raises:
            Rejected: with every variable that is missing or wrong, or what the row's own fields cannot be.
        """
        own = self._own_fields(row)
        try:
            draft = templates.render(self._slugless if "slug" in own else self._template, row, at)
        except Rejected as rejected:
            raise Rejected(*map(_in_row, rejected.errors)) from None
        changes: dict[str, Any] = {**self._common}
        if self._utm:
            changes["utm"] = {**(draft.utm or {}), **self._utm}
        if own:
            changes |= _over(draft, own)
        values = {name: value for name, value in row.items() if name in self._names}
        origin = origins.of(self._template, values, (*self._set, *own))
        return (msgspec.structs.replace(draft, **changes) if changes else draft), origin

    def _own_fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What a row says beside the variables, by the names of Draft; empty texts are cells left blank."""
        given = {name: row[name] for name in self._own if row.get(name) not in (None, "")}
        if not given:
            return given
        own: dict[str, Any] = {}
        errors: list[UserError] = []
        for name, value in given.items():
            try:
                own[_FIELDS[name]] = _CHECKS[name](value)
            except Rejected as rejected:
                errors += rejected.errors
        if errors:
            raise Rejected(*errors)
        return own


def _over(draft: Draft, own: Mapping[str, Any]) -> dict[str, Any]:
    changes = dict(own)
    if "slug" in own:
        changes["slug_yields"] = False
    if "tags" in own:
        changes["tags"] = [*(draft.tags or ()), *own["tags"]]
    if "attributes" in own:
        changes["attributes"] = {**(draft.attributes or {}), **own["attributes"]}
    return changes


def _text(name: str) -> Any:
    def check(given: object) -> str:
        if isinstance(given, int) and not isinstance(given, bool):
            return str(given)
        if not isinstance(given, str):
            raise fields.refused(name, f"The {name.replace('_', ' ')} is no text.")
        return given

    return check


def _tags(given: object) -> list[str]:
    """A list of texts; in one text, as files have it, they are separated by `|` or commas."""
    if isinstance(given, str):
        return written_links.tags(given)
    if not isinstance(given, list) or not all(isinstance(tag, str) for tag in given):
        raise fields.refused("tags", "The tags are no list of texts.")
    return given


def _attributes(given: object) -> dict[str, Any]:
    """An object; in a text, as files have it, it is JSON."""
    if isinstance(given, str):
        try:
            given = msgspec.json.decode(given)
        except (msgspec.DecodeError, RecursionError):
            raise fields.refused("attributes", "The attributes are no JSON object.") from None
    if not isinstance(given, dict):
        raise fields.refused("attributes", "The attributes are no JSON object.")
    return given


def _in_row(error: UserError) -> UserError:
    """Values stand in the row itself, under the names of their variables."""
    if error.field[:1] == ("variables",):
        return msgspec.structs.replace(error, field=error.field[1:])
    return error


_FIELDS: Final = {
    "externalId": "external_id",
    "externalSource": "external_source",
    "slug": "slug",
    "tags": "tags",
    "attributes": "attributes",
}
_CHECKS: Final = {
    "externalId": _text("external_id"),
    "externalSource": _text("external_source"),
    "slug": _text("slug"),
    "tags": _tags,
    "attributes": _attributes,
}
