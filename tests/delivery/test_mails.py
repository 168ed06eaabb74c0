"""Mails over a real SMTP server: sent at least once, always under one Message-ID, and never unwanted."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.mailing import Writing
from app.services import Services
from delivery.mails import LEASE, Counts, Sender
from delivery.postboxes import SmtpServer, Spool
from domain import mails
from domain.links import Link
from domain.mails import Letter, Mail, MailState, Postbox
from domain.participants import Consent, Participant
from domain.promotions import MailTexts, Promotion
from domain.referrals import Referral
from storage import codec, mongo
from storage import mails as kept
from storage.mails import MongoMails
from tests.delivery.smtp import Handler, listening
from tests.unit.test_mails import ANA, PROMOTION, REFERRAL

FROM = "Linkgraph <no-reply@links.example>"


@pytest.fixture
async def server() -> AsyncIterator[tuple[Handler, str]]:
    """An SMTP server on a free port, and its URL."""
    async with listening() as opened:
        yield opened


async def prepared(opened: Services, **changes: Any) -> Mail:
    """A mail that is due, and everything that it is about."""
    now = opened.clock()
    consent = Consent(granted=True, at=now, text_version="1", source="test")
    ana = msgspec.structs.replace(ANA, **{"consents": (consent,), **changes})
    link = Link(
        id="lnk_1", workspace_id="ws_1", domain="go.example", slug="ana", slug_key="ana",
        destination="https://shop.example/", created_at=now, updated_at=now,
    )  # fmt: skip
    values: dict[str, Participant | Promotion | Referral | Link] = {
        "participants": ana,
        "promotions": PROMOTION,
        "referrals": REFERRAL,
        "links": link,
    }
    for collection, value in values.items():
        await opened.database[collection].insert_one(codec.to_document(value))
    mail = mails.of_referral(PROMOTION, REFERRAL, "en", "mal_1")
    assert mail is not None

    async def write(session: Any) -> None:
        await kept.write(opened.database, [mail], session)

    await mongo.transaction(opened.database, write)
    return mail


def sender(opened: Services, postbox: Postbox, *, later: timedelta = timedelta()) -> Sender:
    return Sender(
        MongoMails(opened.database), Writing(opened), postbox, lambda: opened.clock() + later, Counts()
    )


async def state(opened: Services) -> Mail:
    document = await opened.database["mails"].find_one({"_id": "mal_1"})
    assert document is not None
    return codec.to_value(document, Mail)


async def test_a_mail_is_sent(opened: Services, server: tuple[Handler, str]) -> None:
    """P5: From the promotion, to the participant, in the language asked for, and only once."""
    handler, url = server
    await prepared(opened)
    async with SmtpServer(url, FROM) as postbox:
        sending = sender(opened, postbox)
        assert [await sending.once() for _ in range(2)] == [True, False]
    (letter,) = handler.letters
    assert {name: letter[name] for name in ("From", "To", "Subject", "Message-ID", "Content-Language")} == {
        "From": "Shop <hello@shop.example>",
        "To": "ana@shop.example",
        "Subject": "Your link for Spring & Co",
        "Message-ID": "<mal_1@links.example>",
        "Content-Language": "en",
    }
    assert letter.get_content().split() == ["Share", "https://go.example/ana", "or", "say", "ABCD-EFGH"]
    assert (await state(opened)).state is MailState.SENT


async def test_a_sender_that_was_killed_is_followed_by_another(
    opened: Services, server: tuple[Handler, str]
) -> None:
    """At least once, under the same Message-ID: the server took it, and nobody noted that."""
    handler, url = server
    await prepared(opened)
    (mail,) = await MongoMails(opened.database).take(opened.clock(), opened.clock() + LEASE, 5)
    async with SmtpServer(url, FROM) as postbox:
        papers = await Writing(opened).papers([mail])
        receiver = papers.receiver(mail)
        assert receiver is not None
        letter = papers.letter(mail, receiver)
        assert letter is not None
        await postbox.send(letter)
        assert not await sender(opened, postbox).once()
        assert await sender(opened, postbox, later=LEASE).once()
    assert [each["Message-ID"] for each in handler.letters] == ["<mal_1@links.example>"] * 2


async def copies(opened: Services, count: int) -> list[str]:
    """So many mails that are due, one after the other; their ids."""
    mail = await prepared(opened)
    others = [
        msgspec.structs.replace(mail, id=f"mal_{number}", due_at=mail.due_at + timedelta(seconds=number))
        for number in range(2, count + 1)
    ]
    await opened.database["mails"].insert_many([codec.to_document(each) for each in others])
    return [mail.id, *(each.id for each in others)]


async def test_senders_beside_each_other_share_what_is_due(
    opened: Services, server: tuple[Handler, str]
) -> None:
    """Each mail is sent by one of them, and noted as sent."""
    handler, url = server
    wanted = await copies(opened, 70)

    async def all_sent(postbox: Postbox) -> None:
        sending = sender(opened, postbox, later=timedelta(minutes=5))
        while await sending.once():
            pass

    async with SmtpServer(url, FROM) as one, SmtpServer(url, FROM) as other:
        await asyncio.gather(all_sent(one), all_sent(other))
    assert sorted(each["Message-ID"] for each in handler.letters) == sorted(
        f"<{each}@links.example>" for each in wanted
    )
    documents = await opened.database["mails"].find({}).to_list()
    assert {(each["state"], each["attempts"], "taken_by" in each) for each in documents} == {
        ("SENT", 1, False)
    }


async def test_what_a_slow_server_leaves_no_time_for_is_given_back(
    opened: Services, server: tuple[Handler, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another sender takes it at once, and no attempt is counted."""
    handler, url = server
    wanted = await copies(opened, 3)
    monkeypatch.setattr("delivery.mails.TOGETHER_SECONDS", 0.0)
    async with SmtpServer(url, FROM) as postbox:
        sending = sender(opened, postbox, later=timedelta(minutes=5))
        assert await sending.once()
        documents = await opened.database["mails"].find({}, sort=[("due_at", 1)]).to_list()
        assert sorted((each["state"], each["attempts"]) for each in documents) == [
            ("PENDING", 0), ("PENDING", 0), ("SENT", 1),
        ]  # fmt: skip
        assert [await sending.once() for _ in range(3)] == [True, True, False]
    assert sorted(each["Message-ID"] for each in handler.letters) == [
        f"<{each}@links.example>" for each in wanted
    ]


async def test_a_server_that_is_away_is_tried_again(
    opened: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """And nothing personal is in the log."""
    await prepared(opened)
    async with SmtpServer("smtp://127.0.0.1:1", FROM) as postbox:
        assert await sender(opened, postbox).once()
    mail = await state(opened)
    assert (mail.state, mail.attempts, mail.due_at > opened.clock()) == (MailState.PENDING, 1, True)
    assert "mal_1" in caplog.text
    assert "ana@" not in caplog.text


@pytest.mark.parametrize(
    ("answer", "became"),
    [
        ("550 no such user", MailState.FAILED),
        ("550 5.1.1 no such user", MailState.FAILED),
        ("554 5.7.1 relay access denied", MailState.PENDING),
        ("550 5.7.1 blocked by policy", MailState.PENDING),
        ("552 mailbox full", MailState.PENDING),
        ("451 later", MailState.PENDING),
    ],
)
async def test_who_is_refused_for_good_gets_no_more(
    opened: Services, server: tuple[Handler, str], answer: str, became: MailState
) -> None:
    """P5, the suppression list: no such mailbox ends it; what is about us, or passes, does not."""
    handler, url = server
    handler.answer = answer
    await prepared(opened)
    async with SmtpServer(url, FROM) as postbox:
        await sender(opened, postbox).once()
    assert (await state(opened)).state is became
    asked = {("ws_1", ANA.email_key), ("ws_2", ANA.email_key)}
    suppressed = await MongoMails(opened.database).suppressed(asked)
    assert suppressed == ({("ws_1", ANA.email_key)} if became is MailState.FAILED else set())


@pytest.mark.parametrize("changes", [{"consents": ()}, {"email": None}], ids=["never consented", "erased"])
async def test_nobody_is_mailed_against_their_will(
    opened: Services, server: tuple[Handler, str], changes: dict[str, Any]
) -> None:
    """RF-06, P13: what counts is the consent at the moment of sending."""
    handler, url = server
    await prepared(opened, **changes)
    async with SmtpServer(url, FROM) as postbox:
        await sender(opened, postbox).once()
    assert ((await state(opened)).state, handler.letters) == (MailState.DISCARDED, [])


async def test_without_a_server_mails_are_files(opened: Services, tmp_path: Path) -> None:
    """Only their owner may read them; a person's files can be removed."""
    await prepared(opened)
    spool = Spool(tmp_path / "mail", FROM)
    await sender(opened, spool).once()
    (path,) = (tmp_path / "mail").glob("*.eml")
    assert (path.name, path.stat().st_mode & 0o777) == ("ptc_1.mal_1.eml", 0o600)
    assert b"To: ana@shop.example\r\n" in path.read_bytes()
    spool.forget("ptc_1")
    assert list((tmp_path / "mail").iterdir()) == []


async def test_texts_that_break_later_break_no_other_mail(opened: Services, tmp_path: Path) -> None:
    """A promotion that a hand put into the database."""
    await prepared(opened)
    broken = {"en": codec.to_document(MailTexts("S", "{{ nothing }}"))}
    await opened.database["promotions"].update_one({}, {"$set": {"mails": broken}})
    assert await sender(opened, Spool(tmp_path / "mail", FROM)).once()
    assert (await state(opened)).problem == "it cannot be written (Unfit)"


@pytest.mark.parametrize(
    "broken",
    [
        {"mails": {"en": codec.to_document(MailTexts("S", "{{ 'inf' | modulo: 2 }}"))}},
        {"mail_from": "no address"},
    ],
    ids=["texts", "sender"],
)
async def test_one_promotion_stops_nobody_elses_mail(
    opened: Services, server: tuple[Handler, str], broken: dict[str, Any]
) -> None:
    """Whatever it makes of a library, the others of the batch are sent once, and it comes to an end."""
    handler, url = server
    await copies(opened, 3)
    promotion = {**codec.to_document(PROMOTION), "_id": "prm_2", "uid_folded": "other", **broken}
    await opened.database["promotions"].insert_one(promotion)
    await opened.database["mails"].update_one({"_id": "mal_1"}, {"$set": {"promotion_id": "prm_2"}})
    async with SmtpServer(url, FROM) as postbox:
        sending = sender(opened, postbox, later=timedelta(minutes=5))
        assert [await sending.once() for _ in range(2)] == [True, False]
        assert sorted(each["Message-ID"] for each in handler.letters) == [
            "<mal_2@links.example>", "<mal_3@links.example>",
        ]  # fmt: skip
        assert ((await state(opened)).state, (await state(opened)).attempts) == (MailState.PENDING, 1)
        await opened.database["mails"].update_one(
            {"_id": "mal_1"}, {"$set": {"attempts": mails.MAX_ATTEMPTS}}
        )
        assert await sender(opened, postbox, later=timedelta(days=1)).once()
    assert (await state(opened)).state is MailState.FAILED


@pytest.mark.parametrize("name", [".NET Shop", "Shop, Inc.", ":", "Käse & Co"])
async def test_names_of_senders_are_quoted(opened: Services, server: tuple[Handler, str], name: str) -> None:
    """Whatever the name holds, the envelope has the address."""
    handler, url = server
    await prepared(opened)
    changed = {"$set": {"mail_from": f"{name} <hello@shop.example>"}}
    await opened.database["promotions"].update_one({}, changed)
    async with SmtpServer(url, FROM) as postbox:
        await sender(opened, postbox).once()
    (letter,) = handler.letters
    (address,) = letter["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "hello@shop.example")


async def test_addresses_beyond_ascii(opened: Services, server: tuple[Handler, str], tmp_path: Path) -> None:
    """RFC 6531: over SMTPUTF8, and as it is in a file."""
    handler, url = server
    await prepared(opened, email="straße@shop.example")
    async with SmtpServer(url, FROM) as postbox:
        assert await sender(opened, postbox).once()
    (letter,) = handler.letters
    assert letter["To"].encode(errors="surrogateescape").decode() == "straße@shop.example"
    await opened.database["mails"].update_one({}, {"$set": {"state": "PENDING", "due_at": opened.clock()}})
    await sender(opened, Spool(tmp_path / "mail", FROM)).once()
    (path,) = (tmp_path / "mail").glob("*.eml")
    assert "To: straße@shop.example\r\n".encode() in path.read_bytes()


class Erasing(Spool):
    """A folder while whose letter is written the receiver is erased, mails included."""

    database: mongo.Database

    async def send(self, letter: Letter) -> None:
        await super().send(letter)
        assert list(self._folder.iterdir())
        await self.database["mails"].delete_many({})
        await self.database["participants"].update_many({}, {"$set": {"email": None}})


async def test_a_letter_written_during_an_erasure_does_not_stay(opened: Services, tmp_path: Path) -> None:
    await prepared(opened)
    spool = Erasing(tmp_path / "mail", FROM)
    spool.database = opened.database
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "ptc_1.mal_0.new").write_text("of a process that was killed")
    await sender(opened, spool).once()
    assert list((tmp_path / "mail").iterdir()) == []
