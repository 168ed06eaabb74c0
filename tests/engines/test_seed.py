"""`python -m app seed`: links and clicks for a demo, through the ordinary journal and ledger."""

import asyncio
import os
import sys
from pathlib import Path

import httpx

from app.settings import Settings
from domain import installations
from tests.application import ROOT, running

COUNTED = """{
  links(first: 250) { nodes { title campaign { name } stats { clicks bots lastClickAt } } }
  campaigns { nodes { name } }
  templates { nodes { name } }
}"""


async def seed(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    """Exit code and output of the command."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LINKGRAPH_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "seed", *arguments),
        cwd=ROOT,
        env=clean | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_running_product_is_filled_and_every_click_is_counted(tmp_path: Path) -> None:
    """Engines that `serve` has started are used; its worker may ship the journal, or the command itself."""
    async with running(tmp_path) as application, httpx.AsyncClient(timeout=30) as client:
        data_dir = str(application.data_dir)
        code, out, err = await seed("--clicks", "3000", "--links", "40", "--data-dir", data_dir)
        assert code == 0, err
        assert "40 links in ws_" in out
        assert "3,000 clicks of 30 days in the ledger" in out
        found = await application.graphql(client, COUNTED)
        stats = [link["stats"] for link in found["links"]["nodes"]]
        assert len(stats) == 40
        humans, bots = (sum(each[name] for each in stats) for name in ("clicks", "bots"))
        listed = {}
        for kind in ("HUMAN", "BOT", "PREFETCH", "PREVIEW", "HEAD"):
            page = f"{{ clicks(filter: {{ kinds: [{kind}] }}) {{ totalCount {{ value }} }} }}"
            listed[kind] = (await application.graphql(client, page))["clicks"]["totalCount"]["value"]
        assert sum(listed.values()) == 3_000
        assert (humans, bots) == (listed["HUMAN"], listed["BOT"])
        assert {each["name"] for each in found["campaigns"]["nodes"]} == {
            "Spring launch", "Autumn webinar", "Refer a friend",
        }  # fmt: skip
        assert [each["name"] for each in found["templates"]["nodes"]] == ["Welcome"]


async def test_a_workspace_that_does_not_exist_is_refused(settings: Settings, tmp_path: Path) -> None:
    environment = settings.to_env() | {"LINKGRAPH_DATA_DIR": str(tmp_path)}
    nobodys = installations.WORKSPACE_ID[:-1] + "1"
    code, _, err = await seed("--clicks", "10", "--workspace", nobodys, **environment)
    assert code == 1
    assert f"There is no workspace {nobodys}." in err
    assert "Traceback" not in err
    assert not (tmp_path / "journals").exists()
