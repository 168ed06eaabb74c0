"""QR codes (ISO/IEC 18004) as SVG text or PNG images, of exactly the size that is asked for."""

import base64
import html
import zlib
from enum import StrEnum
from functools import lru_cache
from struct import pack
from typing import Final

import segno

from domain.errors import BadRequest
from domain.forwarding import QR_PARAMETER

SMALLEST: Final = 64
LARGEST: Final = 2_048
QUIET_ZONE: Final = 4
"""Modules of white on each side that scanners ask for (section 9.1)."""

Modules = tuple[bytes, ...]
"""The rows of a code with its quiet zone; 1 is dark."""


class QrFormat(StrEnum):
    """What a QR code is drawn as."""

    SVG = "SVG"
    PNG = "PNG"


def drawn(short_url: str, form: QrFormat, size: int) -> str:
    """The QR code of a short link; scans of it are told from clicks by a parameter.

    Args:
        short_url: in ASCII, without a query.
        form: what it is drawn as.
        size: width and height in pixels.

    Returns:
        SVG text, or a PNG image as a data URL.

    Raises:
        BadRequest: the size is not within SMALLEST and LARGEST, or leaves a module less than a pixel.
    """
    if not SMALLEST <= size <= LARGEST:
        raise BadRequest(
            f"`size` is {size}; a QR code has {SMALLEST} to {LARGEST:,} pixels. An SVG can be scaled further."
        )
    modules = _modules(f"{short_url}?{QR_PARAMETER}=1")
    if form is QrFormat.SVG:
        return _svg(modules, size, f"QR code of {short_url}")
    if size < len(modules):
        raise BadRequest(f"`size` is {size}; the QR code of this link has {len(modules)} modules a side.")
    return "data:image/png;base64," + base64.b64encode(_png(modules, size)).decode()


@lru_cache(1_024)
def _modules(text: str) -> Modules:
    """Level M at least, which survives 15 % of damage; higher where that costs no room."""
    code = segno.make_qr(text, error="m")
    side = [0] * QUIET_ZONE
    empty = bytes(len(code.matrix) + 2 * QUIET_ZONE)
    rows = [bytes([*side, *row, *side]) for row in code.matrix]
    return (*[empty] * QUIET_ZONE, *rows, *[empty] * QUIET_ZONE)


def _svg(modules: Modules, size: int, title: str) -> str:
    side, label = len(modules), html.escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 {side} {side}"'
        f' role="img" aria-label="{label}" shape-rendering="crispEdges"><title>{label}</title>'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d="{_outline(modules)}"/></svg>'
    )


def _outline(modules: Modules) -> str:
    """Each run of dark modules in a row as a rectangle."""
    runs = []
    for y, row in enumerate(modules):
        x = row.find(1)
        while x >= 0:
            end = row.find(0, x)
            runs.append(f"M{x} {y}h{end - x}v1H{x}z")
            x = row.find(1, end)
    return "".join(runs)


def _png(modules: Modules, size: int) -> bytes:
    """A PNG (ISO/IEC 15948) with one bit a pixel; what whole modules leave of the size becomes quiet zone."""
    scale = size // len(modules)
    before = (size - scale * len(modules)) // 2
    white = _scanline("", 0, size)
    lines = [white] * before
    for row in modules:
        bits = "".join("0" * scale if dark else "1" * scale for dark in row)
        lines += [_scanline(bits, before, size)] * scale
    lines += [white] * (size - len(lines))
    header = pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(lines))), (b"IEND", b""))
    )


def _scanline(bits: str, before: int, size: int) -> bytes:
    """A filter byte (none) and the row's bits, white around what is given, filled up to whole bytes."""
    length = (size + 7) // 8
    row = ("1" * before + bits).ljust(length * 8, "1")
    return b"\0" + int(row, 2).to_bytes(length, "big")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))
