"""Importers: what the columns of other shorteners' exports mean here, one small map for each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec


class ImportFormat(StrEnum):
    """Whose export a file is."""

    CSV = "CSV"
    BITLY = "BITLY"
    DUB = "DUB"
    SHORT_IO = "SHORT_IO"
    SHLINK = "SHLINK"
    KUTT = "KUTT"
    YOURLS = "YOURLS"


class Importer(msgspec.Struct, frozen=True, kw_only=True):
    """Names of columns, the best first; case, blanks and punctuation do not count in them.

    Args:
        destination: the long URL.
        slug: what stands behind the host of the short URL.
        short_url: whole short URLs, whose path is the slug.
        needs_slug: a row without one is refused; otherwise it gets a generated one.
        created_at, expires_at: dates; see import_columns.moment.
    """

    destination: tuple[str, ...]
    slug: tuple[str, ...] = ()
    short_url: tuple[str, ...] = ()
    needs_slug: bool = True
    title: tuple[str, ...] = ("title",)
    tags: tuple[str, ...] = ("tags",)
    notes: tuple[str, ...] = ()
    external_id: tuple[str, ...] = ()
    created_at: tuple[str, ...] = ("created at",)
    expires_at: tuple[str, ...] = ()


IMPORTERS: Final[Mapping[ImportFormat, Importer]] = {
    # Any table: our own names, and what such tables usually call them.
    ImportFormat.CSV: Importer(
        destination=("destination", "destination url", "long url", "original url", "target", "url"),
        slug=("slug", "back half", "short code", "path", "key", "keyword"),
        short_url=("short url", "short link"),
        needs_slug=False,
        notes=("notes", "description", "comments"),
        external_id=("external id",),
        created_at=("created at", "created", "date created", "timestamp"),
        expires_at=("expires at", "expires"),
    ),
    # https://github.com/URLR/urlr-docs (migration/bitly.md) names Link, Custom Link and Destination URL;
    # https://dev.bitly.com/api-reference names the fields of a Bitlink.
    ImportFormat.BITLY: Importer(
        destination=("destination url", "long url"),
        short_url=("custom link", "custom bitlinks", "link", "bitlink", "short url"),
        created_at=("created at", "created", "date created", "creation date"),
    ),
    # https://github.com/dubinc/dub, apps/web/lib/zod/schemas/links.ts and format-links-for-export.ts.
    ImportFormat.DUB: Importer(
        destination=("destination url", "url"),
        slug=("key",),
        short_url=("short link", "link"),
        notes=("comments",),
        external_id=("external id",),
        expires_at=("expires at",),
    ),
    # https://developers.short.io/reference (links).
    ImportFormat.SHORT_IO: Importer(
        destination=("original url", "destination url"),
        slug=("path", "slug", "link slug"),
        short_url=("secure short url", "short url", "short link"),
        created_at=("created at", "created", "creation date"),
        expires_at=("expires at", "expiration date"),
    ),
    # https://github.com/shlinkio/shlink-web-component, src/short-urls/helpers/ExportShortUrlsBtn.tsx.
    ImportFormat.SHLINK: Importer(
        destination=("long url",), slug=("short code",), short_url=("short url",), created_at=("created at",)
    ),
    # Kutt has no export: https://docs.kutt.it names the fields of a link, which scripts write as CSV.
    ImportFormat.KUTT: Importer(
        destination=("target",),
        slug=("address",),
        short_url=("link", "short url"),
        title=("description",),
        expires_at=("expire in",),
    ),
    # https://yourls.org/docs: the table yourls_url, as its plugins and database tools write it as CSV.
    ImportFormat.YOURLS: Importer(
        destination=("url", "long url"),
        slug=("keyword",),
        short_url=("short url",),
        created_at=("timestamp", "date"),
    ),
}
