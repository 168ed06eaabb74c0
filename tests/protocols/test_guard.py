"""The guard refuses by the name of a limit, however often fragments are spread."""

import pytest
from graphql import get_introspection_query, parse

from app.graphql import guard
from app.graphql.documents import Documents, Invalid
from app.graphql.guard import Limits
from domain.errors import QueryTooComplex
from tests.protocols import example


def documents(*, playground: bool = True, cache_bytes: int = 1_000_000) -> Documents:
    return Documents(example.schema._schema, playground=playground, cache_bytes=cache_bytes)


def nested(levels: int) -> str:
    return "{ items { nodes " + "{ items { nodes " * levels + "{ name }" + " } }" * levels + " } }"


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("{a" * 3_000 + "}" * 3_000, "depth"),
        (nested(15), "depth"),
        ("{ " + "hello " * 5_000 + "}", "tokens"),
        ("{ " + " ".join(f"a{n}: hello" for n in range(600)) + " }", "fields"),
        ("{ " + " ".join(f"a{n}: hello" for n in range(200)) + " }", "aliases"),
        ("{ " + "hello " * 1_000 + "}", "fields"),
        ("{ hello " + "@skip(if: false) " * 100 + "}", "directives"),
        ("query @a" + "@a" * 100 + " { hello }", "directives"),
        ("{ hello } " + " ".join(f"fragment F{n} on Query {{ hello }}" for n in range(60)), "fragments"),
        (" ".join(f"query Q{n} {{ hello }}" for n in range(30)), "operations"),
        (" ".join(f"query Q{n} {{ {'hello ' * 100} }}" for n in range(10)), "fields"),
        ("#\n" * 1_000 + "{ hello }", "comments"),
        ("{ hello " * 1 + "hello " * 80 + "}", "overlaps"),
        ("{ " + "items { nodes { name } } " * 60 + "}", "overlaps"),
        (
            "{ "
            + " ".join(f"...F{n}" for n in range(50))
            + " }"
            + " ".join(f"fragment F{n} on Query {{ items {{ nodes {{ name }} }} }}" for n in range(50)),
            "overlaps",
        ),
        ("{ hello } fragment F on Query { " + "items { nodes { name } } " * 60 + "}", "overlaps"),
        (
            (
                "{ ...F } fragment F on Query { items { nodes { ...G } } } fragment G on Item"
                " { a: items { nodes { ...G } } b: items { nodes { ...G } } c: items { nodes { ...G } } }"
            ),
            "overlaps",
        ),
        ("{ items(first: " + "9" * 5_000 + ") { nodes { name } } }", "digits"),
        ("{ hello }" + " " * 200_000, "characters"),
    ],
)
def test_each_limit_is_named(text: str, limit: str) -> None:
    """GQ-03: what is too large is refused, and the message says which limit it breaks."""
    with pytest.raises(QueryTooComplex, match=f"limit on {limit}:"):
        documents().read(text)


def test_fragments_that_multiply_are_measured_once() -> None:
    """GQ-03: forty fragments that each spread the next twice stand for 2⁴⁰ fields; measuring is linear."""
    text = (
        "{ ...F0 } "
        + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40))
        + " fragment F40 on Query { hello }"
    )
    with pytest.raises(QueryTooComplex, match="limit on fields: far more found, 500 allowed"):
        guard.check(parse(text), Limits())


def test_depth_is_counted_through_fragments() -> None:
    text = (
        "{ items { ...F0 } } "
        + " ".join(
            f"fragment F{n} on ItemConnection {{ nodes {{ items {{ ...F{n + 1} }} }} }}" for n in range(12)
        )
        + " fragment F12 on ItemConnection { nodes { name } }"
    )
    with pytest.raises(QueryTooComplex, match="limit on depth: 27 found, 20 allowed"):
        guard.check(parse(text), Limits())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "Cannot spread fragment 'A'"),
        ("{ ...A } fragment A on Query { hello ...A }", "Cannot spread fragment 'A' within itself"),
        ("{ ...Missing }", "Unknown fragment 'Missing'"),
        ("{ hello } fragment Unused on Query { hello }", "Fragment 'Unused' is never used"),
        ("{ found(by: {name: $undefined}) }", "Variable '$undefined' is not defined"),
        ("fragment F on Query { found(by: {name: $x}) } { ...F }", "Variable '$x' is not defined"),
        ("{ found(by: {}) }", "exactly one field"),
    ],
)
def test_broken_documents_get_clean_errors(text: str, message: str) -> None:
    """GQ-02: circular, undefined and unused fragments, undefined variables: clean errors, no KeyError."""
    with pytest.raises(Invalid) as raised:
        documents().read(text)
    assert message in str(raised.value)
    assert "KeyError" not in str(raised.value)


def test_a_text_is_read_once() -> None:
    kept = documents()
    assert kept.read("{ hello }") is kept.read("{ hello }")


def test_the_cache_is_bounded_by_bytes() -> None:
    kept = documents(cache_bytes=10_000)
    texts = [f"{{ hello(name: {n}) }}".replace(f"{n})", f'"{n}")') for n in range(10)]
    first = [kept.read(text) for text in texts]
    assert kept.read(texts[-1]) is first[-1]
    assert kept.read(texts[0]) is not first[0]
    assert len(kept._known) <= 3


def test_many_fragments_on_one_object_fit() -> None:
    """Relay gives each component a fragment of its own that asks for the id again."""
    text = "{ items { nodes { " + " ".join(f"...F{n}" for n in range(40)) + " } } } "
    text += " ".join(f"fragment F{n} on Item {{ name }}" for n in range(40))
    assert documents().read(text).operation(None).requested({}) == 51


def test_the_usual_introspection_fits() -> None:
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    assert documents().read(query).operation(None).public


def test_introspection_is_off_without_playground() -> None:
    """GQ-10: neither the schema nor suggestions are given away."""
    closed = documents(playground=False)
    with pytest.raises(Invalid, match="introspection is off"):
        closed.read("{ __schema { queryType { name } } }")
    with pytest.raises(Invalid, match="introspection is off"):
        closed.read('{ ...F } fragment F on Query { __type(name: "Item") { name } }')
    with pytest.raises(Invalid) as raised:
        closed.read("{ helo }")
    assert "Did you mean" not in str(raised.value)
    assert closed.read("{ __typename }").operation(None).public
