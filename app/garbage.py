"""Garbage: what is there when a role begins to serve lives as long as its process, and is not looked at."""

import gc
from typing import Final

YOUNG: Final = 10_000
"""Objects that come to be between two rounds, not Python's 700: an answer of a page makes ten thousands, and
all but a few go by themselves."""


def settle() -> None:
    """Leave everything that exists now out of the collector's rounds: code, schema, connections, tables.

    A round over all of it takes 100 ms in an API process and half of that in a redirect (measured), in which
    nobody is answered; each comes after so many calls. What they find is what calls leave behind.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
