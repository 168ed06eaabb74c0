"""The whole product as a user starts it: `python -m app serve` in a process of its own, on free ports."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port of the loopback interface that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Application:
    """A running `serve` with its addresses, its admin key and its processes."""

    process: asyncio.subprocess.Process
    api: str
    redirect: str
    key: str
    data_dir: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def children(self, pattern: str) -> list[psutil.Process]:
        """Descendants whose command line matches `pattern`, such as `-m app redirect` or `mongod`."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if re.search(pattern, " ".join(child.cmdline())):
                    found.append(child)
        return found

    async def alive(self, pattern: str, seconds: float = 60) -> list[psutil.Process]:
        """The same as soon as there is one: what was killed a moment ago is being started again."""
        async with asyncio.timeout(seconds):
            while not (found := self.children(pattern)):
                await asyncio.sleep(0.02)  # other processes tell of no event
        return found

    async def graphql(self, client: httpx.AsyncClient, document: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation that is expected to succeed."""
        response = await client.post(
            f"{self.api}/graphql",
            json={"query": document, "variables": variables},
            headers=self.headers,
        )
        answer: dict[str, Any] = response.json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def read(self, client: httpx.AsyncClient, document: str, **variables: Any) -> dict[str, Any]:
        """The data of a query, asked again for as long as a killed engine is on its way back."""
        async with asyncio.timeout(60):
            while True:
                response = await client.post(
                    f"{self.api}/graphql",
                    json={"query": document, "variables": variables},
                    headers=self.headers,
                )
                answer: dict[str, Any] = response.json()
                codes = [error["extensions"].get("code") for error in answer.get("errors", ())]
                if codes != ["UNAVAILABLE"]:
                    break
                await asyncio.sleep(0.2)  # a client's pause
        assert codes == [], answer
        data: dict[str, Any] = answer["data"]
        return data

    async def create_link(self, client: httpx.AsyncClient, destination: str) -> dict[str, Any]:
        """A new link: its id, slug and shortUrl."""
        data = await self.graphql(
            client,
            "mutation ($input: CreateLinkInput!) { createLink(input: $input)"
            " { link { id slug shortUrl } userErrors { message } } }",
            input={"destination": destination},
        )
        link: dict[str, Any] = data["createLink"]["link"]
        return link


@contextlib.asynccontextmanager
async def running(
    data_dir: Path, *arguments: str, environment: dict[str, str] | None = None
) -> AsyncIterator[Application]:
    """Start `serve` on `data_dir` with embedded engines, wait until it is ready, stop it with SIGTERM."""
    api_port, redirect_port = free_port(), free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LINKGRAPH_")}
    with (data_dir / "serve.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "app", "serve", "--data-dir", str(data_dir / "data")),
            *("--api-port", str(api_port), "--redirect-port", str(redirect_port)),
            *arguments,
            cwd=ROOT,
            env=inherited | (environment or {}),
            stdout=log,
            stderr=log,
        )
        try:
            await until_ready(f"http://localhost:{api_port}/readyz", process, data_dir / "serve.log")
            await until_ready(f"http://localhost:{redirect_port}/readyz", process, data_dir / "serve.log")
            key = (data_dir / "data" / "admin.key").read_text().strip()
            yield Application(
                process=process,
                api=f"http://localhost:{api_port}",
                redirect=f"http://localhost:{redirect_port}",
                key=key,
                data_dir=data_dir / "data",
            )
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await process.wait()


async def until_ready(url: str, process: asyncio.subprocess.Process, log: Path, seconds: float = 90) -> None:
    """Ask `url` until it answers 200; a process that ends instead fails with its log."""
    async with httpx.AsyncClient(timeout=30) as client, asyncio.timeout(seconds):
        while True:
            assert process.returncode is None, log.read_text()
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(url)).status_code == 200:
                    return
            await asyncio.sleep(0.05)  # readiness is asked for over HTTP: there is no event to await
