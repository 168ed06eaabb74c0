"""Files that jobs write, piece by piece."""

from collections.abc import Sequence
from typing import Protocol


class JobFiles(Protocol):
    """Where they are read; raises errors.Unavailable while the database is away."""

    async def sizes(self, workspace_id: str, job_id: str) -> Sequence[tuple[int, int]]:
        """The pieces of a job's file so far, in order: of each the step that wrote it, and its bytes."""
        ...

    async def output(self, workspace_id: str, job_id: str, step: int) -> bytes | None:
        """The piece of a step; None: it wrote none."""
        ...
