"""Written wishes: rows of files that ask for referral links, under the names that the API has."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from domain import fields
from domain.consents import Said
from domain.promotions import RewardReceiver
from domain.referral_wishes import Wish

_CONSENT: Final = {
    "consentGranted": "granted",
    "consentTextVersion": "textVersion",
    "consentSource": "source",
}
_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class _Said(msgspec.Struct, rename="camel"):
    granted: bool
    text_version: str
    source: str


class _Written(msgspec.Struct, kw_only=True, rename="camel"):
    """A row as far as msgspec judges it: what that says of unknown names and of choices repeats them."""

    promotion_uid: str | None = None
    email: str
    consent: _Said | None = None
    reward_receiver: str | None = None
    target_url: str | None = None
    product_id: str | None = None
    on_behalf_of: str | None = None
    locale: str | None = None


def wish(row: Mapping[str, Any], promotion_uid: str) -> Wish:
    """The wish of a row of JSON.

    Args:
        row: an object with the fields of CreateReferralLinkInput; `promotionUid` may be left out.
        promotion_uid: the promotion that the whole file is for.

    Raises:
        Rejected: INVALID, it is no such object; the message does not repeat what it says, nor what its
            columns are called: it is kept for weeks, and both may be addresses.
    """
    _check_names("row", row, _Written)
    try:
        written = msgspec.convert(row, _Written)
    except msgspec.ValidationError as error:
        raise fields.refused("row", f"The row is no wish for a referral link: {error}.") from None
    said = written.consent
    if said is not None:
        _check_names("consent", row["consent"], _Said)
    return Wish(
        promotion_uid=of_promotion(written.promotion_uid, promotion_uid),
        email=written.email,
        consent=None
        if said is None
        else Said(granted=said.granted, text_version=said.text_version, source=said.source),
        reward_receiver=_receiver(written.reward_receiver),
        target_url=written.target_url,
        product_id=written.product_id,
        on_behalf_of=written.on_behalf_of,
        locale=written.locale,
    )


def from_cells(row: Mapping[str, str]) -> dict[str, Any]:
    """The JSON of a row of CSV, whose consent stands in consentGranted, consentTextVersion, consentSource."""
    said: dict[str, Any] = {name: row[column] for column, name in _CONSENT.items() if column in row}
    if "granted" in said:
        said["granted"] = _BOOLEANS.get(said["granted"].strip().lower())
    rest = {column: cell for column, cell in row.items() if column not in _CONSENT}
    return {**rest, "consent": said} if said else rest


def of_promotion(given: str | None, promotion_uid: str) -> str:
    """The UID of a row's promotion, which is that of the call.

    Raises:
        Rejected: the row names another one.
    """
    if given is not None and given.casefold() != promotion_uid.casefold():
        message = f"The call is for the promotion {promotion_uid[:100]!r}; leave it out of the row."
        raise fields.refused("promotion_uid", message)
    return promotion_uid


def _check_names(part: str, given: Mapping[str, Any], kind: type[msgspec.Struct]) -> None:
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    if not given.keys() <= set(names):
        message = f"The {part} has other fields than {', '.join(names)}; the first line of CSV names columns."
        raise fields.refused(part, message)


def _receiver(given: str | None) -> RewardReceiver | None:
    try:
        return None if given is None else RewardReceiver(given)
    except ValueError:
        message = f"The reward receiver is none of {', '.join(RewardReceiver)}."
        raise fields.refused("reward_receiver", message) from None
