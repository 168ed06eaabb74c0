"""What an agent string tells: human, bot or preview of a chat, and on which device, system and browser."""

import functools
import re
from collections.abc import Callable
from typing import Final, Literal

import msgspec
import ua_parser
from crawlerdetect import CrawlerDetect  # type: ignore[import-untyped] # it has no types

from domain.clicks import ClickKind, Device

MAX_CHARACTERS: Final = 512
"""What is looked at of an agent; longer ones are cropped, for both parsers are slow on long strings."""
_REMEMBERED: Final = 10_000
_MAX_NAME: Final = 64

_PREVIEWS: Final = (
    r"Slackbot|Slack-ImgProxy|(?:facebook|meta-)externalhit|facebookcatalog|Facebot|^WhatsApp\b|Twitterbot|"
    r"LinkedInBot|Discordbot|TelegramBot|SkypeUriPreview|Microsoft-?Teams.*Preview|redditbot|vkShare|VKRobot|"
    r"Snap URL Preview|Iframely|Embedly|line-poker|kakaotalk-scrap|^Viber|Mastodon/|Bluesky|Google-Chat|"
    r"XING-contenttabreceiver|GoogleMessages|ZoomPreview|LinkUnfurler|SteamChatURLLookup|Friendica|Lemmy|"
    r"gotosocial|Pleroma|Misskey|SummalyBot|Pinterest/0|Pinterestbot|Tumblr/|Mattermost-?Bot|GroupMeBot|"
    r"KeybaseBot|EvernoteRichLink|DingTalkBot-Link|Synapse \(bot|Discourse Forum Onebox|Mediumbot-MetaTag|"
    r"^Notion/|(?:link|url|page|web|rich|microsoft)[ -]?preview"
)
"""Agents that fetch a link because it was pasted into a chat or post; iMessage says facebookexternalhit."""
_SYSTEMS: Final = (
    r"windows|macintosh|mac os|linux|x11|android|iphone|ipad|ipod|cros|tizen|web0s|webos|kaios|mobile;|"
    r"tablet;|playstation|nintendo|xbox|symbian|series ?[46]0|blackberry|bb10|playbook|nokia|bsd|"
    r"harmony|fuchsia|smart-?tv|roku|haiku|os/2|sunos|j2me"
)
_ROBOTS: Final = (
    r"https?:|www\.|@[\w-]+\.[a-z]|\w\.(?:com|net|org|io|ai|dev)\b|"
    r"compatible(?!; (?:msie|konqueror|optimized by))|"
    r"headless|playwright|selenium|puppeteer|phantomjs|cypress|scan(?:ner|ning)?\b|monitor|synthetic|"
    r"lighthouse|pagespeed|httpclient|thousandeyes|-user/|agents?\b"
)
"""What no browser says: addresses of whom to ask, `compatible` with nothing old, and words of the trade."""
_TVS: Final = (
    r"smart-?tv|apple ?tv|google ?tv|android tv|hbbtv|roku|crkey|bravia|\baft[a-z]{1,4}\b|"
    r"netcast|web0s|tizen.*\btv\b"
)
_TABLETS: Final = r"ipad|tablet|playbook|kindle|\bsilk/(?!.*mobile)|android(?!.*mobi)"
_MOBILES: Final = r"mobi|iphone|ipod|android|windows phone|blackberry|opera mini|kaios"
_DESKTOPS: Final = r"windows nt|macintosh|x11|linux|cros "


class Agent(msgspec.Struct, frozen=True):
    """What one agent string tells.

    Args:
        kind: HUMAN, BOT or PREVIEW; why the request was made (see visits.Purpose) may overrule it.
        device: what the visitor holds; BOT where nobody does.
        os: family name such as "iOS", or None.
        browser: family name such as "Mobile Safari", or None.
    """

    kind: Literal[ClickKind.HUMAN, ClickKind.BOT, ClickKind.PREVIEW]
    device: Device
    os: str | None = None
    browser: str | None = None


NOBODY: Final = Agent(ClickKind.BOT, Device.BOT)
"""No agent at all: every browser sends one."""


class Agents:
    """Reads agent strings and remembers the latest 10,000, for one costs about 0.4 ms and most come again.

    Made once per process; making it compiles the expressions of both parsers (a few tenths of a second).
    """

    def __init__(self) -> None:
        self._crawlers = CrawlerDetect()
        self._previews = re.compile(_PREVIEWS, re.IGNORECASE)
        self._robots = re.compile(_ROBOTS, re.IGNORECASE)
        self._browsers = re.compile(rf"[\"']?(?:mozilla|opera)/\d[^(]*\([^)]*(?:{_SYSTEMS})", re.IGNORECASE)
        self._devices = tuple(
            (re.compile(pattern, re.IGNORECASE), device)
            for pattern, device in (
                (_TVS, Device.TV),
                (_TABLETS, Device.TABLET),
                (_MOBILES, Device.MOBILE),
                (_DESKTOPS, Device.DESKTOP),
            )
        )
        self.read: Callable[[str], Agent] = functools.lru_cache(_REMEMBERED)(self._read)
        """What an agent tells; any string is fine, but it is remembered whole: callers crop endless ones."""
        self.read("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")

    def _read(self, sent: str) -> Agent:
        agent = sent[:MAX_CHARACTERS].strip()
        if not agent:
            return NOBODY
        parsed = ua_parser.parse(agent)
        os = parsed.os.family[:_MAX_NAME] if parsed.os is not None else None
        browser = parsed.user_agent.family[:_MAX_NAME] if parsed.user_agent is not None else None
        if self._previews.search(agent):
            return Agent(ClickKind.PREVIEW, Device.BOT, os, browser)
        spider = parsed.device is not None and parsed.device.family == "Spider"
        if spider or self._robotic(agent) or self._crawlers.is_crawler(agent):
            return Agent(ClickKind.BOT, Device.BOT, os, browser)
        return Agent(ClickKind.HUMAN, self._device(agent), os, browser)

    def _robotic(self, agent: str) -> bool:
        """Whether it is no browser's: all of those begin with Mozilla or Opera and name their system."""
        return self._browsers.match(agent) is None or self._robots.search(agent) is not None

    def _device(self, agent: str) -> Device:
        return next((device for pattern, device in self._devices if pattern.search(agent)), Device.OTHER)
