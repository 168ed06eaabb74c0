"""createLink: one link, all of it or nothing."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import CREATE, Api


async def refused(api: Api, **input_fields: Any) -> list[tuple[str, list[str]]]:
    made = (await api(CREATE, input={"destination": "https://example.com/", **input_fields}))["createLink"]
    assert made["link"] is None
    return [(error["code"], error["field"]) for error in made["userErrors"]]


async def test_creates_a_link_with_its_defaults(api: Api) -> None:
    link = await api.create("HTTPS://Example.com:443/a b?x=1&utm_source=news&utm_medium=&y=%20#frag")
    assert link["destination"] == "https://example.com/a%20b?x=1&y=%20#frag"
    assert link["finalDestination"] == "https://example.com/a%20b?x=1&y=%20&utm_source=news#frag"
    assert link["domain"] == "s.example"
    assert link["shortUrl"] == f"https://s.example/{link['slug']}"
    assert len(link["slug"]) == 8
    expected = {
        "status": "ACTIVE",
        "title": None,
        "tags": [],
        "attributes": {},
        "utm": {"source": "news", "medium": None, "campaign": None, "term": None, "content": None},
        "redirectCode": 302,
        "forwardQuery": False,
        "fallback": None,
        "version": 1,
        "updatedAt": link["createdAt"],
    }
    assert {name: link[name] for name in expected} == expected
