"""createReferralLink a second on one API process, and how long reading a referral takes, over real HTTP.

`python -m app serve` runs with embedded engines and one API process. Callers with a connection each ask for
links of people who are all new, with a mail each. Then single calls of `referral` read them back one after
another, which is what an account page waits for: first beside the worker, which has most mails still to
send, and once more when it has sent all. Engines, callers, worker and API share the machine's processors.

    python -m bench.referrals [--rounds 5] [--links 1500] [--callers 100]
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from bench.callers import Caller, calling
from tests.application import running

NEEDED_PER_SECOND: Final = 300
NEEDED_P95_MS: Final = 10
WARM: Final = 200
READ_BACK: Final = 300
LOOK_SECONDS: Final = 0.2
MAIL_SECONDS: Final = 120
PROMOTION: Final = """mutation ($input: CreatePromotionInput!) {
  createPromotion(input: $input) { promotion { id } userErrors { message } } }"""
REFER: Final = """mutation ($input: CreateReferralLinkInput!) { createReferralLink(input: $input) {
  referral { id code link { shortUrl } } userErrors { code message } } }"""
READ: Final = """query ($email: String!) { referral(promotionUid: "bench", email: $email) {
  id code link { shortUrl } shareLinks { channel url text } } }"""
SPRING: Final = {
    "uid": "bench",
    "name": "Bench",
    "targetUrl": "https://shop.example/",
    "reward": {"receiver": "REFERRER", "referrer": {"amount": "5", "currency": "EUR"}},
    "mail": {"texts": {"en": {"subject": "Your link", "text": "{{ link }}"}}},
}
CONSENT: Final = {"granted": True, "textVersion": "2026-01", "source": "bench"}
ENVIRONMENT: Final = {
    "LINKGRAPH_COST_BUDGET": "100000000",
    "LINKGRAPH_COST_RESTORE_PER_SECOND": "1000000",
}


async def main(rounds: int, links: int, callers: int) -> int:
    """Measure and print; 1 where a promise is not kept."""
    with tempfile.TemporaryDirectory(prefix="lg") as folder:
        async with (
            running(Path(folder), environment=ENVIRONMENT) as application,
            calling(application, callers) as lines,
        ):
            await lines[0].ask(PROMOTION, input=SPRING)
            await _created(lines, people(0, WARM))
            rates, beside, reads = [], [], []
            for number in range(1, rounds + 1):
                asked = people(number, links)
                rates.append(links / await _created(lines, asked))
                beside.append(await _read(lines[0], asked[:READ_BACK]))
                await _mailed(application.data_dir, WARM + number * links)
                reads.append(await _read(lines[0], asked[:READ_BACK]))
                print(
                    f"round {number:<2}{rates[-1]:>10,.0f} links/s, p95 of a read{beside[-1]:>8.2f} ms "
                    f"beside the mails,{reads[-1]:>8.2f} ms after them"
                )
    rate, p95 = statistics.median(rates), statistics.median(reads)
    print(f"createReferralLink {rate:,.0f}/s (median; needed {NEEDED_PER_SECOND})")
    print(f"referral p95 {p95:.2f} ms (median; needed {NEEDED_P95_MS}),", end=" ")
    print(f"{statistics.median(beside):.2f} ms while the worker sends mails")
    return 0 if rate >= NEEDED_PER_SECOND and p95 <= NEEDED_P95_MS else 1


def people(number: int, count: int) -> list[str]:
    """Addresses that no other round has."""
    return [f"person-{number}-{each}@example.com" for each in range(count)]


async def _created(callers: Sequence[Caller], asked: Sequence[str]) -> float:
    """Seconds until everybody has a link."""
    waiting = iter(asked)

    async def call(caller: Caller) -> None:
        for email in waiting:
            answer = await caller.ask(
                REFER, input={"promotionUid": "bench", "email": email, "consent": CONSENT}
            )
            if answer["createReferralLink"]["referral"] is None:
                raise SystemExit(f"no link was made: {answer}")

    began = time.perf_counter()
    await asyncio.gather(*map(call, callers))
    return time.perf_counter() - began


async def _mailed(data_dir: Path, count: int) -> None:
    """Wait until so many mails lie in the spool."""
    async with asyncio.timeout(MAIL_SECONDS):
        while len(list((data_dir / "mail").glob("*.eml"))) < count:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(LOOK_SECONDS)


async def _read(caller: Caller, asked: Sequence[str]) -> float:
    """The 95th percentile of the time that a read takes, milliseconds."""
    taken = []
    for email in asked:
        began = time.perf_counter()
        answer = await caller.ask(READ, email=email)
        taken.append((time.perf_counter() - began) * 1000)
        if answer["referral"] is None:
            raise SystemExit("a referral was not found")
    return statistics.quantiles(taken, n=20)[-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--links", type=int, default=1_500)
    parser.add_argument("--callers", type=int, default=100)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main(given.rounds, given.links, given.callers)))
