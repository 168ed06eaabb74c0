"""UTM parameters: taken out of a destination, put back at its end."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import utm
from domain.utm import Utm


@pytest.mark.parametrize(
    ("url", "rest", "values"),
    [
        ("https://e.example/?a=1", "https://e.example/?a=1", {}),
        ("https://e.example/?utm_source=x", "https://e.example/", {"source": "x"}),
        (
            "https://e.example/?a=%20+&utm_source=x&b#f?utm_term=n",
            "https://e.example/?a=%20+&b#f?utm_term=n",
            {"source": "x"},
        ),
        ("https://e.example/?utm_source=a+b%26&utm_source=c", "https://e.example/", {"source": "a b&"}),
        ("https://e.example/?utm%5Fmedium=m", "https://e.example/", {"medium": "m"}),
        ("https://e.example/?utm_source=&x", "https://e.example/?x", {}),
        ("https://e.example/?utm_id=7&UTM_source=x", "https://e.example/?utm_id=7&UTM_source=x", {}),
        ("https://e.example/?", "https://e.example/?", {}),
        ("https://e.example/#?utm_source=x", "https://e.example/#?utm_source=x", {}),
    ],
)
def test_takes_them_out_and_leaves_the_rest_byte_for_byte(
    url: str, rest: str, values: dict[str, str]
) -> None:
    assert utm.taken_from(url) == (rest, values)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://e.example/", "https://e.example/?utm_source=a%20b&utm_term=%C3%BC"),
        ("https://e.example/?x=1#f", "https://e.example/?x=1&utm_source=a%20b&utm_term=%C3%BC#f"),
        ("https://e.example/?#f", "https://e.example/?utm_source=a%20b&utm_term=%C3%BC#f"),
    ],
)
def test_adds_them_before_the_fragment(url: str, expected: str) -> None:
    assert utm.added_to(url, Utm(source="a b", term="ü")) == expected
    assert utm.added_to(url, Utm()) == url


@given(
    st.dictionaries(st.sampled_from(utm.NAMES), st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
)
def test_what_is_added_is_what_is_taken(values: dict[str, str]) -> None:
    added = utm.added_to("https://e.example/p?a=b#f", Utm(**values))
    assert utm.taken_from(added) == ("https://e.example/p?a=b#f", values)
    assert dict(parse_qsl(urlsplit(added).query)) == {"a": "b"} | {
        f"utm_{name}": text for name, text in values.items()
    }


def test_merges_field_by_field() -> None:
    current = Utm(source="s", medium="m")
    assert utm.merged(current, {"medium": None, "term": "t", "content": ""}) == Utm(source="s", term="t")
