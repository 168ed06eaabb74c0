"""A real browser, and a web site for it to land on."""

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("no-sandbox", "disable-quic", "no-first-run", "disable-sync", "disable-component-update")

expect.set_options(timeout=30_000)

# A headless browser says so, and is counted as a bot; this visitor is a person.
AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


@pytest.fixture
async def landing_port() -> AsyncIterator[int]:
    """A web site to land on; the browser is told that it is example.com."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nlanded!")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def browser(landing_port: int) -> AsyncIterator[Browser]:
    arguments = [f"--{name}" for name in QUIET]
    arguments += [
        "--disable-background-networking",
        f"--host-resolver-rules=MAP example.com 127.0.0.1:{landing_port}",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        await browser.close()
