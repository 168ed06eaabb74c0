"""Jobs done in the process of a test, over real engines."""

import dataclasses

import msgspec

from app import jobs
from app.services import Services
from delivery.jobs import Counts

SHORT_BASE = "https://s.example"
"""Where the short links of tests/api live."""


async def work_off(opened: Services) -> Counts:
    """Do every job that waits, as a jobs process does; what it counted."""
    counts = Counts()
    settings = msgspec.structs.replace(opened.settings, short_url=SHORT_BASE)
    async with jobs.working(dataclasses.replace(opened, settings=settings), counts) as worker:
        await worker.until_idle()
    return counts
