"""Addresses: the short URL of a link, and the link that a short URL means."""

from typing import Final
from urllib.parse import quote, unquote_to_bytes

import ada_url

from domain import hostnames, slugs

_DEFAULT_SCHEME: Final = "https"


def short_url(domain: str, slug: str, short_base: str) -> str:
    """The short URL, percent-encoded; hosts other than the installation's own are served over HTTPS.

    Args:
        short_base: public base of the installation's short links, without a slash at its end.
    """
    path = quote(slug, safe="")
    if domain == hostnames.of(short_base):
        return f"{short_base}/{path}"
    return f"{_DEFAULT_SCHEME}://{domain}/{path}"


def meant(short_url: str) -> tuple[str, str] | None:
    """The (domain, slug key) of a short URL, with or without its scheme; None where it can be none."""
    text = short_url if "://" in short_url else f"{_DEFAULT_SCHEME}://{short_url}"
    try:
        url = ada_url.URL(text)
        slug = unquote_to_bytes(str(url.pathname).removeprefix("/")).decode()
    except ValueError:  # no URL, a lone surrogate, or bytes that are no UTF-8
        return None
    if not slug or slugs.check(slug) is not None:
        return None
    return str(url.host), slugs.key_of(slug)
