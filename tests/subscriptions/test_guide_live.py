"""The guide's page about live feeds runs as it stands."""

from pathlib import Path

import pytest

from domain import journals
from domain.access import Scope
from domain.visits import Belonging
from storage.ledgers import Ledger
from tests.api.test_guide import ROOT, examples
from tests.delivery.workers import visit
from tests.subscriptions.readers import commit
from tests.subscriptions.test_shared_execution import Site, site

__all__ = ["site"]

PAGE: Path = ROOT / "docs" / "guide" / "live.md"


@pytest.mark.parametrize("number", range(len(examples(PAGE))))
async def test_a_subscription_of_the_page_runs(site: Site, ledger: Ledger, number: int) -> None:
    """RT-12: it begins with a cursor, is told what it wants, and goes on from where it was."""
    document, variables = examples(PAGE)[number]
    key = await site.key(Scope.ANALYTICS_READ)
    wanted = visit(country="DE", belonging=journals.belonging(Belonging(None, None, (("owner", "kim"),))))
    async with site.viewing(key, document, **variables) as viewer:
        assert viewer.frames[0]["data"]["clicks"]["clicks"] == []
        cursor = viewer.cursor
        (click,) = await commit(site.opened, ledger, [wanted])
        (seen,) = (await viewer.next())["payload"]["data"]["clicks"]["clicks"]
        assert seen["linkId"] == click.link_id
    async with site.viewing(key, document, **variables, after=cursor) as resumed:
        assert resumed.frames[0]["data"]["clicks"]["clicks"] == [seen]
