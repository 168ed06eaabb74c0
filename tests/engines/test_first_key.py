"""The first admin key survives a start that is cut short at any point."""

import secrets
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from app import connections, preparing
from app.settings import Settings
from domain import installations, keys
from domain.access import Scope, Viewer
from domain.keys import ApiKey
from storage.keys import MongoKeys


class CutShort(BaseException):
    """The process ends here."""


@pytest.fixture
async def fresh(settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """A database and a data directory without anything in them."""
    own = msgspec.structs.replace(
        settings,
        data_dir=tmp_path / "data",
        mongodb_database=f"{settings.mongodb_database}_{secrets.token_hex(4)}",
    )
    yield own
    async with connections.open(own, "supervisor") as opened:
        await opened.database.client.drop_database(own.mongodb_database)


async def viewer(settings: Settings, secret: str) -> Viewer:
    async with connections.open(settings, "supervisor") as opened:
        return await keys.authenticate(secret, MongoKeys(opened.database), opened.clock())


def files(settings: Settings) -> dict[str, str]:
    return {path.name: path.read_text().strip() for path in settings.data_dir.iterdir()}


async def test_the_key_is_in_its_file_and_works(fresh: Settings) -> None:
    words = await preparing.until_done(fresh)
    (name, secret) = next(iter(files(fresh).items()))
    assert words == f"{secret} (shown this once; kept in {fresh.data_dir / 'admin.key'})"
    assert (name, len(files(fresh))) == ("admin.key", 1)
    assert stat.S_IMODE((fresh.data_dir / "admin.key").stat().st_mode) == 0o600
    assert (await viewer(fresh, secret)).scopes == {Scope.ADMIN}
    assert await preparing.until_done(fresh) == f"in {fresh.data_dir / 'admin.key'}"


@pytest.mark.parametrize("stored", [False, True])
async def test_a_crash_around_the_storing_loses_no_key(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """Ended just before the key was stored, or just after: the next start goes on with the same secret."""
    add = MongoKeys.add

    async def cut_short(self: MongoKeys, workspace_id: str, key: ApiKey) -> bool:
        if stored:
            await add(self, workspace_id, key)
        raise CutShort

    with monkeypatch.context() as patched:
        patched.setattr(MongoKeys, "add", cut_short)
        with pytest.raises(CutShort):
            await preparing.until_done(fresh)
    left = files(fresh)
    assert list(left) == ["admin.new"]
    await preparing.until_done(fresh)
    assert files(fresh) == {"admin.key": left["admin.new"]}
    assert (await viewer(fresh, left["admin.new"])).scopes == {Scope.ADMIN}


async def test_who_was_slower_keeps_no_file(fresh: Settings, tmp_path: Path) -> None:
    """A start on another host makes the key between our proposal and our storing."""
    await preparing.until_done(msgspec.structs.replace(fresh, data_dir=tmp_path / "elsewhere"))
    fresh.data_dir.mkdir()
    (fresh.data_dir / "admin.new").write_text("lg_live_proposed\n")
    assert (await preparing.until_done(fresh)).startswith("made at an earlier start")
    assert files(fresh) == {}


async def test_a_folder_that_cannot_be_written_is_told(fresh: Settings) -> None:
    fresh.data_dir.write_text("a file where the folder should be")
    words = await preparing.until_done(fresh)
    secret = words.partition(" ")[0]
    assert f"write it down, {fresh.data_dir / 'admin.key'} cannot be written" in words
    assert (await viewer(fresh, secret)).workspace_id == installations.WORKSPACE_ID
