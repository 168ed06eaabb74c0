"""Patterns: Liquid in a sandbox, and values encoded for the slot of a link that they are printed into.

Liquid (https://shopify.github.io/liquid) without what reads files, loops or grows: a pattern has a bounded
length, no loops, and each filter a bounded result, so it is rendered in well under a millisecond.
"""

import functools
import html
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final, TextIO
from urllib.parse import quote

from liquid import BoundTemplate, Environment, RenderContext, StrictUndefined
from liquid.ast import Node
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import FilterArgumentError, LiquidError
from liquid.expression import Expression
from liquid.filter import string_filter

from domain import printing, slugs, texts, variables

LONGEST: Final = 2_048
LONGEST_MAIL: Final = 50_000
LONGEST_RESULT: Final = 8_192
"""Of a filter, and of a pattern's whole text; mails have LONGEST_MAIL_RESULT."""
LONGEST_MAIL_RESULT: Final = 100_000
_CACHED: Final = 1_024
_TAGS: Final = ("if", "unless", "case", "assign", "comment", "#", "output", "content", "illegal")
_FILTERS: Final = (
    *("append", "capitalize", "default", "downcase", "first", "last", "lstrip", "prepend", "remove"),
    *("rstrip", "size", "slice", "split", "strip", "truncate", "truncatewords", "upcase"),
    *("abs", "at_least", "at_most", "divided_by", "minus", "modulo", "plus", "times"),
)
# Around each value in a URL while it is rendered, so that its slot is known; private use, never in a source.
_OPEN, _CLOSE = "\ue000", "\ue001"
_HOST: Final = re.compile(r"\s*https?://[^/\\?#{}\s]+[/?#]", re.IGNORECASE)
_DIRECTIVES: Final = re.compile(r"(?:[^%]|%[%YymdeBbAaj])*")


class Slot(StrEnum):
    """Where a pattern's values end up."""

    URL = "URL"
    SLUG = "SLUG"
    TEXT = "TEXT"
    MAIL = "MAIL"
    HTML = "HTML"


class Unfit(ValueError):
    """A pattern that cannot be used, or values that it cannot print; the rest of a sentence about it."""


class Misplaced(Unfit):
    """A pattern that prints a value where none may stand, whatever the value is."""


def check(source: str, slot: Slot) -> tuple[str, ...]:
    """The variables that a pattern uses, by name, each once.

    Raises:
        Unfit: it is no pattern of this slot.
    """
    pattern = _parsed(source, slot)
    if slot is Slot.URL and has_blanks(source) and _HOST.match(source) is None:
        raise Unfit("must start with its scheme and host written out, as in https://example.com/{{ plan }}.")
    names = [_name(segments) for segments in pattern.global_variable_segments()]
    return tuple(sorted(set(names)))


def has_blanks(source: str) -> bool:
    """Whether a pattern is more than the text that it prints."""
    return "{{" in source or "{%" in source


def rendered(source: str, slot: Slot, values: Mapping[str, Any]) -> str:
    """The text of a pattern with values, each encoded for its slot.

    In a URL a value is percent-encoded whole, so it can neither end its path segment or parameter nor begin
    another; a segment that would be empty or one of dots is refused, for browsers would fold it away.

    Raises:
        Unfit: the values cannot be printed there.
    """
    if not has_blanks(source):
        return source
    program = _program(source, slot)
    text = None if program is None else program(values)
    if text is None:
        try:
            text = _parsed(source, slot).render(dict(values))
        except LiquidError as error:
            raise Unfit(f"cannot be worked out with these variables: {_reason(error)}.") from None
        except (ArithmeticError, TypeError, ValueError):  # of filters, which let Python's errors out
            raise Unfit("has a filter that cannot work with the values of these variables.") from None
    return _placed(text) if slot is Slot.URL else text


@functools.lru_cache(_CACHED)
def _program(source: str, slot: Slot) -> printing.Program | None:
    encode = _ENCODERS[slot]
    return printing.program(_parsed(source, slot), lambda value: encode(_text_of(value)), LONGEST_RESULT // 4)


@functools.lru_cache(_CACHED)
def _parsed(source: str, slot: Slot) -> BoundTemplate:
    letter = slot in _LETTERS
    problem = texts.problem(source, longest=LONGEST_MAIL if letter else LONGEST, breaks=letter)
    if problem is not None:
        raise Unfit(problem)
    if _OPEN in source or _CLOSE in source:
        raise Unfit("holds a character for private use; leave it out.")
    try:
        pattern = _environment(slot).from_string(source)
    except (LiquidError, RecursionError) as error:
        raise Unfit(f"is no Liquid that is accepted here: {_reason(error)}.") from None
    unknown = sorted(set(pattern.filter_names()) - pattern.env.filters.keys())
    if unknown:
        raise Unfit(f"uses the filter {unknown[0]!r}; there are {', '.join(sorted(pattern.env.filters))}.")
    if any(isinstance(part, RangeLiteral) for node in pattern.nodes for part in _expressions(node)):
        raise Unfit("holds a range such as (1..9), which is not accepted.")
    return pattern


def _expressions(node: Node) -> Iterator[Expression]:
    stack = list(node.expressions())
    while stack:
        part = stack.pop()
        yield part
        stack += part.children()
    for child in node.children(_NOWHERE):
        yield from _expressions(child)


def _reason(error: Exception) -> str:
    message = str(error).partition("\n")[0].rstrip(".")
    return message[:200] if message else "it is nested too deeply"


def _name(segments: list[Any]) -> str:
    name = ".".join(str(segment) for segment in segments)
    if not all(isinstance(segment, str) for segment in segments) or not variables.is_name(name):
        raise Unfit(f"uses {name[:50]!r}; write a variable's name out, as in customer.plan.")
    return name


def _placed(text: str) -> str:
    """The URL, if each value in it stands where values may."""
    head, _, _ = text.partition("#")
    path, _, query = head.partition("?")
    for segment in path.split("/"):
        plain = _unmarked(segment).lower().replace("%2e", ".")
        if _OPEN in segment and plain in ("", ".", ".."):
            raise Unfit(f"would get the path segment {plain!r} from these variables, which is folded away.")
    for piece in query.split("&"):
        if _OPEN in piece.partition("=")[0]:
            raise Misplaced(
                "prints a variable as the name of a parameter; only values can vary, as in ?plan={{ plan }}."
            )
    return _unmarked(text)


def _unmarked(text: str) -> str:
    return text.replace(_OPEN, "").replace(_CLOSE, "")


def _text_of(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "".join(map(_text_of, value))
    return variables.written(value)


def _encoded(text: str) -> str:
    return f"{_OPEN}{quote(text, safe='')}{_CLOSE}"


_ENCODERS: Final[Mapping[Slot, Callable[[str], str]]] = {
    Slot.URL: _encoded,
    Slot.SLUG: slugs.fitting,
    Slot.TEXT: str,
    Slot.MAIL: str,
    Slot.HTML: html.escape,
}
_LETTERS: Final = frozenset({Slot.MAIL, Slot.HTML})
"""Slots of texts with many lines."""


@functools.cache
def _environment(slot: Slot) -> Environment:
    """The sandbox of a slot: what is not listed above does not exist in it."""

    class Printed(OutputNode):
        """Prints a value encoded for the slot."""

        def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
            return buffer.write(_ENCODERS[slot](_text_of(self.expression.evaluate(context))))

    class Printing(Output):
        """Reads what stands between {{ and }}."""

        node_class = Printed

    class Sandbox(Environment):
        """Liquid with limits."""

        output_stream_limit = LONGEST_MAIL_RESULT if slot in _LETTERS else LONGEST_RESULT

    sandbox = Sandbox(undefined=StrictUndefined)
    sandbox.tags = {name: tag for name, tag in sandbox.tags.items() if name in _TAGS}
    sandbox.filters = {name: _bounded(sandbox.filters[name]) for name in _FILTERS}
    sandbox.filters |= {"replace": _replace, "slugify": _slugify, "date": _date}
    sandbox.add_tag(Printing)
    return sandbox


_NOWHERE: Final[Any] = None
"""Static walks over a pattern need a context only for partial templates, which do not exist here."""


def _bounded(work: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose result cannot grow without end from one filter to the next."""

    @functools.wraps(work)
    def call(*args: Any, **named: Any) -> Any:
        result = work(*args, **named)
        if isinstance(result, str | list) and len(result) > LONGEST_RESULT:
            raise FilterArgumentError("a text grows too long", token=None)
        if isinstance(result, int | float) and abs(result) >= 2**63:
            raise FilterArgumentError("a number grows too large", token=None)
        return result

    return call


@string_filter
def _replace(text: str, wanted: object, by: object = "") -> str:
    """Each `wanted` replaced; measured before, as short texts can make a very long one."""
    wanted, by = _text_of(wanted), _text_of(by)
    if len(text) + text.count(wanted) * len(by) > LONGEST_RESULT:
        raise FilterArgumentError("a text grows too long", token=None)
    return text.replace(wanted, by)


@string_filter
def _slugify(text: str) -> str:
    """Words as a slug: "Café & Co" becomes cafe-co."""
    return slugs.from_words(text)


def _date(value: object, form: object) -> str:
    """A DATE in another form, such as "%Y-%m" or "%B"."""
    if not isinstance(value, date) or not isinstance(form, str):
        raise FilterArgumentError("date takes a variable of the type DATE and a form", token=None)
    if _DIRECTIVES.fullmatch(form) is None:
        raise FilterArgumentError("date knows %Y %y %m %d %e %B %b %A %a %j", token=None)
    return value.strftime(form)
