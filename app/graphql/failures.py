"""Errors as a client sees them: the one place where exceptions become coded GraphQL errors, or are masked."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLError
from pymongo.errors import ConnectionFailure, ExecutionTimeout
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.graphql.documents import Invalid
from domain.errors import ApiError, BadRequest, Rejected, Unavailable

_AWAY: Final = (ConnectionFailure, ExecutionTimeout, RedisConnectionError, RedisTimeoutError)
LONGEST: Final = 1_000
"""Characters of a message about a document or its variables."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call did not run at all.

    Args:
        status: the HTTP status that says so.
        is_request_error: the call was well-formed, so that `application/json` answers it with 200.
        errors: as they are sent.
        retry_after_seconds: when to try again, where that is known.
        extensions: more to say than the errors, such as the budget.
    """

    status: int
    is_request_error: bool
    errors: list[dict[str, Any]]
    retry_after_seconds: float | None = None
    extensions: dict[str, Any] = field(default_factory=dict)


def refusal(error: Exception, request_id: str) -> Refusal:
    """The refusal that an exception before execution means."""
    if isinstance(error, Invalid):
        return Refusal(400, True, [_of_request(each, error.code, request_id) for each in error.errors])
    known = _api_error(error)
    if known is None:
        return Refusal(500, False, [_masked(error, request_id)])
    return Refusal(
        known.status,
        known.code == "QUERY_TOO_COMPLEX",
        [{"message": known.message, "extensions": _extensions(known)}],
        known.retry_after_seconds,
    )


def of_execution(errors: Iterable[GraphQLError] | None, request_id: str) -> list[dict[str, Any]]:
    """The errors of an execution as they are sent, with their paths."""
    return [_of_field(error, request_id) for error in errors or ()]


def thrown(error: Exception, request_id: str) -> list[dict[str, Any]]:
    """The errors of a stream that broke off with an exception."""
    if isinstance(error, GraphQLError):
        return of_execution([error], request_id)
    return refusal(error, request_id).errors


def _of_request(error: GraphQLError, code: str, request_id: str) -> dict[str, Any]:
    """An error of parsing, validation or variables: its text is ours, unless an exception is quoted in it."""
    original = error.original_error
    if original is not None and not isinstance(original, GraphQLError | ValueError | TypeError):
        return _placed(error, _thrown(original, request_id))
    return _placed(
        error, {"message": _cropped(error.message), "extensions": {"code": code, **(error.extensions or {})}}
    )


def _cropped(message: str) -> str:
    """The message without the rest of a value that it quotes whole."""
    return message if len(message) <= LONGEST else f"{message[:LONGEST]}…"


def _of_field(error: GraphQLError, request_id: str) -> dict[str, Any]:
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    if original is None or isinstance(original, GraphQLError):
        extensions = {"code": "BAD_REQUEST", **(error.extensions or {})}
        return _placed(error, {"message": error.message, "extensions": extensions})
    return _placed(error, _thrown(original, request_id))


def _thrown(error: Exception, request_id: str) -> dict[str, Any]:
    known = _api_error(error)
    if known is None:
        return _masked(error, request_id)
    return {"message": known.message, "extensions": _extensions(known)}


def _api_error(error: Exception) -> ApiError | None:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Rejected):
        return BadRequest(str(error))
    if isinstance(error, _AWAY):
        _log.warning("a store did not answer: %s", error)
        return Unavailable(
            "A store did not answer. Nothing is known to be lost: try again.", retry_after_seconds=1
        )
    return None


def _extensions(error: ApiError) -> dict[str, Any]:
    extensions: dict[str, Any] = {"code": error.code}
    if error.retry_after_seconds is not None:
        extensions["retryAfter"] = round(error.retry_after_seconds, 3)
    return extensions


def _masked(error: Exception, request_id: str) -> dict[str, Any]:
    _log.error("request %s failed", request_id, exc_info=error, extra={"request_id": request_id})
    return {
        "message": f"Something went wrong on our side. Quote request {request_id} when you ask about it.",
        "extensions": {"code": "INTERNAL", "requestId": request_id},
    }


def _placed(error: GraphQLError, shown: dict[str, Any]) -> dict[str, Any]:
    if error.locations:
        shown["locations"] = [location.formatted for location in error.locations]
    if error.path:
        shown["path"] = list(error.path)
    return shown
