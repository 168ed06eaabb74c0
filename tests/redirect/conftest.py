"""The redirect that the tests of this folder visit."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from app.settings import Settings
from tests.redirect.sites import Site, serving_site


@pytest.fixture(scope="session")
async def site(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A redirect that all tests of this folder share; each test makes links of its own."""
    own = msgspec.structs.replace(
        settings, data_dir=tmp_path_factory.mktemp("site"), trusted_proxies="127.0.0.2/32, 10.0.0.0/8"
    )
    async with serving_site(own) as serving_one:
        yield serving_one
