"""QR codes of links as the API gives them."""

import asyncio
from typing import Any, Final

import strawberry

from domain import qr_codes

USUAL_SIZE: Final = 512
POINTS: Final = 25
"""Drawing a code takes about as long as reading that many links: 10 to 40 ms."""

QrFormat = qr_codes.QrFormat
strawberry.enum(QrFormat, name="QrFormat", description="What a QR code is drawn as.")


async def _drawn(
    root: Any,
    format: QrFormat | None = QrFormat.SVG,  # noqa: A002 - the API's name
    size: int | None = USUAL_SIZE,
) -> str:
    # In a thread: a page of them must not hold up other calls.
    wanted = USUAL_SIZE if size is None else size
    return await asyncio.to_thread(qr_codes.drawn, root.short_url, format or QrFormat.SVG, wanted)


def field() -> Any:
    """The field of a type that has a `short_url`."""
    return strawberry.field(
        resolver=_drawn,
        description="SVG text, or a PNG image as a data URL, of 64 to 2,048 pixels. Scans are counted apart.",
        metadata={"cost": POINTS},
    )
