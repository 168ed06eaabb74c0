"""Customers: who is behind an address and the caller's own ids, and how their conversions become nobody's.

A conversion is told with an address, with the caller's id of the customer, or with both: then the address'
key is the first. What was told with an id alone belongs to the address that stands beside this id elsewhere.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from domain import instants, texts
from domain.attributions import Touch
from domain.conversions import Conversion, Conversions, Revised
from domain.errors import Unavailable
from domain.workbenches import Workbench

_ATTEMPTS: Final = 20
_EVER: Final = instants.of_milliseconds(0)


class Customers(Protocol):
    """Where customers are found. Each method raises errors.Unavailable."""

    async def ids(self, workspace_id: str, email_key: bytes) -> Sequence[bytes]:
        """Keys of the caller's ids that were told beside an address, and beside no other address.

        With two addresses nobody knows whose an id is: a household's, or a shop's "guest". It stays with the
        address that is left, and goes with the last one.
        """
        ...

    async def conversions(
        self, workspace_id: str, keys: Sequence[bytes], after: str = ""
    ) -> Sequence[Conversion]:
        """Some conversions whose first key is one of these, in the order of their ids; none: no more.

        Args:
            after: an id that theirs are behind.
        """
        ...

    async def forget(self, workspace_id: str, keys: Sequence[bytes]) -> int:
        """Forget which clicks customers made; how many they were."""
        ...


async def erase(email_key: bytes, bench: Workbench, customers: Customers, stored: Conversions) -> int:
    """Make everything of a customer nobody's; how much there was.

    Keys are what leads to the rest, so they go last, and the address' own behind those of ids: broken off
    anywhere, an erasure that is done again finds what is left.

    Raises:
        Unavailable: others changed the same conversions all the time.
    """
    workspace_id = bench.workspace_id
    ids = await customers.ids(workspace_id, email_key)
    keys, after = [email_key, *ids], ""
    while found := await customers.conversions(workspace_id, keys, after):
        await _empty(found, bench, stored, nameless=False)
        after = found[-1].id
    gone = await customers.forget(workspace_id, keys)
    for some in (ids, [email_key]):
        while found := await customers.conversions(workspace_id, some):
            await _empty(found, bench, stored, nameless=True)
            gone += len(found)
    return gone + await customers.forget(workspace_id, keys)  # some may have been told meanwhile


async def _empty(
    found: Sequence[Conversion], bench: Workbench, stored: Conversions, *, nameless: bool
) -> None:
    """Empty some conversions, each until nobody gets in the way.

    Args:
        nameless: take their keys as well.
    """
    workspace_id = bench.workspace_id
    for _ in range(_ATTEMPTS):
        left = []
        for old in found:
            touches, now = await stored.touches(workspace_id, old.customer_keys, _EVER, old.at), bench.clock()
            keys = () if nameless else old.customer_keys
            new = msgspec.structs.replace(_emptied(old, touches), customer_keys=keys, erased_at=now)
            if not await stored.revise(workspace_id, Revised(old=old, new=new, at=now)):
                left.append(old.id)
        if not left:
            return
        found = list((await stored.by_ids(workspace_id, left)).values())
    raise Unavailable("Other calls are changing the same conversions; try again.")


def _emptied(old: Conversion, known: Sequence[Touch]) -> Conversion:
    """The conversion without what was told of its customer; its clicks become its own: its credits stay."""
    credited = {credit.click_id for credit in old.credits}
    touches = {each.click_id: each for each in (*known, *old.touches)}
    own = {each.click_id for each in old.touches}
    kept = [each for each in touches.values() if each.click_id in credited | own]
    return msgspec.structs.replace(
        old,
        order_id=None if old.order_id is None or texts.holds_at(old.order_id) else old.order_id,
        touches=tuple(sorted(kept, key=lambda touch: touch.at)),
        visitor=b"",
        properties={},
        version=old.version + 1,
    )
