"""GraphiQL in the browser: the page at /graphql and its files, read once, with hashes in their addresses."""

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parents[2] / "dashboard" / "graphiql"
ASSETS_PATH: Final = "/graphql/assets/"

_SUFFIXES: Final = {".js", ".css"}
_PLACEHOLDER: Final = re.compile(r"\{\{([\w.-]+)\}\}")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Only our own files run; styles may stand in attributes, by which CodeMirror places its lines."""


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media: bytes
    version: str


class GraphiQL:
    """The page and its files.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {path.name: _read(path) for path in folder.iterdir() if path.suffix in _SUFFIXES}
        self._page = _PLACEHOLDER.sub(self._address, (folder / "index.html").read_text()).encode()

    async def page(self, scope: Any, send: Any, request_id: str) -> None:
        """The page itself: nothing but our own files may run in it, and no other page may frame it."""
        headers = [
            (b"content-security-policy", _POLICY.encode()),
            (b"cache-control", b"no-cache"),
            (b"referrer-policy", b"no-referrer"),
        ]
        page = _File(self._page, b"text/html; charset=utf-8", "")
        await _send(scope, send, page, [*headers, (b"x-request-id", request_id.encode())])

    async def file(self, scope: Any, send: Any, request_id: str) -> bool:
        """One of its files; False where there is none of this name."""
        file = self._files.get(scope["path"].removeprefix(ASSETS_PATH))
        if file is None:
            return False
        current = scope["query_string"] == f"v={file.version}".encode()
        kept = b"public, max-age=31536000, immutable" if current else b"no-cache"
        headers = [(b"cache-control", kept), (b"x-request-id", request_id.encode())]
        await _send(scope, send, file, headers)
        return True

    def _address(self, found: re.Match[str]) -> str:
        return f"{ASSETS_PATH}{found[1]}?v={self._files[found[1]].version}"


def _read(path: Path) -> _File:
    body = path.read_bytes()
    media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _File(body, f"{media}; charset=utf-8".encode(), hashlib.sha384(body).hexdigest()[:16])


async def _send(scope: Any, send: Any, file: _File, headers: list[tuple[bytes, bytes]]) -> None:
    headers = [
        (b"content-type", file.media),
        (b"content-length", str(len(file.body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else file.body})
