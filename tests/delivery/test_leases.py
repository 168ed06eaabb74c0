"""Slots: two workers never share one, and one that is gone leaves its slot to the next."""

import asyncio

from app.services import Services
from delivery.counts import Counts
from delivery.leases import Lease
from storage.slots import Slots


async def test_slots_are_leased_one_by_one_and_used_again(opened: Services) -> None:
    slots = Slots(opened.database)
    found = await asyncio.gather(*(slots.acquire(f"worker {number}") for number in range(8)))
    assert sorted(found) == list(range(8))
    await slots.release(found[3], "worker 3")
    assert await slots.acquire("the next one") == found[3]


async def test_a_lease_that_ran_out_is_taken_over_and_noticed(opened: Services) -> None:
    slots = Slots(opened.database)
    slot = await slots.acquire("gone")
    assert await slots.renew(slot, "gone")
    await opened.database.slots.update_one({"_id": slot}, [{"$set": {"expires_at": "$$NOW"}}])
    assert await slots.acquire("heir") == slot
    assert not await slots.renew(slot, "gone")
    await slots.release(slot, "gone")
    assert await slots.renew(slot, "heir")


async def test_a_worker_keeps_its_slot_and_gives_it_back(opened: Services) -> None:
    slots = Slots(opened.database)
    lease = Lease(slots, "worker", Counts())
    assert await lease.slot() == await lease.slot() == 0
    await lease.release()
    assert await slots.acquire("next") == 0
