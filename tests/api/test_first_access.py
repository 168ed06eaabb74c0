"""The first start: one workspace, one admin key, however many processes start at once."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.services import Services
from domain import installations, keys
from domain.access import Scope
from domain.errors import Unauthenticated
from domain.installations import FirstAccess
from storage import mongo
from storage.keys import MongoKeys
from storage.workspaces import MongoWorkspaces


@pytest.fixture
async def empty(opened: Services) -> AsyncIterator[Services]:
    """The stores on a database of their own, without anything in it."""
    database = opened.database.client[f"{opened.database.name}_{secrets.token_hex(4)}"]
    await mongo.ensure_indexes(database)
    yield replace(opened, keys=MongoKeys(database), workspaces=MongoWorkspaces(database), database=database)
    await opened.database.client.drop_database(database.name)


async def bootstrap(stores: Services, admin_key: str | None = None) -> FirstAccess:
    return await installations.bootstrap(
        stores.workspaces,
        stores.keys,
        now=stores.clock(),
        random_bytes=secrets.token_bytes,
        admin_key=admin_key,
    )


async def test_eight_starts_at_once_make_one_key(empty: Services) -> None:
    made = await asyncio.gather(*(bootstrap(empty) for _ in range(8)))
    (secret,) = [access.secret for access in made if access.secret is not None]
    viewer = await keys.authenticate(secret, empty.keys, empty.clock())
    assert viewer.scopes == {Scope.ADMIN}
    assert {access.workspace.id for access in made} == {viewer.workspace_id}
    assert await empty.database["keys"].count_documents({}) == 1
    assert await empty.database["workspaces"].count_documents({}) == 1
    assert (await bootstrap(empty)).secret is None


async def test_only_a_hash_is_kept(empty: Services) -> None:
    secret = (await bootstrap(empty)).secret
    assert secret is not None
    kept = str(await empty.database["keys"].find_one({}))
    assert secret[12:] not in kept
    assert secret[:12] in kept


async def test_a_given_key_becomes_the_key_at_any_start(empty: Services) -> None:
    generated = (await bootstrap(empty)).secret
    given = "operators-own-secret"
    made = await asyncio.gather(*(bootstrap(empty, given) for _ in range(8)))
    assert [access.secret for access in made] == [None] * 8
    for secret in (given, generated):
        assert secret is not None
        assert (await keys.authenticate(secret, empty.keys, empty.clock())).may(Scope.LINKS_WRITE)
    assert await empty.database["keys"].count_documents({}) == 2


async def test_no_key_is_made_up_beside_a_given_one(empty: Services) -> None:
    await bootstrap(empty, "operators-own-secret")
    assert (await bootstrap(empty)).secret is None


@pytest.mark.parametrize("given", ["", "short", "with a blank", "tab\tinside", "x" * 513])
async def test_refuses_a_key_that_no_header_could_carry(empty: Services, given: str) -> None:
    with pytest.raises(ValueError, match="LINKGRAPH_ADMIN_KEY"):
        await bootstrap(empty, given)
    assert await empty.database["keys"].count_documents({}) == 0


async def test_unknown_expired_and_revoked_keys_are_refused_alike(empty: Services) -> None:
    secret = (await bootstrap(empty)).secret or ""
    now = empty.clock()
    messages = []
    for change in ({"expires_at": now}, {"expires_at": None, "revoked_at": now}):
        await empty.database["keys"].update_one({}, {"$set": change})
        with pytest.raises(Unauthenticated) as refused:
            await keys.authenticate(secret, empty.keys, now + timedelta(seconds=1))
        messages.append(refused.value.message)
    for text in ("", "lg_live_unknown", "x" * 10_000, "\ud800", secret.lower()):
        with pytest.raises(Unauthenticated) as refused:
            await keys.authenticate(text, empty.keys, now)
        messages.append(refused.value.message)
    assert len(set(messages)) == 1
