"""Shares: what a participant passes on to friends, by channel, and the words that come with it."""

import functools
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

import msgspec

VIA: Final = "via"
"""Query parameter of short URLs that names the channel."""
CHANNELS: Final = ("email", "whatsapp", "facebook", "x", "linkedin", "sms", "copy")

_USUAL_LANGUAGE: Final = "en"
_WORDS: Final[Mapping[str, str]] = {
    "cs": "Tohle by se ti mohlo líbit: {name}.",
    "da": "Det her kunne være noget for dig: {name}.",
    "de": "Das könnte etwas für dich sein: {name}.",
    "en": "This might be something for you: {name}.",
    "es": "Puede que esto te interese: {name}.",
    "fi": "Tämä voisi kiinnostaa sinua: {name}.",
    "fr": "Cela pourrait te plaire : {name}.",
    "it": "Questo potrebbe interessarti: {name}.",
    "nb": "Dette kan være noe for deg: {name}.",
    "nl": "Dit is misschien iets voor jou: {name}.",
    "pl": "To może Ci się spodobać: {name}.",
    "pt": "Isto pode ser algo para ti: {name}.",
    "pt-br": "Isto pode ser interessante para você: {name}.",
    "sv": "Det här kan vara något för dig: {name}.",
}


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A way of passing a link on.

    Args:
        channel: one of CHANNELS.
        url: what a button opens; for "copy" the link itself.
        link: the short URL, by which clicks of this channel are told apart.
        text: the words that the button fills in, without the link.
    """

    channel: str
    url: str
    link: str
    text: str


def of(short_url: str, name: str, locale: str | None) -> tuple[Share, ...]:
    """A share for each of CHANNELS, in their order.

    Args:
        short_url: of the referral's link.
        name: the promotion's.
        locale: BCP 47; words are English where it is none of ours.
    """
    text = _words(locale).format(name=name)
    base, quoted = quote(short_url, safe=""), (_quoted(name), _quoted(text))
    shares = []
    for channel in CHANNELS:
        link, opened = f"{short_url}?{VIA}={channel}", _OPENED.get(channel)
        url = link if opened is None else opened(f"{base}{_VIA}{channel}", *quoted)
        shares.append(Share(channel=channel, url=url, link=link, text=text))
    return tuple(shares)


def _words(locale: str | None) -> str:
    tag = (locale or _USUAL_LANGUAGE).lower()
    while tag not in _WORDS and "-" in tag:
        tag = tag.rpartition("-")[0]  # RFC 4647, section 3.4
    return _WORDS.get(tag, _WORDS[_USUAL_LANGUAGE])


@functools.lru_cache(1_024)
def _quoted(text: str) -> str:
    """A value of a query with %20 for blanks: in mailto: and sms: a + is a plus (RFC 6068, section 5).

    The words of a promotion are kept: quoting them is most of the work on a share.
    """
    return quote(text, safe="")


_VIA: Final = _quoted(f"?{VIA}=")
_BLANK: Final = _quoted(" ")
_BREAK: Final = _quoted("\r\n\r\n")
"""RFC 6068, section 5: line breaks of a body."""

# "?&body=": iOS reads what follows the ampersand, Android what follows the question mark.
_OPENED: Final[Mapping[str, Callable[[str, str, str], str]]] = {
    "email": lambda link, name, text: f"mailto:?subject={name}&body={text}{_BREAK}{link}",
    "whatsapp": lambda link, _, text: f"https://wa.me/?text={text}{_BLANK}{link}",
    "facebook": lambda link, _, __: f"https://www.facebook.com/sharer/sharer.php?u={link}",
    "x": lambda link, _, text: f"https://x.com/intent/post?text={text}&url={link}",
    "linkedin": lambda link, _, __: f"https://www.linkedin.com/sharing/share-offsite/?url={link}",
    "sms": lambda link, _, text: f"sms:?&body={text}{_BLANK}{link}",
}
"""What opens a channel with a link, the promotion's name and the words, all of them quoted."""
