"""Money: exact amounts with the decimals of their currency."""

import pytest

from domain import money
from domain.errors import Rejected


@pytest.mark.parametrize(
    ("amount", "currency", "minor_units", "shown"),
    [
        ("19.9", "EUR", 1_990, "19.90"),
        ("0", "usd", 0, "0.00"),
        ("1500", "JPY", 1_500, "1500"),
        ("1.5", "KWD", 1_500, "1.500"),
        ("2.500000", "GBP", 250, "2.50"),
        ("9999999999999.99", "EUR", 999_999_999_999_999, "9999999999999.99"),
    ],
)
def test_keeps_minor_units(amount: str, currency: str, minor_units: int, shown: str) -> None:
    kept = money.checked(amount, currency)
    assert (kept.minor_units, kept.currency, kept.amount) == (minor_units, currency.upper(), shown)


@pytest.mark.parametrize(
    ("amount", "currency", "field"),
    [
        ("19.999", "EUR", "amount"),
        ("1.5", "JPY", "amount"),
        ("-1", "EUR", "amount"),
        ("1e3", "EUR", "amount"),
        ("NaN", "EUR", "amount"),
        ("١", "EUR", "amount"),
        ("99999999999999.99", "EUR", "amount"),
        ("1", "XXX", "currency"),
        ("1", "", "currency"),
        ("1", "EURO", "currency"),
    ],
)
def test_refuses_what_is_no_amount(amount: str, currency: str, field: str) -> None:
    with pytest.raises(Rejected) as rejected:
        money.checked(amount, currency)
    assert [error.field for error in rejected.value.errors] == [(field,)]
