"""GraphiQL in a real browser, without any network but ours, under its content security policy."""

import asyncio
import base64
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from app.graphql.graphiql import FOLDER
from app.settings import Settings
from tests.protocols.conftest import Served, serving_api

expect.set_options(timeout=30_000)
CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield await browser.new_page()
        await browser.close()


async def paste(page: Page, editor: str, text: str) -> None:
    """Replace what stands in one of GraphiQL's editors."""
    await page.locator(f"{editor} .CodeMirror:visible").first.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text(text)


async def run(page: Page, document: str) -> None:
    """Paste a document and run it once GraphiQL, which waits for a pause in typing, has kept it."""
    await page.locator(".graphiql-query-editor .CodeMirror").wait_for()
    await paste(page, ".graphiql-query-editor", document)
    await page.wait_for_function("text => localStorage['graphiql:tabState']?.includes(text)", arg=document)
    await page.keyboard.press("Control+Enter")


async def test_the_page_works_offline_and_remembers_the_key(page: Page, settings: Settings) -> None:
    """GQ-10: a mutation with the key of the header tab, a reload, a subscription that is stopped."""
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    async with serving_api(settings) as served:
        await page.goto(f"http://127.0.0.1:{served.port}/")
        await paste(page, ".graphiql-editor-tool", '{"authorization": "Bearer admin"}')
        await run(page, "mutation { bump }")
        await expect(page.locator(".result-window")).to_contain_text('"bump": 1')
        await page.reload()
        await run(page, "subscription { forever }")
        await expect(page.locator(".result-window")).to_contain_text('"forever": 0')
        await page.click(".graphiql-execute-button")
        async with asyncio.timeout(30):
            await served.happened.all_closed.wait()
        assert served.happened.closed == 1
        assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {
            f"127.0.0.1:{served.port}"
        }
    assert wrong == []


async def test_errors_are_shown(page: Page, served: Served) -> None:
    await page.goto(served.url)
    await run(page, "subscription { count(to: 1) }")
    await expect(page.locator(".result-window")).to_contain_text("UNAUTHENTICATED")


async def test_the_pages_head(served: Served) -> None:
    async with served.client(None) as client:
        response = await client.get(
            served.url, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        )
        files = re.findall(r'(?:src|href)="(/[^"]+)"', response.text)
        answers = [await client.get(f"http://127.0.0.1:{served.port}{file}") for file in files]
        missing = await client.get(f"{served.url}/assets/nothing.js")
    policy = response.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert len(files) == 6
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=31536000, immutable"}
    assert missing.status_code == 404
    assert all(answer.headers["x-request-id"] for answer in [response, missing, *answers])


async def test_a_page_is_for_browsers_only(served: Served) -> None:
    async with served.client() as client:
        for accept in ("application/json", "*/*", "application/json, text/html;q=0.5"):
            response = await client.get(served.url, params={"query": "{ hello }"}, headers={"accept": accept})
            assert response.json()["data"] == {"hello": "Hello, world"}


def test_the_vendored_files_are_the_packages_own() -> None:
    readme = (FOLDER / "README.md").read_text()
    rows: list[Any] = re.findall(r"\| `([\w.-]+)` \|.*\| `([\w+/=]+)` \|", readme)
    assert len(rows) == 4
    for name, expected in rows:
        digest = hashlib.sha384((FOLDER / name).read_bytes()).digest()
        assert base64.b64encode(digest).decode() == expected
