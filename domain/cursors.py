"""Cursors of live feeds: where a reader stands in each slot's feed, signed so that nobody can make one up."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from domain.errors import BadCursor

_SIGNATURE_BYTES: Final = 16
_BAD: Final = "The cursor is not one of this feed; take it from a frame of this feed and workspace."


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """What signs cursors, shared by every process.

    Args:
        id: "feeds".
        key: 32 random bytes.
        epoch: names this history of the ledger; another one after it was put back from a backup.
    """

    id: str
    key: bytes
    epoch: str


class Place(msgspec.Struct, frozen=True, array_like=True):
    """What a cursor says.

    Args:
        epoch: the history that it counts in.
        heads: seq of the last click seen of each slot.
    """

    epoch: str
    heads: dict[int, int]


def written(secret: Secret, workspace_id: str, heads: Mapping[int, int]) -> str:
    """The cursor of a reader of `workspace_id` who has seen each slot's feed up to `heads`."""
    payload = msgspec.msgpack.encode(Place(secret.epoch, dict(heads)))
    return base64.urlsafe_b64encode(_signature(secret, workspace_id, payload) + payload).decode().rstrip("=")


def read(secret: Secret, workspace_id: str, text: str) -> Place:
    """What a cursor says; its epoch may be another one.

    Raises:
        BadCursor: it is damaged, made up, or of another workspace.
    """
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise BadCursor(_BAD) from None
    signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(secret, workspace_id, payload)):
        raise BadCursor(_BAD)
    return msgspec.msgpack.decode(payload, type=Place)


def _signature(secret: Secret, workspace_id: str, payload: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104), cut to 128 bits."""
    signed = workspace_id.encode() + b"\0" + payload
    return hmac.new(secret.key, signed, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
