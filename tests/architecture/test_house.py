"""The house rules of CONTRIBUTING.md that a machine can check."""

import ast
import importlib.util
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("domain", "storage", "schema", "resolvers", "redirect", "subscriptions", "delivery", "app")
FORBIDDEN_MODULES = {"utils", "helpers", "common", "misc", "base", "manager"}
FORBIDDEN_SUFFIXES = ("Service", "Manager", "Impl", "Interface", "Helper")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines_of(path: Path) -> int:
    return path.read_text().count("\n")


def functions(paths: list[Path]) -> Iterator[tuple[Path, Function]]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, Function):
                yield path, node


def size_of(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_top_level_name_resolves_inside_this_repository(folder: str) -> None:
    """Names such as `schema` also exist on PyPI: an installed one must never win."""
    spec = importlib.util.find_spec(folder)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_files_stay_small() -> None:
    sizes = {path: lines_of(path) for path in SOURCES}
    assert {str(path): size for path, size in sizes.items() if size > 400} == {}
    assert {str(path): lines_of(path) for path in TESTS if lines_of(path) > 600} == {}
    assert statistics.quantiles(sizes.values(), n=10)[-1] <= 250


def test_functions_stay_small() -> None:
    sizes = {f"{path}:{node.lineno} {node.name}": size_of(node) for path, node in functions(SOURCES)}
    assert {name: size for name, size in sizes.items() if size > 50} == {}
    assert statistics.median(sizes.values()) <= 10
    assert statistics.quantiles(sizes.values(), n=10)[-1] <= 30


def test_names_are_the_fields_own() -> None:
    assert [str(path) for path in SOURCES if path.stem in FORBIDDEN_MODULES] == []
    classes = [
        node.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    assert [name for name in classes if name.endswith(FORBIDDEN_SUFFIXES)] == []


def test_each_module_says_what_lives_there() -> None:
    assert [str(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_each_public_function_has_a_docstring() -> None:
    """Overrides of a library's own methods and the fields of a Strawberry type are described elsewhere."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        if path.parent.name in {"domain", "storage"}
        for node in public_functions(path)
        if not ast.get_docstring(node)
    ]
    assert silent == []


def public_functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text())
    for node in tree.body:
        members = [node, *(node.body if isinstance(node, ast.ClassDef) and node.name[0] != "_" else [])]
        for member in members:
            if isinstance(member, Function) and not member.name.startswith("_"):
                yield member


def test_each_test_asserts_something() -> None:
    def asserts(function: Function) -> bool:
        source = ast.dump(function)
        return any(sign in source for sign in ("Assert(", "'raises'", "assert_", "'expect"))

    tests = [(path, node) for path, node in functions(TESTS) if node.name.startswith("test_")]
    assert [f"{path.name}:{node.lineno} {node.name}" for path, node in tests if not asserts(node)] == []


def test_stores_ask_for_the_workspace_first() -> None:
    """Tenant scope is in the signature; the exceptions are the crossings where no workspace is known yet."""
    public_reads = {
        "by_slug",  # a visitor names a host and a slug
        "by_hash",  # a key is what names the workspace
    }
    unscoped = [
        f"{path.name}:{node.lineno} {owner.name}.{node.name}"
        for path in sorted((ROOT / "storage").glob("*.py"))
        for owner in ast.parse(path.read_text()).body
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, Function)
        if node.name in {"add", "add_many", "by_id", "by_ids", "page", "update", "remove", "count"}
        if node.name not in public_reads
        if [argument.arg for argument in node.args.args[1:2]] != ["workspace_id"]
    ]
    assert unscoped == []


def test_no_lock_names_a_registry() -> None:
    locks = [
        *(ROOT / "requirements").glob("*.txt"),
        *(ROOT / "tests").glob("*/clients/package-lock.json"),
    ]
    assert len(locks) == 4
    assert [lock.name for lock in locks if re.search(r"https?://", lock.read_text())] == []


def test_every_setting_is_documented() -> None:
    from app.settings import Settings

    example = (ROOT / ".env.example").read_text()
    documented = set(re.findall(r"^#?\s*(LINKGRAPH_[A-Z_]+)=", example, re.MULTILINE))
    assert documented == {f"LINKGRAPH_{name.upper()}" for name in Settings.__struct_fields__}


def test_every_operation_has_a_test() -> None:
    """Each root field of the graph is used in at least one test of tests/api, subscriptions or protocols."""
    from graphql import build_schema

    schema = build_schema((ROOT / "schema" / "schema.graphql").read_text())
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    names = {name for root in roots if root is not None for name in root.fields}
    texts = "\n".join(path.read_text() for path in TESTS if path.parent.name in {"api", "subscriptions"})
    assert {name for name in names if not re.search(rf"\b{name}\b", texts)} == set()
