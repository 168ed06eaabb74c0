"""A live feed in a terminal: clicks in colour for people, JSON lines for pipes, resumed by itself."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import typer
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 5.0
KEY_NAMES: Final = ("LINKGRAPH_KEY", "LINKGRAPH_ADMIN_KEY")
_FEED: Final = """subscription Watch($filter: ClickFilter, $after: String) {
  clicks(filter: $filter, after: $after) {
    clicks { id at kind linkId finalDestination country city device os browser referrer variant rule }
    cursor
    gap { reason missed resumeFrom }
  }
}"""
_FINAL: Final = frozenset({4400, 4401, 4403, 4406})
"""Close codes that another attempt would only meet again."""
_KINDS: Final = {"HUMAN": typer.colors.GREEN, "BOT": typer.colors.BRIGHT_BLACK}


class Refused(Exception):
    """The API does not let us watch; the message says why."""


def key_of(environment: Mapping[str, str], data_dir: Path) -> str:
    """The API key: of the environment, or the one that the first start left in the data directory.

    Raises:
        Refused: there is none.
    """
    for name in KEY_NAMES:
        if environment.get(name):
            return environment[name]
    path = data_dir / "admin.key"
    try:
        return path.read_text().strip()
    except OSError as error:
        raise Refused(f"Set {KEY_NAMES[0]}, or start the product first: {path}: {error.strerror}") from None


async def run(url: str, key: str, wanted: Mapping[str, Any], show: Callable[[dict[str, Any]], None]) -> None:
    """Show every click from now on, for ever, without a hole or a duplicate over lost connections.

    Args:
        url: of the graph, http or https.
        key: the API key.
        wanted: the filter.
        show: gets each click.

    Raises:
        Refused: the API said no for good.
    """
    variables: dict[str, Any] = {"filter": wanted, "after": None}
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            async with aclosing(_batches(url.replace("http", "ws", 1), key, variables)) as batches:
                async for batch in batches:
                    pause = FIRST_PAUSE_SECONDS
                    for click in batch["clicks"]:
                        show(click)
                    variables["after"] = batch["cursor"]
                    _tell_gap(batch["gap"])
        except ConnectionClosed as closed:
            code = 1006 if closed.rcvd is None else closed.rcvd.code
            if code in _FINAL:
                raise Refused(f"{code} {closed.rcvd.reason if closed.rcvd else ''}") from None
            _say(f"the connection was lost ({code}), resuming")
        except (OSError, InvalidHandshake) as error:
            _say(f"{url} cannot be reached, trying again: {error}")
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that not all come back at once
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def _batches(url: str, key: str, variables: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    try:
        connection = connect(url, subprotocols=["graphql-transport-ws"])  # type: ignore[list-item]  # a plain string is a Subprotocol
    except InvalidURI as error:
        raise Refused(str(error)) from None
    async with connection as socket:
        await socket.send(
            json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}})
        )
        async for text in socket:
            message = json.loads(text)
            kind, payload = message["type"], message.get("payload")
            if kind == "connection_ack":
                asked = {"query": _FEED, "variables": variables}
                await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
            elif kind == "ping":
                await socket.send(json.dumps({"type": "pong"}))
            elif kind == "error" or "errors" in (payload or {}):
                _judge(payload if kind == "error" else payload["errors"])
                return
            elif kind == "next":
                yield payload["data"]["clicks"]


def _judge(errors: list[dict[str, Any]]) -> None:
    """Raise Refused unless another attempt may do better."""
    code, message = errors[0].get("extensions", {}).get("code"), errors[0]["message"]
    if code not in {"UNAVAILABLE", "INTERNAL", "RATE_LIMITED", "TIMEOUT"}:
        raise Refused(f"{code}: {message}")
    _say(f"{message} Trying again.")


def printer(*, is_terminal: bool) -> Callable[[dict[str, Any]], None]:
    """How a click is shown: a coloured line for people, a line of JSON for programs."""
    return _coloured if is_terminal else _json_line


def _json_line(click: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(click, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _coloured(click: dict[str, Any]) -> None:
    click = {name: _harmless(value) if isinstance(value, str) else value for name, value in click.items()}
    place = " ".join(filter(None, (click["city"], click["country"])))
    agent = " · ".join(filter(None, (click["device"], click["os"], click["browser"])))
    parts = [
        typer.style(click["at"][11:19], fg=typer.colors.BRIGHT_BLACK),
        typer.style(f"{click['kind']:<8}", fg=_KINDS.get(click["kind"], typer.colors.YELLOW), bold=True),
        typer.style(click["linkId"] or "no such link", fg=typer.colors.CYAN),
        typer.style(f"→ {click['finalDestination']}", fg=typer.colors.BLUE)
        if click["finalDestination"]
        else "",
        agent,
        place,
        typer.style(f"from {click['referrer']}", fg=typer.colors.MAGENTA) if click["referrer"] else "",
    ]
    typer.echo("  ".join(filter(None, parts)), color=True)


def _harmless(text: str) -> str:
    """Without what would steer the terminal: a click's texts come from strangers."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _tell_gap(gap: dict[str, Any] | None) -> None:
    if gap is not None and gap["reason"] != "LAGGED":  # what lagged comes again from where it was left
        missed = "some" if gap["missed"] is None else f"{gap['missed']:,}"
        _say(f"{missed} clicks cannot be shown any more: {gap['reason']}")


def _say(words: str) -> None:
    typer.echo(typer.style(words, fg=typer.colors.BRIGHT_BLACK), err=True)
