"""Idempotency-Key: a mutation under a client's key runs once, and its repetition is answered from memory.

What exactly is promised stands in docs/decisions/idempotency.md.
"""

import hashlib
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from graphql import GraphQLResolveInfo, GraphQLSchema

from app.graphql.payloads import Call
from app.graphql.replays import Load, Memory
from domain import idempotency
from domain.access import Viewer
from domain.errors import ApiError, BadRequest, Unavailable
from domain.idempotency import Claim, Claims
from domain.instants import Clock

HEADER: Final = b"idempotency-key"
_NAMED_PASSWORD: Final = re.compile(r"\bpassword[\s,]*:[\s,]*\$(\w+)")
_PASSWORD: Final = re.compile(r'(\bpassword[\s,]*:[\s,]*)("""(?s:.*?)"""|"(?:[^"\\]|\\.)*")')
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A key and the SHA-256 of the payload that it came with."""

    key: str
    digest: bytes


def header_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key of a request, or None.

    Raises:
        BadRequest: it is malformed, or there are two.
    """
    found = [value.decode("latin-1") for name, value in headers if name == HEADER]
    if len(found) > 1:
        raise BadRequest("The header Idempotency-Key occurs twice.")
    return idempotency.check(found[0]) if found else None


def repeat_of(key: str, call: Call) -> Repeat:
    """The key with what it stands for: the document, which operation of it, and its variables."""
    text = _PASSWORD.sub(lambda found: f"{found[1]}{_hint(found[2])}", call.text)
    names = {"password", *_NAMED_PASSWORD.findall(text)}
    payload = [text, call.operation_name, _without_passwords(call.variables, names)]
    return Repeat(key, hashlib.sha256(msgspec.json.encode(payload, order="deterministic")).digest())


def _without_passwords(value: Any, names: set[str]) -> Any:
    """The same data with hints in place of passwords, which are called by any of `names`."""
    if isinstance(value, list):
        return [_without_passwords(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _hint(each) if name in names and isinstance(each, str) else _without_passwords(each, names)
        for name, each in value.items()
    }


def _hint(password: str) -> str:
    """Four bits of a password's hash: most others are noticed, and nobody finds it by a hash made fast."""
    return hashlib.sha256(password.encode(errors="replace")).hexdigest()[0]


@dataclass(slots=True)
class Run:
    """One run of a mutation under a key; resolvers of its root fields get it as their source.

    Args:
        claim: the right to run it, or what it gave.
        memory: writes and reads results.
        results: what its fields gave so far, by response key.
        failed: a field threw what is not remembered.
    """

    claim: Claim
    memory: Memory
    results: dict[str, bytes] = field(default_factory=dict)
    failed: bool = False

    async def resolve(self, resolver: Callable[..., Any], info: GraphQLResolveInfo[Any], given: Any) -> Any:
        """What the field gave before, or what it gives now."""
        name = str(info.path.key)
        if name in self.results:
            return await self.memory.read(self.results[name], info.context)
        context = info.context.repeatable(self.claim.started_at, _draws(self.claim.seed, name))
        try:
            result = await _awaited(resolver(None, info._replace(context=context), **given))
            self.results[name] = self.memory.written(result)
        except ApiError as error:
            if error.status >= 500:
                self.failed = True
            else:
                self.results[name] = self.memory.thrown(error)
            raise
        except BaseException:
            self.failed = True
            raise
        return result


class _Remembering:
    """The resolver of a mutation's field: as it was, unless the operation runs under a key."""

    def __init__(self, resolver: Callable[..., Any]) -> None:
        self._resolver = resolver

    def __call__(self, source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        if isinstance(source, Run):
            return source.resolve(self._resolver, info, given)
        return self._resolver(source, info, **given)


class Idempotency:
    """Runs mutations under keys.

    Args:
        schema: graphql-core's schema; its mutations learn to remember.
        claims: where keys are kept.
        load: reads objects again.
        clock: the time.
    """

    def __init__(self, schema: GraphQLSchema, claims: Claims, load: Load, clock: Clock) -> None:
        self._memory = Memory(schema, load)
        self._claims = claims
        self._clock = clock
        for mutation in schema.mutation_type.fields.values() if schema.mutation_type else ():
            if mutation.resolve is not None and not isinstance(mutation.resolve, _Remembering):
                mutation.resolve = _Remembering(mutation.resolve)

    async def begin(self, repeat: Repeat, viewer: Viewer, request_id: str) -> Run:
        """Take the right to run a mutation; a finished one comes back with all it gave.

        Raises:
            IdempotencyMismatch: the key stands for another payload.
            IdempotencyConflict: the same call is running.
            Unavailable: the database does not answer; nothing ran.
        """
        wanted = idempotency.new(
            repeat.key,
            viewer.workspace_id,
            await self._claims.sealed(repeat.digest),
            holder=request_id,
            seed=secrets.token_bytes(idempotency.SEED_BYTES),
            now=self._clock(),
        )
        claim = await idempotency.hold(wanted, self._claims)
        return Run(claim, self._memory, dict(claim.results))

    async def end(self, run: Run, *, whole: bool) -> None:
        """Let go of the key.

        Args:
            run: from `begin`.
            whole: the operation ran to its end.
        """
        if run.claim.finished:
            return
        finished = whole and not run.failed
        try:
            await idempotency.settle(
                run.claim, run.results, self._claims, finished=finished, now=self._clock()
            )
        except Unavailable:
            # The mutation is done and its caller is told so. A repetition runs again once the lease is over,
            # with the same ids.
            _log.warning("request %s: its answer could not be remembered", run.claim.holder)


def _draws(seed: bytes, name: str) -> Callable[[int], bytes]:
    """Random bytes that are the same in every run: SHAKE-256 of the seed, the field's name and a counter."""
    drawn = 0

    def draw(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(seed + drawn.to_bytes(8, "big") + name.encode()).digest(count)

    return draw


async def _awaited(result: Any) -> Any:
    return await result if isinstance(result, Awaitable) else result
