"""Columns of an import: where the fields of a link stand in one file, and what its cells mean."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

import ada_url
import msgspec

from domain import instants, uploads, written_links
from domain.drafts import Draft
from domain.errors import Rejected, UserError, UserErrorCode, Verbatim
from domain.importers import Importer

_NOISE: Final = re.compile(r"[^a-z0-9]+")
_NUMBER: Final = re.compile(r"\d{9,13}")
_OLDEST: Final = datetime(1991, 8, 6, tzinfo=UTC)
"""Day of the first web page: what is older is no date of a link."""
_ZONES: Final = timedelta(days=1)
"""A date without a zone may be so far ahead of ours; such a link was made just now."""


class Imported(msgspec.Struct, frozen=True):
    """What a row asks for.

    Args:
        created_at: when the link was made elsewhere; None: not known.
    """

    draft: Draft
    created_at: datetime | None


class Columns:
    """Where an importer finds its fields in one file.

    Args:
        importer: what columns mean.
        names: the columns of the file.

    Raises:
        Rejected: the file has no column for what every link needs.
    """

    def __init__(self, importer: Importer, names: Sequence[str]) -> None:
        known = {_plain(name): name for name in reversed(names)}
        self._importer = importer
        self._found: dict[str, tuple[str, ...]] = {
            field: tuple(known[_plain(name)] for name in wanted if _plain(name) in known)
            for field in _FIELDS
            if (wanted := getattr(importer, field))
        }
        if not self._found["destination"]:
            raise _missing("destinations", importer.destination)
        if importer.needs_slug and not (self._found.get("slug") or self._found.get("short_url")):
            raise _missing("slugs", (*importer.slug, *importer.short_url))

    def read(self, row: Mapping[str, str], domain: str | None, now: datetime) -> Imported:
        """The link that a row asks for.

        Args:
            domain: where it goes; None: the workspace's first host.
            now: no link is younger.

        Raises:
            Rejected: with each column that is missing or no date.
        """
        values, errors = self._values(row)
        errors += self._against(values, now)
        if (secret := uploads.secret(row)) is not None:
            errors.append(secret)
        if errors:
            raise Rejected(*(self.named(error) for error in errors))
        created_at = values.pop("created_at", None)
        if "expires_at" in values:
            values["expires_at"] = instants.written(values["expires_at"])
        if domain is not None:
            values["domain"] = domain
        return Imported(Draft(**values), None if created_at is None else min(created_at, now))

    def _values(self, row: Mapping[str, str]) -> tuple[dict[str, Any], list[UserError]]:
        values: dict[str, Any] = {}
        errors: list[UserError] = []
        for field, read in _READERS.items():
            cell = self._cell(row, field)
            if not cell:
                continue
            try:
                values[field] = read(cell)
            except (ValueError, OverflowError):
                errors.append(_no_date(cell, field))
        if slug := self._slug(row):
            values["slug"] = slug
        return values, errors

    def _against(self, values: Mapping[str, Any], now: datetime) -> list[UserError]:
        needed = ("destination", "slug") if self._importer.needs_slug else ("destination",)
        errors = [
            UserError(UserErrorCode.REQUIRED, f"The row has no {field}.", (field,))
            for field in needed
            if field not in values
        ]
        if values.get("created_at", now) > now + _ZONES:
            message = "The link is said to be made in the future."
            errors.append(UserError(UserErrorCode.INVALID, message, ("created_at",)))
        return errors

    def named(self, error: UserError) -> UserError:
        """An error of a link, seen from the file: its field is the column."""
        field, *_ = error.field or ("",)
        columns = self._found.get(field) or (self._found.get("short_url") if field == "slug" else None)
        return msgspec.structs.replace(error, field=(Verbatim(columns[0]),)) if columns else error

    def _cell(self, row: Mapping[str, str], field: str) -> str:
        for column in self._found.get(field, ()):
            if cell := str(row.get(column, "")).strip():
                return cell
        return ""

    def _slug(self, row: Mapping[str, str]) -> str | None:
        if slug := self._cell(row, "slug"):
            return slug.removeprefix("/")
        address = self._cell(row, "short_url").split(",")[0].strip("[]\"' ")
        if not address:
            return None
        try:
            path = str(ada_url.URL(address if "://" in address else f"https://{address}").pathname)
        except ValueError:
            return address  # no slug either: it is refused by that name
        return unquote(path.removeprefix("/").removesuffix("/")) or None


def moment(text: str) -> datetime:
    """The instant that an export writes: ISO 8601, in UTC where no zone is given, or Unix time.

    Raises:
        ValueError: it is none, or older than the web.
    """
    if _NUMBER.fullmatch(text):
        at = datetime.fromtimestamp(int(text) / (1000 if len(text) > 10 else 1), UTC)
    else:
        at = datetime.fromisoformat(text.removesuffix(" UTC").strip())
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if at < _OLDEST:
        raise ValueError("older than the web")
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def tags(cell: str) -> list[str]:
    """The tags of a cell: separated by `|`, commas or semicolons, in JSON's brackets or not."""
    plain = cell.strip("[]").replace('"', "").replace(";", ",")
    return written_links.tags(plain)


def line(cell: str) -> str:
    """A text in one line: titles that were read off web pages have breaks in them."""
    return " ".join(cell.split())


def _plain(name: str) -> str:
    return _NOISE.sub("", name.lower())


def _missing(what: str, wanted: Sequence[str]) -> Rejected:
    names = " or ".join(repr(name) for name in wanted)
    message = f"The file has no column of {what}: its first line names none of {names}."
    return Rejected(UserError(UserErrorCode.REQUIRED, message, ("file",)))


def _no_date(cell: str, field: str) -> UserError:
    message = f"{cell[:50]!r} is no date such as 2026-05-31T18:00:00Z or 2026-05-31 18:00:00."
    return UserError(UserErrorCode.INVALID, message, (field,))


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "destination": str,
    "title": line,
    "tags": tags,
    "notes": str,
    "external_id": str,
    "created_at": moment,
    "expires_at": moment,
}
_FIELDS: Final = ("slug", "short_url", *_READERS)
