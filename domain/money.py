"""Money: an exact amount in a currency of ISO 4217."""

import re
from decimal import Decimal
from typing import Final

import msgspec

from domain.errors import Rejected, UserError, UserErrorCode

LARGEST_MINOR_UNITS: Final = 10**15
_AMOUNT: Final = re.compile(r"\d{1,16}(\.\d{1,18})?", re.ASCII)
# ISO 4217, list one, of 2024: the currencies in use, without metals, funds and units of account.
_BY_DECIMALS: Final = {
    2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR "
    "MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK "
    "SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD "
    "YER ZAR ZMW ZWG",
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount, kept in whole minor units, so that sums are exact.

    Args:
        minor_units: cents of EUR, yen of JPY, fils of KWD.
        currency: ISO 4217 code in capitals.
    """

    minor_units: int
    currency: str

    @property
    def amount(self) -> str:
        """The amount in the currency's own unit, with all its decimals, such as "19.90"."""
        return str(Decimal(self.minor_units).scaleb(-(decimals_of(self.currency) or 0)))


def decimals_of(currency: str) -> int | None:
    """How many decimals a currency has; None: it is no code of ISO 4217."""
    return next((decimals for decimals, codes in _BY_DECIMALS.items() if currency in codes.split()), None)


def checked(amount: str, currency: str) -> Money:
    """The money that two texts name; it is not negative.

    Raises:
        Rejected: INVALID, under `amount` or `currency`.
    """
    decimals = decimals_of(currency.upper())
    if decimals is None:
        raise _refused("currency", f"{currency[:20]!r} is no currency of ISO 4217, such as EUR or USD.")
    if _AMOUNT.fullmatch(amount) is None:
        raise _refused("amount", f"{amount[:50]!r} is no amount such as 19.90.")
    minor_units = Decimal(amount).scaleb(decimals)
    if minor_units != minor_units.to_integral_value():
        raise _refused("amount", f"{amount} has more than the {decimals} decimals of {currency.upper()}.")
    if minor_units > LARGEST_MINOR_UNITS:
        raise _refused("amount", f"{amount} is more than can be kept exactly.")
    return Money(minor_units=int(minor_units), currency=currency.upper())


def _refused(name: str, message: str) -> Rejected:
    return Rejected(UserError(UserErrorCode.INVALID, message, (name,)))
