"""What rules cost: redirects a second of a link with 20 rules of 5 conditions, against one without rules.

All links live in one redirect process on core 0 and are measured in turn by wrk on core 1, by three kinds of
visitors:

- coming again: 500 visitors take turns;
- new ones, with agents that others have: of every request the address, referrer, language header and query
  are new, its agent is one of 500, as in real traffic: most visitors are new, and most browsers are not;
- new ones with agents that nobody has: every agent string is new, too. It has to be parsed where a rule asks
  for the device, which takes many times as long as everything else together. So these are compared with a
  link that has one rule on the device as well: what is left is what the other 99 conditions cost.

Of each rule four conditions hold and one does not: of every other rule that on the query, of the rest that on
the device. No rule decides before all of them are looked at.

    python -m bench.rules [--rounds 6] [--seconds 2] [--connections 64]
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench import redirect
from domain.links import Rule

RULES: Final = 20
NEEDED: Final = 0.75
_ZONES: Final = ("Europe/London", "Asia/Tokyo", "America/New_York", "Australia/Sydney", "UTC")
_AGENT: Final = '"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/"'
_AGAIN: Final = f"""
local visits, turn = {{}}, 0
init = function(args)
  for each = 1, 500 do
    wrk.headers["User-Agent"] = {_AGENT} .. each
    wrk.headers["Accept-Language"] = each % 3 == 0 and "fr-FR,fr;q=0.9" or "en-GB,en;q=0.9,de;q=0.8"
    visits[each] = wrk.format()
  end
end
request = function()
  turn = turn % 500 + 1
  return visits[turn]
end
"""
_NEW: Final = f"""
local count = %d
local letters = function(number)
  local word = "x"
  while number > 0 do
    word = word .. string.char(97 + number %% 26)
    number = math.floor(number / 26)
  end
  return word
end
request = function()
  count = count + 1
  wrk.headers["User-Agent"] = {_AGENT} .. %s
  wrk.headers["Accept-Language"] = "en-GB,en;q=0.9," .. letters(count) .. ";q=0.8"
  wrk.headers["Referer"] = "https://n" .. count .. ".news.example.org/articles/42"
  wrk.headers["X-Forwarded-For"] = "10." .. math.floor(count / 65536) %% 256 .. "." ..
    math.floor(count / 256) %% 256 .. "." .. count %% 256
  return wrk.format("GET", wrk.path .. "?plan=" .. count)
end
"""


def main() -> None:
    """Measure and print; exit code 1 where rules cost more than a quarter of the throughput."""
    parser = argparse.ArgumentParser(description="redirects a second with and without rules")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    if redirect.found("wrk") is None:
        print("The benchmark of rules needs wrk: apt-get install wrk")
        return
    os.environ["LINKGRAPH_TRUSTED_PROXIES"] = (
        "127.0.0.1"  # so that wrk's visitors have addresses of their own
    )
    with tempfile.TemporaryDirectory(prefix="lg") as folder:
        ratios = asyncio.run(_measure(Path(folder), options.rounds, options.seconds, options.connections))
    for title, ratio in ratios.items():
        print(f"ratio {ratio:.2f} (median; needed {NEEDED}): {title}")
    sys.exit(0 if min(ratios.values()) >= NEEDED else 1)


def _scripts(kind: str) -> Iterator[str]:
    """The scripts of one round after the other: none sends what another has sent."""
    number = 0
    while True:
        number += 1
        yield (
            _AGAIN
            if kind == "again"
            else _NEW
            % (
                number * 1_000_000,
                "count" if kind == "all new" else "count % 500",
            )
        )


async def _measure(folder: Path, rounds: int, seconds: int, connections: int) -> dict[str, float]:
    device = Rule(name="device", when={"device": ["TV"]}, destination=redirect.DESTINATION)
    ruled = tuple(map(_rule, range(RULES)))
    async with redirect.our_server(folder, ruled=ruled, device=(device,)) as base:

        def compared(title: str, kind: str, with_rules: str, without: str) -> float:
            scripts, ratios = _scripts(kind), []
            for url in (with_rules, without):
                redirect.load(folder, f"{base}/{url}", 1, connections, next(scripts))
            print(title)
            for number in range(1, rounds + 1):
                mine = redirect.load(folder, f"{base}/{with_rules}", seconds, connections, next(scripts))
                its = redirect.load(folder, f"{base}/{without}", seconds, connections, next(scripts))
                shown = [f"{each.per_second:,.0f}/s, p99 {each.p99}" for each in (mine, its)]
                ratios.append(mine.per_second / its.per_second)
                print(f"  round {number:<2}{shown[0]:>24} against {shown[1]:>24}{ratios[-1]:>8.2f}")
            return statistics.median(ratios)

        found = {
            title: compared(title, *asked)
            for title, asked in {
                "visitors who come again, against no rules": ("again", "ruled", "landing"),
                "new visitors, against no rules": ("new", "ruled", "landing"),
                "new agents too, against one rule on the device": ("all new", "ruled", "device"),
            }.items()
        }
        told = compared("for the record: new agents too, against no rules", "all new", "ruled", "landing")
    print(f"ratio {told:.2f} (median; of no need): new agents too, against no rules")
    return found


def _rule(number: int) -> Rule:
    by_query = number % 2 == 0
    plan: dict[str, Any] = {"name": "plan", "in": [f"plan {number}"]}
    conditions = [
        {"device": ["DESKTOP", ("TABLET", "MOBILE")[number % 4 // 2]] if by_query else ["TV", "TABLET"]},
        {"language": ["en", "fr", f"z{chr(97 + number)}"]},
        {"referrer": ["example.org", f"site{number}.example"]},
        {"time": {"from": "00:00", "to": "24:00", "timezone": _ZONES[number % len(_ZONES)]}},
        {"query": plan if by_query else {"name": f"absent {number}", "exists": False}},
    ]
    return Rule(name=f"rule {number}", when={"all": conditions}, destination=redirect.DESTINATION)


if __name__ == "__main__":
    main()
