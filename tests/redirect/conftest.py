"""The redirect that the tests of this folder visit."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from app import services
from app.settings import Settings
from tests.api.conftest import Api, workspace
from tests.redirect.decisions import CITIES
from tests.redirect.sites import Site, serving_site


@pytest.fixture(scope="session")
async def site(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A redirect that all tests of this folder share; each test makes links of its own."""
    own = msgspec.structs.replace(
        settings, data_dir=tmp_path_factory.mktemp("site"), trusted_proxies="127.0.0.2/32, 10.0.0.0/8"
    )
    async with serving_site(own) as serving_one:
        yield serving_one


@pytest.fixture(scope="session")
async def proxied(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a geo database, whose redirect believes forwarding headers."""
    return msgspec.structs.replace(
        settings,
        data_dir=tmp_path_factory.mktemp("ruled"),
        trusted_proxies="127.0.0.1",
        geoip_db=CITIES if CITIES.exists() else None,
    )


@pytest.fixture(scope="session")
async def ruled(proxied: Settings) -> AsyncIterator[Site]:
    """A redirect of its own."""
    async with serving_site(proxied) as site:
        yield site


@pytest.fixture(scope="session")
async def caller(proxied: Settings) -> AsyncIterator[Api]:
    """The API of a workspace whose links the redirect serves."""
    async with services.open(proxied, "api") as opened:
        yield await workspace(opened)
