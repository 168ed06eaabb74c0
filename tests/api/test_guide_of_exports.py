"""The guide to exports runs as it stands, one document after the other."""

import re
from typing import Any

import msgspec

from tests.api.conftest import Api
from tests.api.test_clicks import follow_up
from tests.api.test_guide import ROOT, examples
from tests.bulk import work_off
from tests.delivery.workers import visit


async def test_the_exports_page_runs(api: Api) -> None:
    """The id of the job that was begun last takes the place of "job_…"."""
    await follow_up(api, [visit(tags=("spring",)), visit()])
    job_id, answers = "", {}
    for document, variables in examples(ROOT / "docs" / "guide" / "exports.md"):
        given = msgspec.json.encode(variables).replace("job_…".encode(), job_id.encode())
        answer: Any = await api(document, **msgspec.json.decode(given))
        answers[re.findall(r"^\w+ (\w+)", document)[0]] = answer
        payload = answer.get("exportClicks") or answer.get("updateWorkspace") or {"userErrors": []}
        assert payload["userErrors"] == []
        if payload.get("bulkJob"):
            job_id = payload["bulkJob"]["id"]
            await work_off(api.services)
    assert answers.keys() == {"Export", "Ready", "Counts", "Keep"}
    ready = answers["Ready"]["bulkJob"]
    assert (ready["state"], ready["done"], ready["userErrors"]) == ("SUCCEEDED", 1, [])
    assert ready["resultsUrl"].startswith("https://api.example/exports/job_")
    assert answers["Keep"]["updateWorkspace"]["workspace"]["clickRetentionDays"] == 790
