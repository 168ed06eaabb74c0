"""Robots told from people, measured on public lists of agents; run with `-s` to see the figures.

Robots: PyPI crawler-user-agents (MIT), each pattern with agents that were seen in the wild.
People: PyPI fake-useragent (Apache-2.0), agents of browsers by how often they are seen on the web.
"""

import json
from collections import Counter
from importlib import resources
from typing import Any

import pytest

from domain.agents import Agents
from domain.clicks import ClickKind, Device

AGENTS = Agents()
KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
DEVICES = {"mobile": Device.MOBILE, "tablet": Device.TABLET, "desktop": Device.DESKTOP}


def listed(package: str, *path: str) -> str:
    return resources.files(package).joinpath(*path).read_text("utf-8")


CRAWLERS: list[dict[str, Any]] = json.loads(listed("crawleruseragents", "crawler-user-agents.json"))
ROBOTS = {agent: crawler for crawler in CRAWLERS for agent in crawler["instances"]}
BROWSERS: list[dict[str, Any]] = [
    json.loads(line) for line in listed("fake_useragent", "data", "browsers.jsonl").splitlines()
]
PEOPLE = {browser["useragent"].strip('"'): browser for browser in BROWSERS}


def test_robots_are_told_from_people() -> None:
    """Precision: of what is called no person, the share that is none. Recall: the share of robots found."""
    found = [agent for agent in ROBOTS if AGENTS.read(agent).kind is not ClickKind.HUMAN]
    wronged = [agent for agent in PEOPLE if AGENTS.read(agent).kind is not ClickKind.HUMAN]
    precision = len(found) / (len(found) + len(wronged))
    recall = len(found) / len(ROBOTS)
    print(
        f"\n{len(ROBOTS):,} robots, {len(PEOPLE):,} people: precision {precision:.4f}, recall {recall:.4f}, "
        f"people taken for robots {len(wronged) / len(PEOPLE):.4f}"
    )
    assert len(ROBOTS) > 2_000
    assert len(PEOPLE) > 800
    assert precision >= 0.999
    assert recall >= 0.985
    assert wronged == []


def test_previewers_are_told_from_other_robots() -> None:
    """What fetches a link because it was pasted somewhere; lists differ on proxies and archives."""
    tagged = [agent for agent, crawler in ROBOTS.items() if "social-preview" in crawler["tags"]]
    previews = {agent for agent in ROBOTS if AGENTS.read(agent).kind is ClickKind.PREVIEW}
    precision = len(previews & set(tagged)) / len(previews)
    recall = len(previews & set(tagged)) / len(tagged)
    print(f"\n{len(tagged)} previewers: precision {precision:.3f}, recall {recall:.3f}")
    assert precision >= 0.95
    assert recall >= 0.6


def test_people_hold_the_device_that_the_list_says() -> None:
    seen = Counter(AGENTS.read(agent).device is DEVICES[browser["type"]] for agent, browser in PEOPLE.items())
    print(f"\ndevices as listed: {seen[True] / len(PEOPLE):.4f}")
    assert seen[True] / len(PEOPLE) >= 0.995


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0) {KIT} Chrome/120.0.0.0 Safari/537.36 Playwright/1.40",
            ClickKind.BOT,
        ),
        ("Mozilla/5.0 (compatible; Somebody; +https://somebody.example/)", ClickKind.BOT),
        ("SomeClient/1.0", ClickKind.BOT),
        ("Mozilla/5.0", ClickKind.BOT),
        ("Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)", ClickKind.HUMAN),
        ("Opera/9.80 (Android; Opera Mini/36.2/191; U; en) Presto/2.12.423 Version/12.16", ClickKind.HUMAN),
        ("Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", ClickKind.HUMAN),
        (f"Mozilla/5.0 (Linux; Android 10; K) {KIT} Mobile (Ecosia android@150.0.0.0)", ClickKind.HUMAN),
        (f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {KIT} ArkWeb/4.1.6.1 Mobile", ClickKind.HUMAN),
        (f"Mozilla/5.0 (PlayStation; PlayStation 5/6.50) {KIT} Version/16.4", ClickKind.HUMAN),
    ],
)
def test_what_no_browser_says(agent: str, kind: ClickKind) -> None:
    """Browsers begin with Mozilla or Opera, name their system, and give nobody's address."""
    assert AGENTS.read(agent).kind is kind
