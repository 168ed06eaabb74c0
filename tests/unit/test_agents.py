"""What agent strings and Accept-Language headers tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import languages
from domain.agents import Agent, Agents
from domain.clicks import ClickKind, Device

AGENTS = Agents()
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0"


@pytest.mark.parametrize(
    ("agent", "device", "os", "browser"),
    [
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1",
         Device.MOBILE, "iOS", "Mobile Safari"),
        (f"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1",
         Device.TABLET, "iOS", "Mobile Safari"),
        (("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 "
         "Mobile Safari/537.36"), Device.MOBILE, "Android", "Chrome Mobile"),
        (("Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 "
         "Safari/537.36"), Device.TABLET, "Android", "Chrome"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
         Device.DESKTOP, "Windows", "Firefox"),
        (("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/6.0 TV "
         "Safari/537.36"), Device.TV, "Tizen", "Safari"),
    ],
)  # fmt: skip
def test_people_are_seen_with_their_device(agent: str, device: Device, os: str, browser: str) -> None:
    assert AGENTS.read(agent) == Agent(ClickKind.HUMAN, device, os, browser)


@pytest.mark.parametrize(
    "agent",
    [
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "WhatsApp/2.23.20.0 A",
        "Twitterbot/1.0",
        "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) "
            "Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0"
        ),
    ],
)
def test_previews_of_chats_are_no_people(agent: str) -> None:
    found = AGENTS.read(agent)
    assert (found.kind, found.device) == (ClickKind.PREVIEW, Device.BOT)


@pytest.mark.parametrize(
    "agent",
    ["", "  ", "curl/8.5.0", "python-requests/2.32", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"],
)  # fmt: skip
def test_robots_are_no_people(agent: str) -> None:
    """CL-09: a robot's agent, and none at all."""
    found = AGENTS.read(agent)
    assert (found.kind, found.device) == (ClickKind.BOT, Device.BOT)


@pytest.mark.parametrize("app", ["[FB_IAB/FB4A;FBAV/480.0]", "Instagram 300.0", "[LinkedInApp]/9.1"])
def test_browsers_inside_apps_are_people(app: str) -> None:
    agent = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {SAFARI} Mobile/15E148 {app}"
    assert AGENTS.read(agent).kind is ClickKind.HUMAN


@given(st.text(max_size=2_000))
def test_any_string_can_be_read(agent: str) -> None:
    """CL-09: hostile agents give some answer, and short names."""
    found = AGENTS.read(agent)
    assert max(len(found.os or ""), len(found.browser or "")) <= 64


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en-GB,en;q=0.9", "en-GB"),
        ("en;q=0.5, DE-at;q=0.8", "de-AT"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("fr;q=0, es", "es"),
        ("*", None),
        ("", None),
        ("de;q=2", None),
        ("x" * 1_000, None),
        ("nl ; q = 0.7, fr;q=0.7", "nl"),
    ],
)
def test_the_preferred_language(header: str, language: str | None) -> None:
    assert languages.preferred(header) == language


@given(st.text())
def test_any_header_can_be_read(header: str) -> None:
    found = languages.preferred(header)
    assert found is None or found.isascii()
