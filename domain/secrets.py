"""Secrets of an installation: keys that all its processes share and nobody outside knows."""

from typing import Final, Protocol

PEOPLE: Final = "people"
"""Hides e-mail addresses and customers' ids in look-ups."""
AIDS: Final = "aids"
"""Signs attribution ids."""


class Secrets(Protocol):
    """Where keys are agreed on; raises errors.Unavailable while the database is away."""

    async def agreed(self, name: str) -> bytes:
        """The key of a name, 32 bytes; whoever asks first makes it."""
        ...
