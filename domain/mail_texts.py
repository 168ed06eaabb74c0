"""Texts of mails as a promotion's `mail` gives them, judged before anything is sent.

{"from": "Shop <hello@shop.example>", "texts": {"en": {"subject": "…", "text": "…", "html": "…"}, "de": {…}}}
"""

from collections.abc import Mapping
from email.headerregistry import Address
from typing import Annotated, Any, Final

import msgspec

from domain import emails, languages, patterns, shares
from domain.errors import Rejected, UserError, UserErrorCode, Verbatim
from domain.patterns import Slot, Unfit
from domain.promotions import MailTexts

MAX_LANGUAGES: Final = 50
LONGEST_NAME: Final = 100
VARIABLES: Final = frozenset(
    {
        *("link", "code", "target", "product", "promotion.name", "promotion.uid"),
        *(f"share.{channel}" for channel in shares.CHANNELS),
    }
)
"""What a text can print: the participant's link and code, where it leads, and a link for each channel."""

_SLOTS: Final = {"subject": Slot.TEXT, "text": Slot.MAIL, "html": Slot.HTML}


class _Texts(msgspec.Struct, forbid_unknown_fields=True):
    subject: Annotated[str, msgspec.Meta(min_length=1)]
    text: Annotated[str, msgspec.Meta(min_length=1)]
    html: str | None = None


class _Mail(msgspec.Struct, forbid_unknown_fields=True):
    texts: dict[str, _Texts]
    sender: str | None = msgspec.field(default=None, name="from")


def checked(given: Any) -> tuple[str | None, dict[str, MailTexts]]:
    """Sender and texts by language of a promotion's `mail`, as JSON decoded it.

    Raises:
        Rejected: INVALID under `mail`, with everything that is wrong.
    """
    try:
        read = msgspec.convert(given, _Mail)
    except msgspec.ValidationError as error:
        message = f"The mail is not of the shape that is described: {error}."
        raise Rejected(_invalid(message, "mail")) from None
    texts = {tag: MailTexts(each.subject, each.text, each.html) for tag, each in read.texts.items()}
    errors = _of_languages(texts) + [
        error.under("texts", Verbatim(tag)) for tag, each in texts.items() for error in _of_texts(each)
    ]
    if read.sender is not None and sender(read.sender) is None:
        errors.append(_invalid("The sender is no address such as Shop <hello@shop.example>.", "from"))
    if errors:
        raise Rejected(*(error.under("mail") for error in errors))
    return read.sender, texts


def sender(text: str) -> Address | None:
    """A sender with or without a name before the address in angle brackets; None: it is none."""
    name, bracket, rest = text.rpartition("<")
    given = rest.removesuffix(">") if bracket else text
    try:
        email = emails.checked(given)
        return (
            Address(name.strip().strip('"'), addr_spec=email.address) if len(name) <= LONGEST_NAME else None
        )
    except (Rejected, ValueError):
        return None


def _of_languages(texts: Mapping[str, MailTexts]) -> list[UserError]:
    if not texts or len(texts) > MAX_LANGUAGES:
        return [_invalid(f"There are texts in {len(texts)} languages; give 1 to {MAX_LANGUAGES}.", "texts")]
    if len({tag.lower() for tag in texts}) < len(texts):
        return [_invalid("Two of the languages are the same; case does not count.", "texts")]
    return [
        _invalid(f"{tag[:40]!r} is no language tag of BCP 47, such as en or pt-BR.", "texts")
        for tag in texts
        if not languages.well_formed(tag)
    ]


def _of_texts(texts: MailTexts) -> list[UserError]:
    errors = []
    for field, slot in _SLOTS.items():
        source = getattr(texts, field)
        problem = None if source is None else _problem(source, slot)
        if problem is not None:
            errors.append(_invalid(f"The {field} {problem}", field))
    return errors


def _problem(source: str, slot: Slot) -> str | None:
    try:
        used = patterns.check(source, slot)
    except Unfit as unfit:
        return str(unfit)
    unknown = [name for name in used if name not in VARIABLES]
    if unknown:
        return f"prints {unknown[0]!r}; mails have {', '.join(sorted(VARIABLES))}."
    return None


def _invalid(message: str, *path: str) -> UserError:
    return UserError(UserErrorCode.INVALID, message, path)
