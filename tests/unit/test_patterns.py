"""Patterns: a sandbox of Liquid, and values that stay in their slot."""

import contextlib
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import ada_url
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain import patterns
from domain.patterns import Slot

URL = "https://app.example.com/a/{{ v }}/b-{{ v }}?x={{ v }}&fixed=1&y=p{{ v }}s#part-{{ v }}"
HOSTILE = st.one_of(
    st.text(min_size=1),
    st.text(st.sampled_from("./\\?#&=%;:@+ \r\n\t20fFeE2{}é\u202e\u2028"), min_size=1),
    st.sampled_from(
        [
            "../",
            "..",
            ".",
            "%2e%2e",
            "%2f",
            "//evil.example",
            "?a=b",
            "#x",
            "&fixed=2",
            "a\r\nLocation: x",
            "{{ v }}",
        ]
    ),
)

PIECES = [
    *(
        "{{",
        "}}",
        "{%",
        "%}",
        "{{-",
        "-%}",
        "|",
        ":",
        ",",
        ".",
        "..",
        "(",
        ")",
        "[",
        "]",
        "'",
        '"',
        "==",
        " ",
        "=",
        "#",
    ),
    *(
        "if ",
        "endif",
        "else",
        "elsif ",
        "unless ",
        "endunless",
        "case ",
        "when ",
        "endcase",
        "assign ",
        "comment",
    ),
    *(
        "endcomment",
        "raw",
        "endraw",
        "contains",
        "and ",
        "or ",
        "not ",
        "nil",
        "true",
        "empty",
        "blank",
        "for ",
        "in ",
    ),
    *(
        "v",
        "w.x",
        "self",
        "1",
        "-1",
        "2.5",
        "size",
        "first",
        "append",
        "split",
        "date",
        "slice",
        "truncate",
        "default",
    ),
    *("https://e.com/", "?a=", "&", "/", "\\", "é", "%", "{", "}"),
]


def printed(source: str, slot: Slot = Slot.TEXT, **values: Any) -> str:
    """A pattern with values."""
    return patterns.rendered(source, slot, values)


@given(HOSTILE.filter(lambda text: not any("\ud800" <= character <= "\udfff" for character in text)))
@example("../../admin")
@example("%2e%2e%2f")
@example("a&fixed=2#frag")
@example("x\r\nSet-Cookie: a=b")
@example("//evil.example/")
@example("\\evil")
@example("ünï/cödé")
def test_a_value_never_leaves_its_slot(value: str) -> None:
    """Whatever it holds: host, path depth, the other parameters and the fragment's place stay."""
    try:
        url = printed(URL, Slot.URL, v=value)
    except patterns.Unfit:
        assert value in {".", ".."}
        return
    read = ada_url.URL(url)
    assert (read.protocol, read.host, read.username, read.password) == ("https:", "app.example.com", "", "")
    segments = read.pathname.split("/")
    assert [segments[0], segments[1], unquote(segments[2]), unquote(segments[3])] == [
        "",
        "a",
        value,
        f"b-{value}",
    ]
    assert len(segments) == 4
    assert parse_qsl(urlsplit(str(read.href)).query, keep_blank_values=True) == [
        ("x", value),
        ("fixed", "1"),
        ("y", f"p{value}s"),
    ]
    assert unquote(read.hash) == f"#part-{value}"


@given(HOSTILE)
def test_a_slug_holds_only_what_slugs_may_hold(value: str) -> None:
    slug = printed("x-{{ v }}", Slot.SLUG, v=value)
    assert not set(slug) & set("/?#&%\\: \r\n\t@=;+")


@pytest.mark.parametrize(
    "source",
    [
        "https://{{ v }}.example.com/",
        "https://example.com{{ v }}",
        "https://example.com:{{ v }}/",
        "https://{{ v }}@example.com/",
        "{{ v }}://example.com/",
        "{{ v }}",
        "{% if v %}https://a.example/{% endif %}",
        "https://example.com\\{{ v }}/",
    ],
)
def test_scheme_and_host_are_written_out(source: str) -> None:
    with pytest.raises(patterns.Unfit, match="must start with its scheme and host written out"):
        patterns.check(source, Slot.URL)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("https://e.com/{{ v }}/x", ""),
        ("https://e.com/{{ v }}/x", ".."),
        ("https://e.com/.{{ v }}/x", "."),
        ("https://e.com/%2E{{ v }}/x", "."),
        ("https://e.com/?{{ v }}=1", "a"),
        ("https://e.com/?a=1&{{ v }}", "a"),
        ("https://e.com/?x{{ v }}=1", "a"),
    ],
)
def test_refuses_values_where_none_may_stand(source: str, value: str) -> None:
    with pytest.raises(patterns.Unfit):
        printed(source, Slot.URL, v=value)


@pytest.mark.parametrize(
    "source",
    [
        "{% include 'x' %}",
        "{% render 'x' %}",
        "{% for x in v %}{{ x }}{% endfor %}",
        "{% tablerow x in v %}{% endtablerow %}",
        "{% capture x %}a{% endcapture %}",
        "{% liquid\necho v %}",
        "{% echo v %}",
        "{% increment v %}",
        "{{ v | url_decode }}",
        "{{ v | base64_decode }}",
        "{{ v | nonsense }}",
        "{% if (1..1000000000) contains v %}x{% endif %}",
        "{{ (1..3) | size }}",
        "{{ v",
        "{% if v %}",
        "{{ v[w] }}",
        "{{ v.__class__.__mro__[1] }}",
        "a\ue000b",
        "a\u202eb",
        "x" * 2_049,
        "{% if v %}" * 31 + "{% endif %}" * 31,
        "{{ v" + "[v" * 600 + "]" * 600 + " }}",
    ],
)
def test_the_sandbox_refuses(source: str) -> None:
    """What reads files, loops, grows, decodes, or is no Liquid."""
    with pytest.raises(patterns.Unfit):
        patterns.check(source, Slot.TEXT)


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        ("{{ v | downcase }}-{{ v | upcase }}", {"v": "Ab"}, "ab-AB"),
        ("{{ v | slugify }}", {"v": "Café & Co, Zürich"}, "cafe-co-zurich"),
        ("{{ v | split: ' ' | first }}", {"v": "Ada Lovelace"}, "Ada"),
        ("{{ v | default: 'none' }}", {"v": None}, "none"),
        ("{{ v | date: '%Y-%m %B' }}", {"v": date(2026, 5, 31)}, "2026-05 May"),
        ("{{ v }}", {"v": date(2026, 5, 31)}, "2026-05-31"),
        ("{{ v }}{% if v %}!{% endif %}", {"v": False}, "false"),
        ("{{ v | plus: 1 | times: 2 }}", {"v": 3}, "8"),
        ("{% if v == 'pro' %}a{% elsif v contains 'x' %}b{% else %}c{% endif %}", {"v": "xy"}, "b"),
        ("{% case v %}{% when 1 %}one{% else %}more{% endcase %}", {"v": 1}, "one"),
        ("{% unless v %}x{% endunless %}{% assign w = v | append: '!' %}{{ w }}", {"v": "a"}, "a!"),
        ("{{ v.w.x | replace: 'a', 'bb' | truncate: 5, '' }}", {"v": {"w": {"x": "aaaa"}}}, "bbbbb"),
        ("{% raw %}{{ v }}{% endraw %}{% comment %}{{ z }}{% endcomment %}", {}, "{{ v }}"),
    ],
)
def test_prints_liquid(source: str, values: Mapping[str, Any], expected: str) -> None:
    patterns.check(source, Slot.TEXT)
    assert printed(source, **values) == expected


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{% assign y = v %}" + "{% assign y = y | append: y %}" * 60 + "{{ y }}", "abc"),
        ("{{ v | replace: '', v | replace: '', v | replace: '', v }}", "a" * 1_000),
        ("{{ v | times: v | times: v | times: v }}", 2**53 - 1),
        ("{{ v | times: 9 }}", "1e999999999"),
        ("{{ v }}" * 9, "a" * 1_000),
        ("{{ v | divided_by: 0 }}", 1),
        ("{{ v | date: '%999999999d' }}", date(2026, 1, 1)),
        ("{{ v | date: '%Y' }}", "2026-01-01"),
        ("{{ v.w }}", "a"),
        ("{{ v | truncate: w }}", "a"),
    ],
)
def test_what_grows_or_cannot_be_worked_out_is_refused(source: str, value: object) -> None:
    with pytest.raises(patterns.Unfit):
        printed(source, v=value)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.sampled_from(Slot))
@example("{{ self }}", Slot.TEXT)
@example("{{" * 500, Slot.TEXT)
@example("{% if " + "v or " * 390 + "v %}x{% endif %}", Slot.TEXT)
@example("{{ v" + "|size" * 400 + " }}", Slot.TEXT)
def test_every_text_is_a_pattern_or_refused(source: str, slot: Slot) -> None:
    """Whatever an author types, and whatever variables it uses: printed or Unfit, nothing else."""
    with contextlib.suppress(patterns.Unfit):
        names = patterns.check(source, slot)
        text = patterns.rendered(source, slot, dict.fromkeys(names, "a b"))
        assert len(text) <= patterns.LONGEST_RESULT


def test_names_the_variables_that_are_used() -> None:
    source = "{% assign z = a.b %}{{ z }}{{ c | append: d }}{% if e == 'x' %}{{ a.b }}{% endif %}{{ f-g }}"
    assert patterns.check(source, Slot.TEXT) == ("a.b", "c", "d", "e", "f-g")


def test_a_filter_that_stumbles_over_a_value_is_told() -> None:
    """T2: libraries let Python's own errors out; they are the pattern's, not ours."""
    with pytest.raises(patterns.Unfit, match="a filter that cannot work"):
        patterns.rendered("https://example.com/?x={{ n | modulo: 2 }}", Slot.URL, {"n": "inf"})
