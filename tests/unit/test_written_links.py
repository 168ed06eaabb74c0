"""Rows of files that are links written out: every field by its name and type, from JSON and from cells."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import drafts, grammar, written_links
from domain.drafts import Draft
from domain.errors import Rejected, UserError
from domain.utm import Utm
from schema.link_inputs import CreateLinkInput


def problems(row: dict[str, Any]) -> dict[tuple[str, ...], str]:
    with pytest.raises(Rejected) as rejected:
        written_links.draft(row)
    return {error.field: error.message for error in rejected.value.errors}


def test_a_row_has_the_fields_of_create_link() -> None:
    from strawberry.utils.str_converters import to_camel_case

    fields = {to_camel_case(name) for name in CreateLinkInput.__annotations__}
    assert set(written_links.NAMES_OF_FIELDS) == fields


def test_json_is_taken_as_it_is() -> None:
    row = {
        "destination": "https://example.com/",
        "tags": ["a"],
        "attributes": {"plan": {"name": "trial"}},
        "utm": {"source": "mail", "term": None},
        "variants": [{"key": "a", "destination": "https://example.com/a"}],
        "rules": [{"name": "uk", "when": {"country": ["GB"]}, "block": True}],
        "redirectCode": 301,
        "forwardQuery": True,
        "title": None,
    }
    assert written_links.draft(row) == Draft(
        destination="https://example.com/",
        tags=["a"],
        attributes={"plan": {"name": "trial"}},
        utm={"source": "mail", "term": None},
        variants=[{"key": "a", "destination": "https://example.com/a", "weight": 1}],
        rules=[
            {"name": "uk", "when": {"country": ["GB"]}, "destination": None, "variants": [], "block": True}
        ],
        redirect_code=301,
        forward_query=True,
        title=None,
    )


def test_every_field_of_another_type_is_named() -> None:
    found = problems(
        {
            "destination": 5,
            "tags": "a,b",
            "attributes": [],
            "utm": {"sauce": "x"},
            "rules": [{"name": "uk"}],
            "variants": [{"key": "a"}],
            "redirectCode": "301",
            "forwardQuery": 1,
            "colour": "red",
        }
    )
    assert found.pop(("colour",)).startswith("There is no field 'colour'; a link has destination, domain,")
    assert found == {
        ("destination",): "The destination is not a text.",
        ("tags",): "The tags is not a list of texts.",
        ("attributes",): "The attributes is not a JSON object.",
        ("utm",): "The utm is not an object of texts: source, medium, campaign, term and content.",
        ("rules",): "The rules is not a list of rules as createLink takes them.",
        ("variants",): "The variants is not a list of variants as createLink takes them.",
        ("redirect_code",): "The redirectCode is not a whole number.",
        ("forward_query",): "The forwardQuery is not true or false.",
    }


def test_cells_are_texts_that_mean_more() -> None:
    cells = {
        "destination": "https://example.com/?a=1,2",
        "tags": "a | b, c",
        "utm_source": "mail",
        "utm.medium": "email",
        "attributes": '{"plan":"trial","seats":3}',
        "attributes.segment": "smb",
        "redirectCode": "301",
        "forwardQuery": "TRUE",
        "rules": '[{"name":"uk","when":{"country":["GB"]},"block":true}]',
    }
    assert written_links.from_cells(cells) == {
        "destination": "https://example.com/?a=1,2",
        "tags": ["a", "b", "c"],
        "utm": {"source": "mail", "medium": "email"},
        "attributes": {"plan": "trial", "seats": 3, "segment": "smb"},
        "redirectCode": 301,
        "forwardQuery": True,
        "rules": [{"name": "uk", "when": {"country": ["GB"]}, "block": True}],
    }


def test_a_cell_that_cannot_be_read_is_named_as_its_field() -> None:
    cells = {"redirectCode": "soon", "attributes": "{", "utm_colour": "red"}
    found = problems(written_links.from_cells(cells))
    assert set(found) == {("redirect_code",), ("attributes",), ("utm_colour",), ("destination",)}


def test_cells_of_attributes_join_a_templates_row() -> None:
    row = {"customer.plan": "trial", "attributes.segment": "smb", "attributes.size": "9"}
    assert written_links.with_attributes(row) == {
        "customer.plan": "trial",
        "attributes": {"segment": "smb", "size": "9"},
    }
    assert msgspec.json.encode(written_links.with_attributes({"a": "b"})) == b'{"a":"b"}'


def test_a_link_with_a_password_is_not_made_from_a_file() -> None:
    """Without it, it would be open to everybody; and rows are kept for weeks."""
    row = {"destination": "https://example.com/", "password": "…"}
    assert problems(row) == {
        ("password",): "Passwords are not taken from rows; make this link with createLink."
    }


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
CONDITIONS = st.dictionaries(st.sampled_from([*grammar.KINDS, "colour"]), VALUES, max_size=2)
RULES = st.fixed_dictionaries({"name": st.text(max_size=5), "when": CONDITIONS, "block": st.booleans()})


@settings(max_examples=500, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*written_links.NAMES_OF_FIELDS, "colour"]), VALUES, max_size=2),
    st.lists(RULES, max_size=2),
)
def test_whatever_a_row_holds_it_is_a_link_or_refused(row: dict[str, Any], rules: list[Any]) -> None:
    """GQ-13, GQ-15: a fault in one row would end the job of all of them."""
    asked = {"destination": "https://example.com/", "rules": rules, **row}
    kept = msgspec.json.decode(msgspec.json.encode(asked))
    refused: tuple[UserError, ...] = ()
    try:
        values = drafts.checked(written_links.draft(kept), ("go.example",), Utm())
    except Rejected as rejected:
        refused, values = rejected.errors, {"destination": "https://"}
    assert all(error.message and error.field for error in refused)
    assert values["destination"].startswith("http")
