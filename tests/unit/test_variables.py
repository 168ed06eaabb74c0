"""Variables: typed values, defaults, what is missing and what is wrong."""

from datetime import date
from typing import Any

import pytest

from domain import variables
from domain.errors import Rejected
from domain.variables import Variable, VariableType


def value(kind: str, given: object, **fields: Any) -> Any:
    """A value of a type."""
    return variables.typed(Variable(name="v", type=VariableType(kind), **fields), given)


def refused(given: object, *every: Variable) -> list[tuple[str, tuple[str, ...]]]:
    """Codes and paths of what is refused."""
    with pytest.raises(Rejected) as rejected:
        variables.resolved(every, given)
    return [(error.code.value, error.field) for error in rejected.value.errors]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("STRING", "a\r\nb", "a\r\nb"),
        ("STRING", 42, "42"),
        ("STRING", 1.5, "1.5"),
        ("INTEGER", "42", 42),
        ("INTEGER", 42.0, 42),
        ("INTEGER", -(2**53) + 1, -(2**53) + 1),
        ("NUMBER", "19.90", 19.9),
        ("NUMBER", 3, 3),
        ("BOOLEAN", "TRUE", True),
        ("BOOLEAN", False, False),
        ("DATE", "2026-05-31", date(2026, 5, 31)),
        ("DATE", "2026-05-31T23:30:00-02:00", date(2026, 6, 1)),
        ("URL", "HTTPS://Example.com/a b", "https://example.com/a%20b"),
        ("EMAIL", " ada@example.com ", "ada@example.com"),
    ],
)
def test_takes_values_of_a_type(kind: str, given: object, expected: object) -> None:
    taken = value(kind, given)
    assert (taken, type(taken)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("STRING", True),
        ("STRING", ["a"]),
        ("STRING", {"$gt": ""}),
        ("STRING", "a\u202eb"),
        ("STRING", "\ud800"),
        ("STRING", "x" * 1_001),
        ("STRING", 10**400),
        ("STRING", float("nan")),
        ("INTEGER", 10**400),
        ("BOOLEAN", 10**400),
        ("INTEGER", "1.5"),
        ("INTEGER", "٣"),
        ("INTEGER", True),
        ("INTEGER", 2**53),
        ("INTEGER", "1e5"),
        ("NUMBER", "nan"),
        ("NUMBER", float("inf")),
        ("NUMBER", "1e400"),
        ("BOOLEAN", "yes"),
        ("BOOLEAN", 1),
        ("DATE", "2026-02-30"),
        ("DATE", "31.05.2026"),
        ("DATE", 20260531),
        ("URL", "javascript:alert(1)"),
        ("URL", "https://good.com\\@evil.com"),
        ("EMAIL", "ada@localhost"),
        ("EMAIL", "ada@example.com\r\nBcc: x@example.com"),
    ],
)
def test_refuses_values_of_another_type(kind: str, given: object) -> None:
    """GQ-13, GQ-15, LK-01, LK-02."""
    with pytest.raises(Rejected) as rejected:
        value(kind, given)
    assert [(error.code.value, error.field) for error in rejected.value.errors] == [
        ("INVALID", ("variables", "v"))
    ]
    assert rejected.value.errors[0].message.startswith("The variable v ")


def test_names_every_variable_that_is_missing_or_wrong() -> None:
    every = (
        Variable(name="customer.first_name", required=True),
        Variable(name="customer.plan", required=True, allowed=("free", "pro")),
        Variable(name="age", type=VariableType.INTEGER),
        Variable(name="note"),
        Variable(name="size", required=True, default="m"),
    )
    given = {"customer": {"plan": "gold", "first_name": ""}, "age": "old", "other": 1}
    assert refused(given, *every) == [
        ("MISSING_VARIABLE", ("variables", "customer.first_name")),
        ("NOT_ALLOWED", ("variables", "customer.plan")),
        ("INVALID", ("variables", "age")),
    ]
    good = {"customer.first_name": "Ada", "customer": {"plan": "pro"}, "age": "36"}
    assert variables.resolved(every, good) == {
        "customer": {"first_name": "Ada", "plan": "pro"},
        "age": 36,
        "note": None,
        "size": "m",
    }


@pytest.mark.parametrize("given", [None, [], "a", 5])
def test_variables_are_an_object(given: object) -> None:
    assert refused(given, Variable(name="v")) == [("INVALID", ("variables",))]


def test_a_number_too_long_to_be_printed_is_refused() -> None:
    """GQ-15: JSON can hold integers that Python does not turn into text."""
    for kind in VariableType:
        with pytest.raises(Rejected):
            value(kind, 10**5_000)
