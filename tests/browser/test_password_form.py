"""The form of a link with a password in a real browser, without scripts."""

from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Browser, expect

from app.settings import Settings
from domain import passwords
from domain.visits import Outcome
from tests.browser.conftest import AGENT, CHROMIUM
from tests.redirect.sites import serving_site

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on PATH (Debian: apt-get install chromium)"
)


async def test_the_form_leads_on(settings: Settings, tmp_path: Path, browser: Browser) -> None:
    """The field has focus and label, an error is announced, the right password lands without a referrer."""
    async with serving_site(msgspec.structs.replace(settings, data_dir=tmp_path)) as site:
        host = f"127.0.0.1:{site.port}"
        link = await site.add(
            domain=host, destination="http://example.com/landing", password=passwords.seal("open sesame")
        )
        page = await (await browser.new_context(user_agent=AGENT, java_script_enabled=False)).new_page()
        sent: list[tuple[str, str | None]] = []
        page.on("request", lambda request: sent.append((request.url, request.headers.get("referer"))))
        await page.goto(f"http://{host}/{link.slug}")
        field = page.get_by_label("Password")
        await expect(field).to_be_focused()
        await page.keyboard.type("open sesam")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("This is not the password. Try again.")
        await expect(field).to_have_accessible_description("This is not the password. Try again.")
        await expect(field).to_be_focused()
        await field.fill("open sesame")
        await page.get_by_role("button", name="Continue").click()
        await page.wait_for_url("http://example.com/landing")
        assert await page.inner_text("body") == "landed!"
        assert ("http://example.com/landing", None) in sent
        outcomes = [record.outcome for record in site.records(link)]
        assert outcomes == [Outcome.PASSWORD_REQUIRED, Outcome.REDIRECT]
