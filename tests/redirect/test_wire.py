"""Bytes on the wire: what is answered at once and what goes the long way must look the same."""

import asyncio
import re
from contextlib import suppress

import msgspec
import pytest

from app.settings import Settings
from tests.redirect.sites import DOMAIN, Site, parsed, serving_site

HOST = f"Host: {DOMAIN}\r\n".encode()


def request(path: str, *lines: str, version: str = "1.1", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", f"Host: {DOMAIN}", *lines, "", ""]).encode()


async def exchange(site: Site, sent: bytes, answers: int) -> list[bytes]:
    """Send bytes on a connection that stays open and read so many answers without bodies."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    async with asyncio.timeout(30):
        writer.write(sent)
        got = [await reader.readuntil(b"\r\n\r\n") for _ in range(answers)]
    writer.close()
    return got


async def test_the_short_way_answers_like_the_long_one(site: Site) -> None:
    link = await site.add()
    first, second = (
        await exchange(site, request(f"/{link.slug}"), 1),
        await exchange(site, request(f"/{link.slug}"), 1),
    )
    date = re.compile(rb"date: [^\r]+ GMT\r\n")
    assert date.search(second[0]) is not None
    assert date.sub(b"", first[0]) == date.sub(b"", second[0])
    assert len(site.records(link)) == 2


@pytest.mark.parametrize("query", ["a=1", "qr=1&a=%C3%BC", "", "?=&&;#x", "a=1?b=2"])
async def test_queries_go_the_short_way_too(site: Site, query: str) -> None:
    """A query is no part of the address that the table knows, and reaches rules and destination alike."""
    link = await site.add(forward_query=True)
    sent = request(f"/{link.slug}?{query}")
    first, second = await exchange(site, sent, 1), await exchange(site, sent, 1)
    locations = [re.search(rb"location: (\S+)", answer[0]) for answer in (first, second)]
    assert locations[0] is not None
    assert locations[1] is not None
    assert locations[0][1] == locations[1][1]
    assert [record.qr for record in site.records(link)] == [query.startswith("qr=1")] * 2


async def test_a_fault_of_ours_on_the_short_way_is_logged(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The parser takes whatever its callbacks raise for a bad request; it is ours, and 500."""
    link = await site.add()
    await site.get(f"/{link.slug}")

    def broken(*_: object) -> None:
        raise ValueError("what nobody thought of")

    monkeypatch.setattr(site.redirect.reader, "read", broken)
    answer = await site.send(request(f"/{link.slug}"))
    assert parsed(answer).status == 500
    assert "what nobody thought of" in caplog.text


async def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    """Known, unknown, known again: nobody overtakes."""
    link, other = await site.add(), await site.add(destination="https://example.com/other")
    await site.get(f"/{link.slug}")
    burst = [link.slug, other.slug, link.slug, link.slug, other.slug]
    got = await exchange(site, b"".join(request(f"/{slug}") for slug in burst), 5)
    locations = [re.search(rb"location: (\S+)", answer) for answer in got]
    wanted = {link.slug: link.destination, other.slug: other.destination}
    assert [found and found[1].decode() for found in locations] == [wanted[slug] for slug in burst]
    assert len(site.records(link)) == 4


async def test_a_crowd_on_one_connection(site: Site) -> None:
    """Many long heads in one go are many requests, not one that is too long."""
    link = await site.add()
    await site.get(f"/{link.slug}")
    got = await exchange(site, request(f"/{link.slug}", f"X-Long: {'x' * 7_000}") * 100, 100)
    assert [answer[:13] for answer in got] == [b"HTTP/1.1 302 "] * 100


async def test_a_head_may_come_byte_by_byte(site: Site) -> None:
    link = await site.add()
    await site.get(f"/{link.slug}")
    whole = request(f"/{link.slug}", "Connection: close")
    answer = await site.send(*(whole[at : at + 1] for at in range(len(whole))))
    assert parsed(answer).status == 302


@pytest.mark.parametrize(
    "lines", [("Connection: close",), ("connection: Close",), ("Connection: keep-alive, close",)]
)
async def test_closes_when_asked_to(site: Site, lines: tuple[str, ...]) -> None:
    link = await site.add()
    for _ in range(2):
        answer = parsed(await site.send(request(f"/{link.slug}", *lines)))
        assert (answer.status, answer.headers["connection"]) == (302, "close")


@pytest.mark.parametrize("lines", [(), ("Connection: keep-alive",)])
async def test_http_1_0_closes(site: Site, lines: tuple[str, ...]) -> None:
    link = await site.add()
    for _ in range(2):
        answer = await site.send(request(f"/{link.slug}", *lines, version="1.0"))
        assert parsed(answer).status == 302


@pytest.mark.parametrize(
    "lines",
    [
        ("Upgrade: websocket", "Connection: Upgrade"),
        ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
        ("Expect: 100-continue",),
        ("Connection: keep-alive",),
    ],
)
async def test_what_a_client_offers_is_answered_as_a_visit(site: Site, lines: tuple[str, ...]) -> None:
    link = await site.add()
    for _ in range(2):
        (answer,) = await exchange(site, request(f"/{link.slug}", *lines), 1)
        assert answer.startswith(b"HTTP/1.1 302 ")
    assert len(site.records(link)) == 2


async def test_a_body_is_skipped(site: Site) -> None:
    """A body on a GET means nothing; what follows it on the connection is the next request."""
    link = await site.add()
    await site.get(f"/{link.slug}")
    with_body = request(f"/{link.slug}", "Content-Length: 5") + b"hello"
    chunked = request(f"/{link.slug}", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n"
    got = await exchange(site, with_body + chunked + request(f"/{link.slug}"), 3)
    assert [answer[:13] for answer in got] == [b"HTTP/1.1 302 "] * 3
    assert len(site.records(link)) == 4


async def test_smuggled_lengths_are_refused(site: Site) -> None:
    link = await site.add()
    await site.get(f"/{link.slug}")
    both = request(f"/{link.slug}", "Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n"
    assert parsed(await site.send(both)).status == 400


@pytest.mark.parametrize("http", ["ours", "h11", "httptools"])
async def test_oversized_heads_are_refused(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, http: str
) -> None:
    """RD-03: 414 and 431 (400 where the parser itself gives up), and the process serves on; both parsers."""
    own = msgspec.structs.replace(settings, data_dir=tmp_path_factory.mktemp("heads"))
    async with serving_site(own, http, h11_max_incomplete_event_size=64 * 1024) as site:
        link = await site.add()
        for head in (
            request("/" + "x" * 70_000, "Connection: close"),
            request(f"/{link.slug}?{'x' * 9_000}", "Connection: close"),
            request(f"/{link.slug}", f"X-Long: {'x' * 200_000}", "Connection: close"),
            request(f"/{link.slug}", *(f"X-{n}: {n}" for n in range(5_000)), "Connection: close"),
            request(f"/{link.slug}", *(f"X-{n}: {n}" for n in range(101)), "Connection: close"),
        ):
            if http == "ours":
                assert parsed(await site.send(head)).status in {414, 431}
            else:
                with suppress(ConnectionResetError):  # these parsers may hang up while we still talk
                    assert parsed(await site.send(head)).status in {400, 414, 431}
        assert (await site.get(f"/{link.slug}")).status == 302


async def test_an_endless_head_is_cut_off(site: Site) -> None:
    """RD-03: what never ends is refused when it is too much, not kept in memory."""
    chunks = [b"GET /x HTTP/1.1\r\nHost: go.example\r\nX-Endless: "] + [b"x" * 10_000] * 8
    assert parsed(await site.send(*chunks)).status == 431
    assert parsed(await site.send(b"GET /" + b"x" * 5_000, b"y" * 5_000)).status == 414


async def test_an_idle_connection_is_closed(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After its last answer, without any request, and in the middle of a head."""
    own = msgspec.structs.replace(settings, data_dir=tmp_path_factory.mktemp("idle"))
    async with serving_site(own, timeout_keep_alive=1) as site:
        link = await site.add()
        await site.get(f"/{link.slug}")
        for sent in (request(f"/{link.slug}"), request("/unknown"), b"", b"GET /half"):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(sent)
            async with asyncio.timeout(30):
                await reader.read(-1)  # until the server closes
            assert reader.at_eof()
            writer.close()


async def test_a_used_connection_stays_open(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = msgspec.structs.replace(settings, data_dir=tmp_path_factory.mktemp("used"))
    async with serving_site(own, timeout_keep_alive=1) as site:
        link = await site.add()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        for _ in range(4):
            writer.write(request(f"/{link.slug}"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 302 ")
            await asyncio.sleep(0.6)  # less than the time-out, together more than twice as long
        writer.close()
