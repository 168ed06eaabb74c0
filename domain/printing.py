"""Printing: patterns that only print variables, put together without the template engine, ten times as fast.

The engine stays the judge: where anything is unusual (a value that is missing, a filter that complains, a
text that grows long, a carriage return, which the engine makes a line feed of) a program gives up, and the
engine works the pattern out and says what is wrong with it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from liquid import BoundTemplate
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.arguments import PositionalArgument
from liquid.builtin.expressions.primitive import FloatLiteral, IntegerLiteral, StringLiteral
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError
from liquid.expression import Expression

_LITERALS: Final = (FloatLiteral, IntegerLiteral, StringLiteral)
_PROPERTIES: Final = frozenset(("first", "last", "size"))
"""Mean something of their own behind a dot."""

Filter = tuple[Callable[..., Any], tuple[Any, ...]]
Program = Callable[[Mapping[str, Any]], str | None]
"""The text of values; None: ask the engine."""


class _Output(msgspec.Struct, frozen=True):
    """A variable with the filters that it goes through."""

    path: tuple[str, ...]
    filters: tuple[Filter, ...]

    def value(self, values: Mapping[str, Any]) -> Any:
        """What it prints; raises KeyError or TypeError where the path leads nowhere."""
        found: Any = values
        for segment in self.path:
            found = found[segment]
        for work, arguments in self.filters:
            found = work(found, *arguments)
        return found


def program(pattern: BoundTemplate, encoded: Callable[[Any], str], longest: int) -> Program | None:
    """What puts a pattern together; None where it does more than print variables.

    Args:
        encoded: a value as it is printed.
        longest: characters of a text that is certainly not too long.
    """
    parts: list[str | _Output] = []
    for node in pattern.nodes:
        part = _part(node, pattern)
        if part is None:
            return None
        parts.append(part)
    return lambda values: _text(parts, values, encoded, longest)


def _text(
    parts: Sequence[str | _Output], values: Mapping[str, Any], encoded: Callable[[Any], str], longest: int
) -> str | None:
    try:
        text = "".join([part if isinstance(part, str) else encoded(part.value(values)) for part in parts])
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, LiquidError):
        return None
    return text if len(text) <= longest and "\r" not in text else None


def _part(node: object, pattern: BoundTemplate) -> str | _Output | None:
    if isinstance(node, ContentNode):
        return node.text
    if not isinstance(node, OutputNode) or not isinstance(node.expression, FilteredExpression):
        return None
    left = node.expression.left
    if not isinstance(left, Path) or not all(isinstance(segment, str) for segment in left.path):
        return None
    filters = [_filter(each, pattern) for each in node.expression.filters or ()]
    if None in filters or not _PROPERTIES.isdisjoint(map(str, left.path[1:])):
        return None
    path = tuple(str(segment) for segment in left.path)
    return _Output(path, tuple(each for each in filters if each is not None))


def _filter(given: Any, pattern: BoundTemplate) -> Filter | None:
    work = pattern.env.filters[given.name]
    if getattr(work, "with_context", False) or getattr(work, "with_environment", False):
        return None
    if not all(isinstance(each, PositionalArgument) and _is_literal(each.value) for each in given.args):
        return None
    return work, tuple(each.value.value for each in given.args)


def _is_literal(value: Expression) -> bool:
    return isinstance(value, _LITERALS)
