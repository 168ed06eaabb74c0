"""QR codes: what they say, their size, and what they are drawn as."""

import base64
import re
import struct
import zlib
from xml.etree import ElementTree as ET

import pytest
import segno

from domain.errors import BadRequest
from domain.qr_codes import LARGEST, QUIET_ZONE, SMALLEST, QrFormat, drawn

URL = "https://s.example/spring"


def expected() -> list[list[int]]:
    """The modules of the code that a scan must lead to, with the quiet zone."""
    rows = [list(row) for row in segno.make_qr(f"{URL}?qr=1", error="m").matrix]
    side = len(rows) + 2 * QUIET_ZONE
    framed = [[0] * QUIET_ZONE + row + [0] * QUIET_ZONE for row in rows]
    empty = [[0] * side for _ in range(QUIET_ZONE)]
    return empty + framed + empty


def pixels(image: str) -> list[str]:
    """The rows of a 1-bit PNG as bits, 0 is black; every checksum is verified."""
    data = base64.b64decode(image.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body)
        found[kind] = body
        at += 12 + length
    width, height, *rest = struct.unpack(">IIBBBBB", found[b"IHDR"])
    assert rest == [1, 0, 0, 0, 0]
    raw, stride = zlib.decompress(found[b"IDAT"]), (width + 7) // 8 + 1
    assert len(raw) == stride * height
    lines = [raw[y * stride : (y + 1) * stride] for y in range(height)]
    assert {line[0] for line in lines} == {0}
    return ["".join(f"{byte:08b}" for byte in line[1:])[:width] for line in lines]


def test_an_svg_draws_every_module() -> None:
    modules = expected()
    root = ET.fromstring(drawn(URL, QrFormat.SVG, 300))  # noqa: S314 - our own text
    assert (root.get("width"), root.get("height"), root.get("role")) == ("300", "300", "img")
    assert root.get("viewBox") == f"0 0 {len(modules)} {len(modules)}"
    seen = [[0] * len(modules) for _ in modules]
    path = root.findall("{http://www.w3.org/2000/svg}path")[1].get("d") or ""
    for x, y, run in re.findall(r"M(\d+) (\d+)h(\d+)v1H\1z", path):
        for column in range(int(x), int(x) + int(run)):
            seen[int(y)][column] = 1
    assert seen == modules


def test_an_svg_says_what_it_is() -> None:
    root = ET.fromstring(drawn(URL + "<&\"'>", QrFormat.SVG, 300))  # noqa: S314 - our own text
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == root.get("aria-label") == f"QR code of {URL}<&\"'>"


@pytest.mark.parametrize("size", [SMALLEST, 65, 99, 512, 1_001, LARGEST])
def test_a_png_has_the_very_size_and_draws_every_module(size: int) -> None:
    modules = expected()
    rows = pixels(drawn(URL, QrFormat.PNG, size))
    assert {len(row) for row in rows} == {len(rows)} == {size}
    scale = size // len(modules)
    start = (size - scale * len(modules)) // 2
    for y, module_row in enumerate(modules):
        for line in rows[start + y * scale : start + (y + 1) * scale]:
            drawn_row = "".join(("0" if dark else "1") * scale for dark in module_row)
            assert line == "1" * start + drawn_row + "1" * (size - start - len(drawn_row))
    outside = rows[:start] + rows[start + scale * len(modules) :]
    assert all(set(row) == {"1"} for row in outside)


@pytest.mark.parametrize("form", list(QrFormat))
@pytest.mark.parametrize("size", [-1, 0, SMALLEST - 1, LARGEST + 1, 2**31 - 1])
def test_sizes_have_bounds(form: QrFormat, size: int) -> None:
    with pytest.raises(BadRequest, match=f"`size` is {size}; a QR code has 64 to 2,048 pixels"):
        drawn(URL, form, size)


def test_a_module_has_at_least_a_pixel() -> None:
    long_url = "https://s.example/" + "x" * 900
    with pytest.raises(BadRequest, match=r"the QR code of this link has [0-9]+ modules a side"):
        drawn(long_url, QrFormat.PNG, SMALLEST)
    assert drawn(long_url, QrFormat.SVG, SMALLEST).startswith("<svg")
