"""What rules cost: redirects a second of a link with 20 rules of 5 conditions, against one without rules.

Five hundred agents in two languages take turns. Both links live in one redirect process on core 0 and are
measured in turn by wrk on core 1. Of each rule four conditions hold and the last does not: no rule decides
before all 100 conditions are asked.

    python -m bench.rules [--rounds 8] [--seconds 2] [--connections 64]
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench import redirect
from domain.links import Rule

RULES: Final = 20
NEEDED: Final = 0.75
_VISITORS: Final = """
local visits, turn = {}, 0
init = function(args)
  for each = 1, 500 do
    wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/" .. each
    wrk.headers["Accept-Language"] = each % 3 == 0 and "fr-FR,fr;q=0.9" or "en-GB,en;q=0.9,de;q=0.8"
    visits[each] = wrk.format()
  end
end
request = function()
  turn = turn % 500 + 1
  return visits[turn]
end
"""


def main() -> None:
    """Measure and print; exit code 1 where rules cost more than a quarter of the throughput."""
    parser = argparse.ArgumentParser(description="redirects a second with and without rules")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    if redirect.found("wrk") is None:
        print("The benchmark of rules needs wrk: apt-get install wrk")
        return
    with tempfile.TemporaryDirectory(prefix="lg") as folder:
        ratio = asyncio.run(_measure(Path(folder), options.rounds, options.seconds, options.connections))
    print(f"ratio {ratio:.2f} (median; needed {NEEDED})")
    sys.exit(0 if ratio >= NEEDED else 1)


async def _measure(folder: Path, rounds: int, seconds: int, connections: int) -> float:
    async with redirect.our_server(folder, ruled=tuple(map(_rule, range(RULES)))) as base:
        plain, ruled = f"{base}/landing", f"{base}/ruled"
        for url in (plain, ruled):
            redirect.load(folder, url, 1, connections, _VISITORS)
        ratios = []
        print(f"{'':8}{'100 conditions':>24}{'no rules':>24}{'ratio':>8}")
        for number in range(1, rounds + 1):
            mine = redirect.load(folder, ruled, seconds, connections, _VISITORS)
            its = redirect.load(folder, plain, seconds, connections, _VISITORS)
            shown = [f"{each.per_second:,.0f}/s, p99 {each.p99}" for each in (mine, its)]
            ratios.append(mine.per_second / its.per_second)
            print(f"round {number:<2}{shown[0]:>24}{shown[1]:>24}{ratios[-1]:>8.2f}")
    return statistics.median(ratios)


def _rule(number: int) -> Rule:
    conditions = [
        {"device": ["DESKTOP", "TABLET"]},
        {"language": ["en", "fr"]},
        {"referrer": ["example.org"]},
        {"time": {"from": "00:00", "to": "24:00", "timezone": "Europe/London"}},
        {"query": {"name": "plan", "in": [f"plan {number}"]}},
    ]
    return Rule(name=f"rule {number}", when={"all": conditions}, destination=redirect.DESTINATION)


if __name__ == "__main__":
    main()
