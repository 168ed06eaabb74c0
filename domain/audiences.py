"""An invented audience: who visits links, with which agent, from where and in which language."""

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Final

import msgspec

from domain.places import Place

MOST_PEOPLE: Final = 50_000
"""Of one audience: they come again rather than take more memory."""
_CHROME: Final = tuple(f"{version}.0.0.0" for version in range(128, 143))
_FIREFOX: Final = tuple(f"{version}.0" for version in range(128, 146))
_IOS: Final = ("16_7", "17_4", "17_5_1", "17_6_1", "18_0_1", "18_1", "18_3_2", "18_5", "18_6", "18_7", "26_0")
_KIT: Final = "AppleWebKit/537.36 (KHTML, like Gecko)"
_APPLE: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_ANDROID: Final = "Mozilla/5.0 (Linux; Android "
_IPHONE: Final = f"Mozilla/5.0 (iPhone; CPU iPhone OS %s like Mac OS X) {_APPLE}"
_WINDOWS: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
_MAC: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_BUILDS: Final = tuple(f"{number}.0.0.{number % 37}.{number * 7 % 109}" for number in range(120, 490))
_MODELS: Final = ("SM-S921B", "SM-A556B", "Pixel 8", "Pixel 9 Pro", "2201117TY", "CPH2581", "moto g84 5G")

_Weighted = tuple[tuple[int, str, Sequence[str]], ...]
_PEOPLE: Final[_Weighted] = (
    (300, f"{_ANDROID}10; K) {_KIT} Chrome/%s Mobile Safari/537.36", _CHROME),
    (240, f"{_IPHONE} Version/18.5 Mobile/15E148 Safari/604.1", _IOS),
    (180, f"{_WINDOWS}) {_KIT} Chrome/%s Safari/537.36", _CHROME),
    (60, f"{_MAC} {_KIT} Chrome/%s Safari/537.36", _CHROME),
    (60, f"{_MAC} {_APPLE} Version/%s Safari/605.1.15", ("16.6", "17.5", "17.6", "18.1", "18.5", "26.0")),
    (55, f"{_WINDOWS}) {_KIT} Chrome/%s Safari/537.36 Edg/%s", _CHROME),
    (30, f"{_WINDOWS}; rv:%s) Gecko/20100101 Firefox/%s", _FIREFOX),
    (8, "Mozilla/5.0 (X11; Linux x86_64; rv:%s) Gecko/20100101 Firefox/%s", _FIREFOX),
    (12, f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_KIT} Chrome/%s Safari/537.36", _CHROME),
    (35, f"{_ANDROID}14; %s) {_KIT} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36", _MODELS),
    (30, f"{_ANDROID}14; K; wv) {_KIT} Version/4.0 Chrome/130.0.0.0 Mobile [FB_IAB/FB4A;FBAV/%s;]", _BUILDS),
    (30, f"{_IPHONE.replace('%s', '18_5')} Mobile/15E148 Instagram %s (iPhone14,5; iOS 18_5)", _BUILDS),
    (25, f"Mozilla/5.0 (iPad; CPU OS %s like Mac OS X) {_APPLE} Version/18.5 Mobile/15E148", _IOS),
    (15, f"{_ANDROID}14; %s) {_KIT} Chrome/130.0.0.0 Safari/537.36", ("SM-X710", "SM-X200", "TB-X606F")),
    (4, f"{_ANDROID}11; KFTRWI) {_KIT} Silk/%s like Chrome/130.0.6723.102", ("130.3.1", "131.2.9")),
    (4, f"Mozilla/5.0 (SMART-TV; LINUX; Tizen %s) {_KIT} Version/7.0 TV Safari/537.36", ("6.0", "8.0")),
    (3, f"Mozilla/5.0 (Web0S; Linux/SmartTV) {_KIT} Chrome/%s Safari/537.36 WebAppManager", _CHROME[:3]),
)  # fmt: skip
"""Share, agent, and the versions or models that stand for each %s in it."""
_ROBOTS: Final[_Weighted] = (
    (20, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", ()),
    (12, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", ()),
    (10, "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", ()),
    (8, "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)", ()),
    (8, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
     ()),
    (6, "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", ()),
    (6, f"Mozilla/5.0 (X11; Linux x86_64) {_KIT} HeadlessChrome/%s Safari/537.36", _CHROME[:4]),
    (8, "python-requests/%s", ("2.31.0", "2.32.3")),
    (6, "curl/%s", ("7.88.1", "8.5.0", "8.11.0")),
    (5, "Go-http-client/%s", ("1.1", "2.0")),
    (5, "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", ()),
    (2, "", ()),
)  # fmt: skip
_PREVIEWERS: Final[_Weighted] = (
    (30, "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", ()),
    (25, "WhatsApp/%s A", ("2.23.20.0", "2.24.16.6")),
    (20, "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", ()),
    (15, "Twitterbot/1.0", ()),
    (10, "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)", ()),
    (5, "TelegramBot (like TwitterBot)", ()),
    (5, "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", ()),
)
_HOMES: Final = (
    (90, Place("GB", "GB-ENG", "London", "Europe/London"), "en-GB,en;q=0.9"),
    (30, Place("GB", "GB-ENG", "Manchester", "Europe/London"), "en-GB,en;q=0.9"),
    (15, Place("GB", "GB-SCT", "Edinburgh", "Europe/London"), "en-GB,en-US;q=0.9,en;q=0.8"),
    (12, Place("IE", "IE-L", "Dublin", "Europe/Dublin"), "en-IE,en;q=0.9"),
    (60, Place("DE", "DE-BE", "Berlin", "Europe/Berlin"), "de-DE,de;q=0.9,en;q=0.7"),
    (45, Place("DE", "DE-BY", "Munich", "Europe/Berlin"), "de,en-US;q=0.7,en;q=0.3"),
    (25, Place("DE", "DE-HH", "Hamburg", "Europe/Berlin"), "de-DE,de;q=0.9"),
    (15, Place("AT", "AT-9", "Vienna", "Europe/Vienna"), "de-AT,de;q=0.9,en;q=0.8"),
    (15, Place("CH", "CH-ZH", "Zurich", "Europe/Zurich"), "de-CH,de;q=0.9,fr;q=0.5"),
    (50, Place("FR", "FR-IDF", "Paris", "Europe/Paris"), "fr-FR,fr;q=0.9,en;q=0.6"),
    (15, Place("FR", "FR-ARA", "Lyon", "Europe/Paris"), "fr-FR,fr;q=0.9"),
    (30, Place("ES", "ES-MD", "Madrid", "Europe/Madrid"), "es-ES,es;q=0.9,en;q=0.8"),
    (20, Place("ES", "ES-CT", "Barcelona", "Europe/Madrid"), "ca-ES,es;q=0.9"),
    (25, Place("IT", "IT-25", "Milan", "Europe/Rome"), "it-IT,it;q=0.9,en;q=0.7"),
    (25, Place("NL", "NL-NH", "Amsterdam", "Europe/Amsterdam"), "nl-NL,nl;q=0.9,en;q=0.8"),
    (20, Place("PL", "PL-14", "Warsaw", "Europe/Warsaw"), "pl-PL,pl;q=0.9,en;q=0.6"),
    (15, Place("SE", "SE-AB", "Stockholm", "Europe/Stockholm"), "sv-SE,sv;q=0.9,en;q=0.8"),
    (80, Place("US", "US-NY", "New York", "America/New_York"), "en-US,en;q=0.9"),
    (70, Place("US", "US-CA", "San Francisco", "America/Los_Angeles"), "en-US,en;q=0.9"),
    (50, Place("US", "US-TX", "Austin", "America/Chicago"), "en-US,en;q=0.9,es;q=0.8"),
    (25, Place("CA", "CA-ON", "Toronto", "America/Toronto"), "en-CA,en;q=0.9,fr;q=0.6"),
    (30, Place("BR", "BR-SP", "São Paulo", "America/Sao_Paulo"), "pt-BR,pt;q=0.9,en;q=0.7"),
    (12, Place("MX", "MX-CMX", "Mexico City", "America/Mexico_City"), "es-MX,es;q=0.9"),
    (45, Place("IN", "IN-KA", "Bengaluru", "Asia/Kolkata"), "en-IN,en-GB;q=0.9,hi;q=0.8"),
    (25, Place("IN", "IN-MH", "Mumbai", "Asia/Kolkata"), "hi-IN,hi;q=0.9,en;q=0.8"),
    (20, Place("JP", "JP-13", "Tokyo", "Asia/Tokyo"), "ja,en-US;q=0.9,en;q=0.8"),
    (15, Place("SG", "SG-01", "Singapore", "Asia/Singapore"), "en-SG,en;q=0.9,zh-CN;q=0.8"),
    (20, Place("AU", "AU-NSW", "Sydney", "Australia/Sydney"), "en-AU,en;q=0.9"),
    (10, Place("ZA", "ZA-WC", "Cape Town", "Africa/Johannesburg"), "en-ZA,en;q=0.9,af;q=0.7"),
    (15, Place(), "en-US,en;q=0.5"),
)
"""Share, place and Accept-Language header; the last is of those whose address tells nothing."""


class Visitor(msgspec.Struct, frozen=True, gc=False):
    """Somebody, or something, that follows links.

    Args:
        network: stands for the address, see visitors.network_of.
        private: sends Sec-GPC: 1, so nobody may recognise it.
    """

    agent: str
    languages: str
    place: Place
    network: str
    private: bool = False


class Audience:
    """People, robots and previewers that are drawn from.

    Args:
        people: how many people there are, at most MOST_PEOPLE; those of a small audience come again sooner.
        dice: decides everything.
    """

    def __init__(self, people: int, dice: Random) -> None:
        agents, homes = _Drawn(_PEOPLE), list(accumulate(share for share, _, _ in _HOMES))
        places = dice.choices(_HOMES, cum_weights=homes, k=max(1, min(people, MOST_PEOPLE)))
        self.people = tuple(
            Visitor(agents.one(dice), languages, place, _network(dice), dice.random() < 0.02)
            for _, place, languages in places
        )
        self.robots = _machines(_ROBOTS, dice)
        self.previewers = _machines(_PREVIEWERS, dice)


class _Drawn:
    """Draws agents by their shares."""

    def __init__(self, weighted: _Weighted) -> None:
        self._weighted = weighted
        self._shares = list(accumulate(share for share, _, _ in weighted))

    def one(self, dice: Random) -> str:
        """An agent, in one of its versions."""
        ((_, agent, versions),) = dice.choices(self._weighted, cum_weights=self._shares)
        return agent.replace("%s", dice.choice(versions)) if versions else agent


def _machines(weighted: _Weighted, dice: Random) -> tuple[Visitor, ...]:
    drawn, place = _Drawn(weighted), Place("US", "US-VA", "Ashburn", "America/New_York")
    return tuple(Visitor(drawn.one(dice), "", place, _network(dice)) for _ in range(400))


def _network(dice: Random) -> str:
    return f"{dice.getrandbits(48):x}"
