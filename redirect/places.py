"""Where an address is, from a MaxMind database: written down as country, region and city, then forgotten."""

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import maxminddb

from domain.places import UNKNOWN, Place
from redirect.counts import Counts

CACHED: Final = 8_192

_log = logging.getLogger(__name__)


class Places:
    """The places of addresses; without a database, or with a damaged one, every place is unknown.

    Args:
        reader: see `opened`.
        counts: see Counts.
    """

    def __init__(self, reader: maxminddb.Reader | None, counts: Counts) -> None:
        self._reader = reader
        self._counts = counts
        self.known = reader is not None
        self.of = lru_cache(CACHED)(self._read) if reader is not None else _nowhere

    def _read(self, address: str) -> Place:
        if self._reader is None:
            return UNKNOWN
        try:
            row = self._reader.get(address)
        except ValueError:  # no address, for instance the peer of a Unix socket
            return UNKNOWN
        except (maxminddb.InvalidDatabaseError, OSError):
            self._counts.places_failed += 1
            return UNKNOWN
        return _place(row) if isinstance(row, Mapping) else UNKNOWN


def opened(path: Path | None) -> maxminddb.Reader | None:
    """The database at `path`, mapped into memory; None, and a line in the log, where it cannot be read."""
    if path is None:
        return None
    try:
        return maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        _log.error("the geo database %s cannot be read, countries stay unknown: %s", path, error)
        return None


def _nowhere(_: str) -> Place:
    return UNKNOWN


def _place(row: Mapping[str, Any]) -> Place:
    country = _text(row, "country", "iso_code")
    subdivisions = row.get("subdivisions")
    first = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else None
    subdivision = _text(first, "iso_code") if isinstance(first, Mapping) else ""
    region = f"{country}-{subdivision}" if country and subdivision else ""
    return Place(country, region, _text(row, "city", "names", "en"), _text(row, "location", "time_zone"))


def _text(row: Any, *path: str) -> str:
    """The text at `path`; a damaged row may hold anything anywhere."""
    for name in path:
        row = row.get(name) if isinstance(row, Mapping) else None
    return row if isinstance(row, str) else ""
