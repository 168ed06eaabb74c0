"""uvicorn's WebSocket protocol with a shorter way out: a frame that needs no wait leaves at once."""

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

EXTENSION: Final = "linkgraph.push"
"""Under this name an ASGI scope's extensions hold the connection's `push`."""
_TEXT: Final = 0x81
"""A whole text message in one frame (RFC 6455, section 5.2); a server does not mask."""


class PushingProtocol(WebSocketsSansIOProtocol):
    """Adds EXTENSION to what uvicorn does. One frame sent to many is not encoded anew for each of them."""

    def handle_connect(self, event: Request) -> None:
        """Tell the application that it may push."""
        super().handle_connect(event)
        if self.handshake_initiated and hasattr(self, "scope"):
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self.push

    def push(self, frame: bytes) -> bool:
        """Send a whole frame if the client takes it without a wait; otherwise nothing is sent."""
        if self.close_sent or self.disconnected or not self.writable.is_set():
            return False
        self.transport.write(frame)
        return True


def text_head(length: int) -> bytes:
    """What stands before a text message of `length` bytes."""
    if length < 126:
        return bytes((_TEXT, length))
    if length < 65_536:
        return bytes((_TEXT, 126)) + length.to_bytes(2, "big")
    return bytes((_TEXT, 127)) + length.to_bytes(8, "big")
