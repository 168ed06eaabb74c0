"""Links written out in a file: rows by the names of createLink's input, judged for their types one by one."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from domain import uploads
from domain.drafts import Draft
from domain.errors import Rejected, UserError, UserErrorCode, Verbatim
from domain.utm import NAMES

_TAGS: Final = re.compile(r"[|,]")


class _Utm(msgspec.Struct, forbid_unknown_fields=True):
    source: str | UnsetType | None = UNSET
    medium: str | UnsetType | None = UNSET
    campaign: str | UnsetType | None = UNSET
    term: str | UnsetType | None = UNSET
    content: str | UnsetType | None = UNSET


class _Variant(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    destination: str
    weight: int = 1


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    when: dict[str, Any]
    destination: str | None = None
    variants: list[_Variant] = []
    block: bool = False


_FIELDS: Final[Mapping[str, tuple[str, Any, str]]] = {
    "destination": ("destination", str, "a text"),
    "domain": ("domain", str, "a text"),
    "slug": ("slug", str, "a text"),
    "title": ("title", str, "a text"),
    "notes": ("notes", str, "a text"),
    "tags": ("tags", list[str], "a list of texts"),
    "externalId": ("external_id", str, "a text"),
    "externalSource": ("external_source", str, "a text"),
    "attributes": ("attributes", dict[str, Any], "a JSON object"),
    "utm": ("utm", _Utm, "an object of texts: source, medium, campaign, term and content"),
    "rules": ("rules", list[_Rule], "a list of rules as createLink takes them"),
    "variants": ("variants", list[_Variant], "a list of variants as createLink takes them"),
    "redirectCode": ("redirect_code", int, "a whole number"),
    "forwardQuery": ("forward_query", bool, "true or false"),
    "startsAt": ("starts_at", str, "a text"),
    "expiresAt": ("expires_at", str, "a text"),
    "clickLimit": ("click_limit", int, "a whole number"),
    "fallback": ("fallback", str, "a text"),
    "password": ("password", str, "a text"),
    "campaignId": ("campaign_id", str, "a text"),
    "aidParameter": ("aid_parameter", str, "a text"),
}
NAMES_OF_FIELDS: Final = tuple(_FIELDS)


def draft(row: Mapping[str, Any]) -> Draft:
    """The draft of a row; what its values mean is judged with every other draft.

    Args:
        row: by the names of createLink's input; null means the same as leaving a field out.

    Raises:
        Rejected: with every field that createLink does not have, or that is of another type.
    """
    values: dict[str, Any] = {}
    errors: list[UserError] = []
    if (secret := uploads.secret(row)) is not None:
        errors.append(secret)
    for name, given in row.items():
        if name not in _FIELDS:
            errors.append(_unknown(name))
            continue
        field, kind, what = _FIELDS[name]
        try:
            values[field] = None if given is None else msgspec.to_builtins(msgspec.convert(given, kind))
        except (msgspec.ValidationError, RecursionError):
            errors.append(UserError(UserErrorCode.INVALID, f"The {name} is not {what}.", (field,)))
    if row.get("destination") is None:
        errors.append(UserError(UserErrorCode.REQUIRED, "A link needs a destination.", ("destination",)))
    if errors:
        raise Rejected(*errors)
    return Draft(**values)


def from_cells(row: Mapping[str, str]) -> dict[str, Any]:
    """The row that cells of a CSV file stand for.

    `utm_source` (or `utm.source`) and `attributes.plan` are parts of `utm` and `attributes`; tags are
    separated by `|` or a comma; numbers, true and false, and JSON for `attributes`, `rules` and `variants`
    are read from their text. A cell that cannot be read so stays a text, which `draft` names.
    """
    whole: dict[str, Any] = {}
    parts: dict[str, dict[str, str]] = {"utm": {}, "attributes": {}}
    for column, cell in row.items():
        holder, _, part = column.replace("utm_", "utm.", 1).partition(".")
        if part and holder in parts and (holder == "attributes" or part in NAMES):
            parts[holder][part] = cell
        else:
            whole[column] = _CELLS[column](cell) if column in _CELLS else cell
    for holder, found in parts.items():
        if found:
            named = whole.get(holder)
            whole[holder] = {**named, **found} if isinstance(named, dict) else found
    return whole


def with_attributes(row: Mapping[str, str]) -> dict[str, Any]:
    """A row of values for a template, its columns such as `attributes.plan` put together."""
    found = {name: cell for name, cell in row.items() if name.startswith("attributes.")}
    if not found:
        return dict(row)
    rest = {name: cell for name, cell in row.items() if name not in found}
    return {**rest, "attributes": {name.partition(".")[2]: cell for name, cell in found.items()}}


def tags(cell: str) -> list[str]:
    """The tags of a cell: separated by `|` or a comma."""
    return [tag.strip() for tag in _TAGS.split(cell) if tag.strip()]


def _unknown(name: str) -> UserError:
    shown = name[:50]
    message = f"There is no field {shown!r}; a link has {', '.join(_FIELDS)}."
    return UserError(UserErrorCode.INVALID, message, (Verbatim(shown),))


def _typed(kind: type) -> Callable[[str], Any]:
    def read(cell: str) -> Any:
        try:
            return msgspec.convert(cell.strip().lower(), kind, strict=False)
        except msgspec.ValidationError:
            return cell

    return read


def _json(cell: str) -> Any:
    try:
        return msgspec.json.decode(cell)
    except (msgspec.MsgspecError, RecursionError):
        return cell


_CELLS: Final[Mapping[str, Callable[[str], Any]]] = {
    "tags": tags,
    "attributes": _json,
    "rules": _json,
    "variants": _json,
    "redirectCode": _typed(int),
    "clickLimit": _typed(int),
    "forwardQuery": _typed(bool),
}
