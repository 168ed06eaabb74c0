"""The whole story of a referral, through the API, real HTTP and a real mail server."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app import services
from app.mailing import Writing
from app.services import Services
from app.settings import Settings
from delivery import mails
from delivery.mails import Sender
from delivery.postboxes import SmtpServer
from storage.mails import MongoMails
from tests.api.conftest import Api, workspace
from tests.api.conversions import converted, euros, refund, settled
from tests.api.promotions import promoted, referred
from tests.delivery.smtp import listening
from tests.delivery.workers import Worker
from tests.redirect.decisions import FIREFOX
from tests.redirect.sites import serving_site

MAIL = {
    "from": "Shop <hello@shop.example>",
    "texts": {"en": {"subject": "Your link", "text": "Share {{ link }}"}},
}
FIGURES = """
query ($link: ID!, $uid: String!, $range: TimeRange!) {
  node(id: $link) { ... on Link {
    stats { clicks conversions revenue { amount } }
    analytics(range: $range) { totals { clicks conversions revenue { amount } } }
  } }
  analytics(range: $range) { totals { clicks conversions revenue { amount } } }
  promotion(uid: $uid) { stats {
    participants links clicks conversions viralCoefficient
    rewardsPending { amount } rewardsPaid { amount }
    cohorts { participants conversions viralCoefficient }
  } }
  rewards { edges { node { state amount { amount } } } }
}
"""


async def figures(api: Api, link_id: str) -> Mapping[str, Any]:
    """Everything that is counted of the one link, asked for at the same time; its counts have to agree."""
    found = await api(FIGURES, link=link_id, uid="spring", range={"last": "P1D"})
    stats, totals = found["node"]["stats"], found["node"]["analytics"]["totals"]
    assert stats == totals == found["analytics"]["totals"]
    promotion = found["promotion"]["stats"]
    assert (promotion["clicks"], promotion["conversions"]) == (stats["clicks"], stats["conversions"])
    (cohort,) = promotion["cohorts"]
    assert cohort["conversions"] == promotion["conversions"]
    return found


@pytest.fixture
async def own(empty: Settings) -> AsyncIterator[Services]:
    """Services on an empty database: nobody else's letters wait in it."""
    async with services.open(empty, "api") as opened:
        yield opened


async def test_a_friend_buys_and_returns_it(own: Services) -> None:
    """Promotion, link, mail, click, conversion, hold, approval, refund: figures agree at every step."""
    api, worker = await workspace(own), Worker(own)
    await promoted(api, reward={"receiver": "REFERRER", "referrerPercent": 10}, mail=MAIL)
    referral = await referred(api, "ana@example.com")
    link = referral["link"]

    async with listening() as (handler, url), SmtpServer(url, "no-reply@links.example") as postbox:
        sender = Sender(MongoMails(own.database), Writing(own), postbox, own.clock, mails.Counts())
        while not [letter for letter in handler.letters if letter["To"] == "ana@example.com"]:
            assert await sender.once()
    (letter,) = [letter for letter in handler.letters if letter["To"] == "ana@example.com"]
    assert (letter["From"], letter["Subject"]) == ("Shop <hello@shop.example>", "Your link")
    shared = letter.get_content().split()[1]
    assert urlsplit(shared).path == f"/{link['slug']}"

    async with serving_site(own.settings, indexes=False) as site:
        landed = await site.get(
            f"/{link['slug']}", f"User-Agent: {FIREFOX}", host=urlsplit(link["shortUrl"]).netloc
        )
    assert landed.status == 302
    (aid,) = parse_qs(urlsplit(landed.headers["location"]).query)["aid"]
    await worker.ship(1)

    made = await converted(
        api, aid=aid, email="ben@example.com", orderId="4711", amount=euros("80"), properties={"basket": 3}
    )
    assert (made["link"], made["promotion"], made["referral"]) == (
        {"id": link["id"]},
        {"uid": "spring"},
        {"id": referral["id"]},
    )
    assert [credit["share"] for credit in made["credits"]] == [1.0]
    (reward,) = made["rewards"]
    assert (reward["state"], reward["amount"], reward["participant"]) == (
        "PENDING",
        euros("8.00"),
        {"email": "ana@example.com"},
    )
    found = await figures(api, link["id"])
    assert found["node"]["stats"] == {"clicks": 1, "conversions": 1, "revenue": [{"amount": "80.00"}]}
    stats = found["promotion"]["stats"]
    assert (stats["participants"], stats["links"], stats["viralCoefficient"]) == (1, 1, 1.0)
    assert (stats["rewardsPending"], stats["rewardsPaid"]) == ([{"amount": "8.00"}], [])

    await settled(api, own.clock() + timedelta(days=15))
    found = await figures(api, link["id"])
    assert [each["node"]["state"] for each in found["rewards"]["edges"]] == ["APPROVED"]

    payload = await refund(api, event="purchase", orderId="4711")
    assert payload["conversion"]["refunded"] == euros("80.00")
    found = await figures(api, link["id"])
    assert found["node"]["stats"] == {"clicks": 1, "conversions": 1, "revenue": []}
    assert found["promotion"]["stats"]["rewardsPending"] == []
    assert [each["node"] for each in found["rewards"]["edges"]] == [
        {"state": "REVERSED", "amount": {"amount": "8.00"}}
    ]
