"""Free text that people type: which characters it may hold, how long it may be, and who may stand in it."""

import re
import unicodedata
from typing import Final

_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS: Final = frozenset(
    "\u200c\u200d"
)  # Persian and Indic spelling, and emoji such as families, need them
_BREAKS: Final = frozenset("\n\r\t")
# Letters and marks by their category, yet nothing to see (Unicode 15, Default_Ignorable_Code_Point).
_BLANKS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2065\u3164\uffa0")
# Choose between looks of the character before: emoji and CJK names need them, addresses do not.
_SELECTORS: Final = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


# What str.isprintable lets through although there is nothing to see.
_INVISIBLE: Final = re.compile(f"[{''.join(sorted(_BLANKS))}]|{_SELECTORS.pattern}")

_AT: Final = r"(?:@|%(?:25)*40)"
"""An at sign, also as URLs write it, however often it was encoded."""
_DOT: Final = r"(?:\.|%(?:25)*2e)"
_SOME_AT: Final = re.compile(_AT)
_SOME_ADDRESS: Final = re.compile(rf"\S{_AT}\S+{_DOT}[^\W\d]{{2}}", re.IGNORECASE)


def hidden(text: str, *, joiners: bool = False, breaks: bool = False) -> str | None:
    """The first character that a reader would not see, or None: controls, bidi, zero-width, surrogates.

    Args:
        text: what was typed.
        joiners: accept ZERO WIDTH JOINER and NON-JOINER, and variation selectors.
        breaks: accept line breaks and tabs.
    """
    if text.isprintable() and _INVISIBLE.search(text) is None:
        return None
    for character in text:
        if (joiners and _shapes(character)) or (breaks and character in _BREAKS):
            continue
        if _unseen(character):
            return character
    return None


def named(character: str) -> str:
    """A character by its code point, for a message that must not repeat it."""
    return f"U+{ord(character):04X}"


def problem(text: str, *, longest: int, breaks: bool = False) -> str | None:
    """What is wrong with a text, as the rest of a sentence that starts with its name; None when nothing is.

    Args:
        text: what was typed.
        longest: characters it may have.
        breaks: accept line breaks and tabs.
    """
    if len(text) > longest:
        return f"has {len(text):,} characters; at most {longest:,} are accepted."
    character = hidden(text, joiners=True, breaks=breaks)
    if character is not None:
        return f"holds the invisible character {named(character)}; leave it out."
    return None


def holds_at(text: str) -> bool:
    """Whether an at sign stands in a text: then it may be, or hold, somebody's address."""
    return _SOME_AT.search(text) is not None


def holds_address(text: str) -> bool:
    """Whether something stands in a text that looks like an e-mail address."""
    return _SOME_ADDRESS.search(text) is not None


def _shapes(character: str) -> bool:
    return character in _JOINERS or _SELECTORS.match(character) is not None


def _unseen(character: str) -> bool:
    if character in _BIDI or character in _BLANKS or _SELECTORS.match(character) is not None:
        return True
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
