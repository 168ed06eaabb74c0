"""Mails: their languages, their texts, and the pauses between attempts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import mail_texts, mails
from domain.errors import Rejected, UserErrorCode
from domain.mails import FIRST_PAUSE, LAST_PAUSE, Mail
from domain.money import Money
from domain.participants import Participant
from domain.promotions import MailTexts, Promotion, RewardReceiver, RewardRule
from domain.referrals import Referral

NOW = datetime(2026, 1, 28, 9, tzinfo=UTC)
FIVE = Money(minor_units=500, currency="EUR")
PROMOTION = Promotion(
    id="prm_1", workspace_id="ws_1", uid="spring", name="Spring & Co", target_url="https://shop.example/",
    reward=RewardRule(receiver=RewardReceiver.REFERRER, referrer=FIVE), created_at=NOW, updated_at=NOW,
    mail_from="Shop <hello@shop.example>",
    mails={
        "en": MailTexts("Your link for {{ promotion.name }}", "Share {{ link }}\nor say {{ code }}"),
        "de-AT": MailTexts("Dein Link", "{{ share.whatsapp }}", "<b>{{ promotion.name }}</b>"),
    },
)  # fmt: skip
ANA = Participant(
    id="ptc_1", workspace_id="ws_1", email="ana@shop.example", email_key=b"k", person_key=b"k",
    created_at=NOW, updated_at=NOW,
)  # fmt: skip
REFERRAL = Referral(
    id="ref_1", workspace_id="ws_1", identity=b"i", promotion_id="prm_1", participant_id="ptc_1",
    link_id="lnk_1", target_url="https://shop.example/", reward_receiver=RewardReceiver.REFERRER,
    code="ABCD-EFGH", called_by="key_1", created_at=NOW,
)  # fmt: skip


def mail(locale: str | None) -> Mail:
    made = mails.of_referral(PROMOTION, REFERRAL, locale, "mal_1")
    assert made is not None
    return made


def test_a_letter_is_written_in_the_best_language() -> None:
    """RFC 4647, section 3.4: the tag loses its ends until it is known; else the first language."""
    texts = PROMOTION.mails
    assert [mails.chosen(texts, each)[0] for each in ("de-at-1996", "DE-AT", "de", "en-GB", "fr", None)] == [
        "de-AT", "de-AT", "en", "en", "en", "en",
    ]  # fmt: skip


def test_a_letter_has_link_code_and_channels() -> None:
    english = mails.written(mail("en-GB"), PROMOTION, ANA, REFERRAL, "https://go.example/x")
    assert (english.to, english.sender, english.subject) == (
        "ana@shop.example", "Shop <hello@shop.example>", "Your link for Spring & Co",
    )  # fmt: skip
    assert english.text == "Share https://go.example/x\nor say ABCD-EFGH"
    german = mails.written(mail("de-AT"), PROMOTION, ANA, REFERRAL, "https://go.example/x")
    assert (german.text, german.html) == ("https://go.example/x?via=whatsapp", "<b>Spring &amp; Co</b>")


def test_pauses_double_up_to_half_a_day() -> None:
    assert mails.pause(1, 1.0) == FIRST_PAUSE
    assert mails.pause(1, 0.0) == FIRST_PAUSE / 2
    assert mails.pause(4, 1.0) == FIRST_PAUSE * 8
    assert mails.pause(500, 1.0) == LAST_PAUSE
    whole = sum((mails.pause(each, 1.0) for each in range(1, mails.MAX_ATTEMPTS)), timedelta())
    assert timedelta(days=1) < whole < timedelta(days=3)


def test_texts_are_taken_as_they_are_described() -> None:
    sender, texts = mail_texts.checked(
        {"from": "Shop <hello@shop.example>", "texts": {"en": {"subject": "S", "text": "{{ link }}\n"}}}
    )
    assert (sender, texts) == ("Shop <hello@shop.example>", {"en": MailTexts("S", "{{ link }}\n")})


def one(field: str, source: str, tag: str = "en") -> dict[str, Any]:
    return {"texts": {tag: {"subject": "S", "text": "T", field: source}}}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (None, ()),
        ({}, ()),
        ({"texts": {}}, ("texts",)),
        ({**one("text", "T"), "bcc": "x"}, ()),
        ({**one("text", "T"), "from": "no address"}, ("from",)),
        ({**one("text", "T"), "from": "A\r\nBcc: b <a@b.example>"}, ("from",)),
        (one("text", "T", tag="no tag"), ("texts",)),
        ({"texts": one("text", "T")["texts"] | one("text", "T", tag="EN")["texts"]}, ("texts",)),
        (one("subject", "{{ email }}"), ("texts", "en", "subject")),
        (one("subject", "S\nBcc: x"), ("texts", "en", "subject")),
        (one("text", "{% for x in y %}{% endfor %}"), ("texts", "en", "text")),
        (one("html", "{{ nothing"), ("texts", "en", "html")),
        (one("text", "x" * 50_001), ("texts", "en", "text")),
    ],
)
def test_texts_that_could_not_be_sent_are_refused(given: Any, path: tuple[str, ...]) -> None:
    """Headers cannot be injected, loops do not exist, and an unknown variable is named."""
    with pytest.raises(Rejected) as refused:
        mail_texts.checked(given)
    found = [(error.code, error.field) for error in refused.value.errors]
    assert found == [(UserErrorCode.INVALID, ("mail", *path))]
