"""What the redirect answers: the redirect itself, and a few plain pages that say why there is none."""

import math
from http import HTTPStatus
from typing import Final

import msgspec

from domain.routes import Decision
from domain.visits import Outcome

Header = tuple[bytes, bytes]
Headers = tuple[Header, ...]
NONE: Final[Headers] = ()

_UNCACHED: Final[Header] = (b"cache-control", b"private, no-store")
_SECURITY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_PAGE_HEADERS: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-store"),
    (b"content-type", b"text/html; charset=utf-8"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex"),
)
_TEXTS: Final[dict[int, tuple[str, str]]] = {
    400: ("Bad request", "This request is not one that a browser makes."),
    403: ("Not available", "This link is not open to you, or not from where you are."),
    404: ("Not found", "There is no link at this address. Check that it was typed or copied whole."),
    405: ("Method not allowed", "A short link can only be opened."),
    408: ("Too slow", "The form took too long to arrive. Try again."),
    410: ("No longer available", "This link is not available any more."),
    413: ("Too large", "This form is larger than a password."),
    414: ("Address too long", "This address is longer than any short link."),
    415: ("Not a form", "Only the form of this page can be sent here."),
    429: ("Too many attempts", "There were too many attempts in a short time. Try again later."),
    431: ("Request too large", "This request carries more headers than are accepted."),
    500: ("Something went wrong", "This is our fault and has been noted. Try again in a few seconds."),
    502: ("Broken link", "This link leads nowhere. Whoever made it has to repair it."),
    503: ("Please try again", "The link cannot be looked up at the moment. Try again in a few seconds."),
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 1.125rem/1.5 system-ui, sans-serif; margin: 0; min-height: 100vh }}
body {{ display: grid; place-items: center }}
main {{ max-width: 32rem; padding: 2rem }}
h1 {{ font-size: 1.75rem; line-height: 1.2 }}
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""
_CLOSED: Final = {Outcome.NOT_STARTED: 404, Outcome.BLOCKED: 403}
"""Pages of links that are closed, if not 410. One that has not started is not told of before its time; one
that a rule blocks is open to others."""


class Refused(Exception):
    """This request gets a page with `status`, and where it can be repeated, the seconds after which."""

    def __init__(self, status: int, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(f"{status} {HTTPStatus(status).phrase}")
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class Answer(msgspec.Struct, frozen=True):
    """One response, ready to be sent.

    Args:
        first_line: the status line of HTTP/1.1; the server's own headers (Date) belong behind it.
        rest: everything behind those.
    """

    status: int
    headers: tuple[Header, ...]
    body: bytes
    first_line: bytes
    rest: bytes


def of(decision: Decision) -> Answer:
    """The answer that a decision asks for: its destination, or the page that fits why there is none."""
    if decision.destination is not None:
        location = (b"location", decision.destination.encode("ascii"))
        return _answer(decision.code, (location, _UNCACHED))
    if decision.outcome is Outcome.REDIRECT:
        return page(502)
    return page(_CLOSED.get(decision.outcome, 410))


def page(status: int, *, retry_after_seconds: int | None = None) -> Answer:
    """The page of `status`; it holds nothing that the visitor sent."""
    title, text = _TEXTS[status]
    headers = NONE
    if retry_after_seconds is not None:
        headers += ((b"retry-after", str(retry_after_seconds).encode()),)
    if status == 405:
        headers += ((b"allow", b"GET, HEAD"),)
    if status in (400, 405, 408, 413, 414, 415, 431):
        headers += (
            (b"connection", b"close"),
        )  # what follows on this connection may be the rest of something odd
    return shown(status, title, f"<p>{text}</p>", more=headers)


def shown(
    status: int, title: str, content: str, style: str = "", security: str = _SECURITY, *, more: Headers = NONE
) -> Answer:
    """A page of ours.

    Args:
        content: HTML.
        style: CSS beyond that of all pages.
        security: its Content-Security-Policy.
        more: headers beyond those of all pages.
    """
    headers = (*_PAGE_HEADERS, (b"content-security-policy", security.encode()), *more)
    body = _PAGE.format(title=title, content=content, style=style.lstrip())
    return _answer(status, headers, body.encode())


def with_headers(answer: Answer, headers: Headers) -> Answer:
    """The answer with more headers, as the application sends it."""
    return msgspec.structs.replace(answer, headers=(*answer.headers, *headers)) if headers else answer


def whole(seconds: float | None) -> int:
    """Seconds for a Retry-After header: whole ones, at least one."""
    return max(1, math.ceil(seconds or 1))


def _answer(status: int, headers: tuple[Header, ...], body: bytes = b"") -> Answer:
    whole = (*headers, (b"content-length", str(len(body)).encode()))
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in whole)
    return Answer(status, whole, body, first, fields + b"\r\n" + body)
