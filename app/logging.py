"""Logs: every logger of a process writes to stderr, readable on a terminal, else one JSON object a line."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FIRST: Final = ("timestamp", "level", "role", "event")
_SPARING_SECONDS: Final = 1.0
_QUIET: Final = ("pymongo", "uvicorn.error", "uvicorn.access", "websockets")


def configure(role: str, *, stream: TextIO = sys.stderr, readable: bool | None = None) -> None:
    """Send everything from INFO on, of the standard library's loggers and of structlog's, to `stream`.

    Args:
        role: what this process is; part of each line.
        stream: where lines go.
        readable: one line for people instead of JSON; None asks whether `stream` is a terminal.
    """
    people = stream.isatty() if readable is None else readable
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _role(role),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendered(people, stream))
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_Sparing())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class _Sparing(logging.Filter):
    """Lets a warning through once a second: strangers decide how often a bad request is worth one."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        message = str(record.msg)  # the pattern, of which a program has a few
        if record.created - self._last.get(message, 0) < _SPARING_SECONDS:
            return False
        self._last[message] = record.created
        return True


def _rendered(people: bool, stream: TextIO) -> list[structlog.types.Processor]:
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if people:
        return [remove, _escaped, structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    return [remove, structlog.processors.format_exc_info, _ordered, structlog.processors.JSONRenderer()]


def _role(role: str) -> structlog.types.Processor:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["role"] = role
        return event

    return add


def _ordered(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """When, how bad, who, what first: lines are also read by people."""
    return {name: event.pop(name) for name in _FIRST if name in event} | dict(event)


def _escaped(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What a stranger sent must not move a terminal's cursor or forge a line; JSON escapes it anyway."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
    return event
