"""The README's first five minutes in a real browser: make a link, follow it, watch the click arrive."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.application import ROOT, Application, running
from tests.browser.conftest import AGENT, CHROMIUM

QUERY_EDITOR = ".graphiql-query-editor"
HEADER_EDITOR = "section.graphiql-editor-tool .graphiql-editor:not(.hidden)"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on PATH (Debian: apt-get install chromium)"
)


def readme_block(start: str) -> str:
    """The README's GraphQL block that begins with `start`."""
    blocks: list[str] = re.findall(r"```graphql\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return next(block for block in blocks if block.startswith(start))


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    async with running(tmp_path) as application:
        yield application


async def paste(page: Page, editor: str, text: str) -> None:
    """Replace what stands in an editor of GraphiQL, as Ctrl+A and Ctrl+V do."""
    await page.locator(f"{editor} .CodeMirror").first.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text(text)


async def open_graphiql(page: Page, application: Application) -> None:
    await page.goto(f"{application.api}/graphql")
    await page.locator(QUERY_EDITOR).wait_for()


async def run(page: Page, document: str) -> None:
    """Paste a document, and run it once GraphiQL, which waits for a pause in typing, has noticed it."""
    await paste(page, QUERY_EDITOR, document)
    noticed = (
        "text => JSON.parse(localStorage['graphiql:tabState'] ?? '{}').tabs?.some(tab => tab.query === text)"
    )
    await page.wait_for_function(noticed, arg=document)
    await page.keyboard.press("Control+Enter")


async def enter_key(page: Page, application: Application) -> None:
    await page.get_by_role("button", name="Headers").click()
    await paste(page, HEADER_EDITOR, json.dumps(application.headers))


async def test_make_follow_watch(application: Application, browser: Browser) -> None:
    context = await browser.new_context()
    maker = await context.new_page()
    await open_graphiql(maker, application)
    await enter_key(maker, application)
    mutation = readme_block("mutation").replace("https://example.com", "http://example.com")
    await run(maker, mutation)
    result = maker.locator(".result-window")
    await expect(result).to_contain_text("shortUrl")
    short_url = re.search(r'"shortUrl": "([^"]+)"', await result.inner_text())
    assert short_url

    watcher = await context.new_page()
    await open_graphiql(watcher, application)
    await run(watcher, readme_block("subscription"))
    feed = watcher.locator(".result-window")
    await expect(feed).to_contain_text("cursor")

    visitor = await (await browser.new_context(user_agent=AGENT)).new_page()
    await visitor.goto(short_url[1])
    assert visitor.url.startswith("http://example.com/")
    assert await visitor.inner_text("body") == "landed!"

    await expect(feed).to_contain_text('"browser": "Chrome"')
    await expect(feed).to_contain_text("HUMAN")


async def test_the_key_is_remembered(application: Application, browser: Browser) -> None:
    page = await (await browser.new_context()).new_page()
    await open_graphiql(page, application)
    await enter_key(page, application)
    await expect(page.locator(HEADER_EDITOR)).to_contain_text(application.key)
    await page.wait_for_function("key => JSON.stringify(localStorage).includes(key)", arg=application.key)
    await page.reload()
    await page.get_by_role("button", name="Headers").click()
    await expect(page.locator(HEADER_EDITOR)).to_contain_text(application.key)


async def test_nothing_is_fetched_from_elsewhere(application: Application, browser: Browser) -> None:
    """GraphiQL works with no network: every request of the page goes to us."""
    page = await (await browser.new_context()).new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    await open_graphiql(page, application)
    assert requested
    assert [url for url in requested if not url.startswith((application.api, "data:", "blob:"))] == []
