"""The clients that people use, each with a query, a mutation and a subscription against the real graph."""

import asyncio
import fcntl
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gql import Client, gql
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from app import api, preparing, services
from app.settings import Settings
from domain import keys
from tests.protocols.conftest import listening_on

CLIENTS = Path(__file__).parent / "clients"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "clients"


@pytest.fixture(scope="session")
async def product(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """The address of the real graph on real engines, and an admin key."""
    key = keys.secret(secrets.token_bytes)
    keyed = msgspec.structs.replace(settings, admin_key=key)
    await preparing.until_done(keyed)
    async with services.open(keyed, "api") as opened:
        served = api.over(opened)
        async with listening_on(served.application) as (port, _):
            yield f"http://127.0.0.1:{port}/graphql", key
            served.draining.set()


@pytest.fixture(scope="session")
async def node() -> Path:
    """A folder with the locked npm clients and our scripts; installed once into .cache."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed: apt-get install nodejs npm")
    with _alone():
        await _install()
    return CACHE


@contextmanager
def _alone() -> Iterator[None]:
    """One process of the tests at a time: several install into the same folder."""
    CACHE.parent.mkdir(exist_ok=True)
    with (CACHE.parent / "clients.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


async def _install() -> None:
    lock = CLIENTS / "package-lock.json"
    installed = CACHE / "installed.json"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        shutil.rmtree(CACHE, ignore_errors=True)
        shutil.copytree(CLIENTS, CACHE, ignore=shutil.ignore_patterns("node_modules"))
        status, output = await run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=CACHE)
        if status:
            pytest.skip(f"npm ci failed, probably without a network: {output[-300:]}")
        installed.write_bytes(lock.read_bytes())
    for script in CLIENTS.glob("*.mjs"):
        copy = CACHE / script.name
        if not copy.exists() or copy.read_bytes() != script.read_bytes():
            shutil.copy(script, copy)


async def run(*command: str, cwd: Path) -> tuple[int | None, str]:
    """The exit status of a command, and what it said on both channels."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def results_of(script: str, node: Path, product: tuple[str, str]) -> Any:
    """What one of our scripts reports."""
    status, output = await run("node", f"{script}.mjs", *product, cwd=node)
    assert status == 0, output
    return json.loads(output.strip().splitlines()[-1])


async def test_graphql_over_http_audits(node: Path, product: tuple[str, str]) -> None:
    """npm graphql-http: every audit passes, also those that are only advice."""
    results = await results_of("audits", node, product)
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61


@pytest.mark.parametrize("client", ["graphql-ws", "graphql-sse", "apollo", "urql"])
async def test_npm_clients(client: str, node: Path, product: tuple[str, str]) -> None:
    results = await results_of(client, node, product)
    assert results["query"]["data"]["viewer"]["scopes"] == ["admin"]
    created = results["mutation"]["data"]["createLink"]
    assert created["link"]["destination"] == "https://example.com/from-a-client"
    assert created["userErrors"] == []
    assert results["subscription"]["data"]["clicks"]["clicks"] == []
    assert results["subscription"]["data"]["clicks"]["cursor"]


async def test_gql(product: tuple[str, str]) -> None:
    """PyPI gql: queries and mutations over HTTP, the subscription over WebSocket."""
    url, key = product
    headers = {"authorization": f"Bearer {key}"}
    async with Client(transport=HTTPXAsyncTransport(url, headers=headers)) as session:
        asked = await session.execute(gql("{ viewer { scopes } }"))
        create = gql(
            "mutation ($to: URL!) { createLink(input: {destination: $to}) { link { destination } } }"
        )
        create.variable_values = {"to": "https://example.com/gql"}
        changed = await session.execute(create)
    socket = WebsocketsTransport(url.replace("http", "ws", 1), init_payload=headers)
    async with Client(transport=socket) as session:
        stream = session.subscribe(gql("subscription { clicks { clicks { id } cursor } }"))
        first = await anext(stream)
        await stream.aclose()
    assert asked["viewer"] == {"scopes": ["admin"]}
    assert changed["createLink"] == {"link": {"destination": "https://example.com/gql"}}
    assert first["clicks"]["clicks"] == []


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((CLIENTS / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
