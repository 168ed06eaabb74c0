"""The command line and its settings: the same names everywhere, and errors that say what would be right."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from app.__main__ import _commands
from app.settings import Misconfigured, Settings
from tests.application import free_port

ROOT = Path(__file__).resolve().parents[2]
INTERNAL = {"number", "parent", "fd", "help"}
ISSUE = {
    "data_dir", "api_port", "redirect_port", "host", "api_processes", "redirect_processes", "short_url",
}  # fmt: skip


def options(command: str) -> dict[str, str]:
    """Parameter name -> option of a command."""
    group = typer.main.get_group(_commands)
    return {
        parameter.name or "": parameter.opts[0]
        for parameter in group.commands[command].params
        if parameter.name not in INTERNAL
    }


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LINKGRAPH_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["serve", "api", "redirect", "worker", "jobs"])
def test_every_option_is_a_setting_of_the_same_name(command: str) -> None:
    found = options(command)
    assert set(found) <= set(Settings.__struct_fields__)
    assert all(option == f"--{name.replace('_', '-')}" for name, option in found.items())


def test_serve_has_the_options_that_were_promised() -> None:
    assert set(options("serve")) >= ISSUE


def test_settings_survive_the_way_through_an_environment() -> None:
    settings = Settings(playground=True, mongodb_url="mongodb://db/?replicaSet=x", geoip_db=Path("/geo.mmdb"))
    assert Settings.from_env(settings.to_env()) == settings


def test_an_option_wins_over_the_environment() -> None:
    assert Settings.from_env({"LINKGRAPH_API_PORT": "9000"}, api_port=9001).api_port == 9001


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("API_PORT", "http", "LINKGRAPH_API_PORT (--api-port) cannot be 'http': expected `int`"),
        ("API_PORT", "70000", "cannot be '70000': expected `int` <= 65535"),
        ("WORKER_PROCESSES", "0", "LINKGRAPH_WORKER_PROCESSES (--worker-processes) cannot be '0'"),
        ("COST_RESTORE_PER_SECOND", "0", "(--cost-restore-per-second) cannot be '0': expected `int` >= 1"),
        ("PLAYGROUND", "perhaps", "LINKGRAPH_PLAYGROUND (--playground) cannot be 'perhaps'"),
        (
            "SHORT_URL",
            "go.example.com",
            "LINKGRAPH_SHORT_URL (--short-url) cannot be 'go.example.com': expected",
        ),
        ("MONGODB_DATABASE", "a.b", "LINKGRAPH_MONGODB_DATABASE (--mongodb-database) cannot be 'a.b'"),
    ],
)
def test_a_setting_that_cannot_be_names_itself(name: str, value: str, words: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Settings.from_env({f"LINKGRAPH_{name}": value})
    assert words in str(caught.value)


@pytest.mark.parametrize("role", ["api", "redirect", "worker", "jobs"])
def test_a_role_alone_needs_engines(role: str) -> None:
    """OP-02: exit code 78 (EX_CONFIG) tells a supervisor that starting again cannot help."""
    ended = run("-m", "app", role)
    assert ended.returncode == 78
    assert f"The role '{role}' alone needs LINKGRAPH_MONGODB_URL and LINKGRAPH_REDIS_URL" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_redirect_process_never_loads_the_graph() -> None:
    """Nothing of GraphQL: a redirect stays small and starts quickly."""
    ended = run(
        "-c",
        "import sys, app.__main__, app.redirecting\n"
        "heavy = {'strawberry', 'graphql', 'starlette', 'schema', 'resolvers'}\n"
        "print(sorted(heavy & set(sys.modules)))",
    )
    assert ended.stdout.strip() == "[]", ended.stderr


def test_the_playground_is_off_unless_serve_turns_it_on() -> None:
    """GQ-10: a role alone is for production."""
    assert Settings.from_env({}).playground is False


def test_a_wrong_url_is_named_and_its_password_is_not() -> None:
    """OP-02: what cannot heal ends with code 78 instead of being tried for ever."""
    with pytest.raises(Misconfigured) as caught:
        Settings.from_env({"LINKGRAPH_MONGODB_URL": "postgres://user:secret@db/"})
    assert "LINKGRAPH_MONGODB_URL (--mongodb-url) cannot be what it is" in str(caught.value)
    assert "secret" not in str(caught.value)
    engines = {"LINKGRAPH_MONGODB_URL": "mongodb://a:port/", "LINKGRAPH_REDIS_URL": "redis://a"}
    for role in ("api", "redirect", "worker", "jobs"):
        ended = run("-m", "app", role, f"--{role}-port", str(free_port()), **engines)
        assert (ended.returncode, "Traceback" in ended.stderr) == (78, False), ended.stderr
        assert "LINKGRAPH_MONGODB_URL or LINKGRAPH_REDIS_URL cannot be used" in ended.stderr
