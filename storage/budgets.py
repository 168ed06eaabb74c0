"""Points that API keys may spend: one token bucket for each key in Redis, shared by all processes."""

from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

# A bucket is kept as (points, microseconds of the last look). Time is Redis' own, so that processes need not
# agree. What is owed back from an earlier call comes with the next one, which saves a round trip per answer.
_TAKE: Final = """
local capacity, rate, cost, owed = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'points', 'at')
local points = tonumber(kept[1]) or capacity
local elapsed = math.max(0, now - (tonumber(kept[2]) or now))
points = math.min(capacity, points + owed + elapsed * rate / 1000000)
local taken = 0
if points >= cost then
  points = points - cost
  taken = 1
end
redis.call('HSET', KEYS[1], 'points', tostring(points), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate * 1000) + 1000)
return {taken, tostring(points)}
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a bucket answered.

    Args:
        allowed: the points were there and are taken.
        available: points left, not rounded.
    """

    allowed: bool
    available: float


class Budgets:
    """The buckets of all keys.

    Args:
        redis: where they are kept.
        prefix: the name of this installation's database.
        capacity: points of a full bucket.
        restore_per_second: points that come back each second.
    """

    def __init__(self, redis: Redis, *, prefix: str, capacity: int, restore_per_second: float) -> None:
        self._take = redis.register_script(_TAKE)
        self._prefix = prefix
        self._capacity = capacity
        self._rate = restore_per_second

    async def take(self, workspace_id: str, key_id: str, points: float, owed: float) -> Taken:
        """Take `points` from a key's bucket if they are there, after giving back what is `owed` to it.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        taken, available = await self._take(
            keys=[f"{self._prefix}:budget:{workspace_id}:{key_id}"],
            args=[self._capacity, self._rate, points, owed],
        )
        return Taken(bool(taken), float(available))
