"""The journals of every host, as far as they are shipped."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pymongo.read_concern import ReadConcern

from storage import mongo


class Journals:
    """Reads what shippers write down of journals; like figures, only what can't be rolled back any more."""

    def __init__(self, database: mongo.Database, clock: Callable[[], datetime]) -> None:
        self._journals = database.get_collection("journals", read_concern=ReadConcern("majority"))
        self._clock = clock

    async def as_of(self) -> datetime:
        """Every click that was answered before is in the ledger: the slowest open journal decides.

        A journal is whole until its shipper saw its end, or until its last click that is in the ledger. One
        that nobody ships, because its host is gone, holds this back until somebody does (docs/operate).
        Figures that are asked for afterwards have all of these clicks.
        """
        whole = {"$max": ["$whole_at", "$last_click_at"]}
        stages: list[dict[str, Any]] = [
            {"$match": {"closed_at": None}},
            {"$group": {"_id": None, "at": {"$min": whole}}},
        ]
        now = self._clock()
        with mongo.answering():
            found = await (await self._journals.aggregate(stages)).to_list()
        at: datetime | None = found[0]["at"] if found else None
        return now if at is None else min(at, now)
