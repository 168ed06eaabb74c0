"""What can go wrong, by name: user errors are data of a payload, the others are thrown with a code."""

from enum import StrEnum

import msgspec


class UserErrorCode(StrEnum):
    """Why an input was not accepted; the same names as the API's `UserErrorCode`."""

    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    TAKEN = "TAKEN"
    NOT_FOUND = "NOT_FOUND"
    STALE = "STALE"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    UNSAFE_URL = "UNSAFE_URL"
    MISSING_VARIABLE = "MISSING_VARIABLE"
    CONSENT_REQUIRED = "CONSENT_REQUIRED"
    NOT_ALLOWED = "NOT_ALLOWED"
    DUPLICATE = "DUPLICATE"


class Verbatim(str):
    """A part of a path that the caller named himself, such as a variable: it is shown as he wrote it."""

    __slots__ = ()


class UserError(msgspec.Struct, frozen=True):
    """One expected failure: what was wrong, with the value and what would be right, and which field."""

    code: UserErrorCode
    message: str
    field: tuple[str, ...] = ()

    def under(self, *path: str) -> "UserError":
        """The same error, seen from an input that holds this one at `path` (a row number, a nested field)."""
        return msgspec.structs.replace(self, field=(*path, *self.field))


class Rejected(Exception):
    """Raised by domain functions when an input breaks rules; carries every problem found, not the first."""

    def __init__(self, *errors: UserError) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


class ApiError(Exception):
    """A failure of the call as a whole, thrown as a GraphQL error with `extensions.code`.

    Args:
        message: what was wrong and what would be right; shown to the caller.
        retry_after_seconds: when the caller may try again, where that is known.
    """

    code = "INTERNAL"
    status = 500

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class Unauthenticated(ApiError):
    """No key, or a key that is unknown, expired or revoked."""

    code, status = "UNAUTHENTICATED", 401


class Forbidden(ApiError):
    """The key lacks a scope that a selected field needs."""

    code, status = "FORBIDDEN", 403


class BadRequest(ApiError):
    """The request is not one this API takes."""

    code, status = "BAD_REQUEST", 400


class BadCursor(ApiError):
    """The cursor is damaged, expired, or belongs to another list or workspace."""

    code, status = "BAD_CURSOR", 400


class QueryTooComplex(ApiError):
    """The document breaks a limit on depth, aliases, tokens, fields or cost."""

    code, status = "QUERY_TOO_COMPLEX", 400


class LimitExceeded(ApiError):
    """More of something than one call, socket or key may have."""

    code, status = "LIMIT_EXCEEDED", 400


class RateLimited(ApiError):
    """The key's budget is used up for now."""

    code, status = "RATE_LIMITED", 429


class NotFound(ApiError):
    """Something that a subscription names does not exist in this workspace."""

    code, status = "NOT_FOUND", 404


class Lagged(ApiError):
    """A subscriber reads more slowly than clicks come in: it was told what it missed, and its stream ends."""

    code, status = "LAGGED", 409


class IdempotencyConflict(ApiError):
    """A call with the same Idempotency-Key is running at this moment."""

    code, status = "IDEMPOTENCY_CONFLICT", 409


class IdempotencyMismatch(ApiError):
    """The Idempotency-Key stands for another payload."""

    code, status = "IDEMPOTENCY_MISMATCH", 422


class TimedOut(ApiError):
    """The operation ran longer than its time limit and was stopped."""

    code, status = "TIMEOUT", 504


class Unavailable(ApiError):
    """A store did not answer; the call can be repeated."""

    code, status = "UNAVAILABLE", 503
