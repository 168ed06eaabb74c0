"""One GraphQL operation from call to answer, the same over every transport: rights, price, time, errors."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, Self

import msgspec
import strawberry
from graphql import ExecutionResult, Executor, OperationType, create_source_event_stream
from strawberry.execution import optimized_is_awaitable

from app.graphql import failures, rights, sharing
from app.graphql.costs import Operation
from app.graphql.documents import Document, Documents, Invalid
from app.graphql.idempotency import Idempotency, Repeat, repeat_of
from app.graphql.limits import Bill, Budget, Reading
from app.graphql.payloads import Call
from app.tasks import heed_cancellation
from domain.access import Viewer
from domain.errors import ApiError, TimedOut, Unauthenticated
from subscriptions.shared import Groups, Push

EXECUTION_SECONDS: Final = 10.0
_encode = msgspec.json.Encoder().encode


class Context(Protocol):
    """What resolvers get as `info.context`; each operation and each event of a stream has one of its own."""

    def fork(self) -> Self: ...

    def repeatable(self, at: datetime, random_bytes: Callable[[int], bytes]) -> Self: ...


Admit = Callable[[OperationType], None]
Contexts = Callable[[Viewer, str], Context]
"""Makes the context of a viewer's request, with the request's id."""


def _never(_frame: bytes) -> bool:
    """A transport that sends nothing but what it asks for."""
    return False


def _anything(_kind: OperationType) -> None:
    """A transport that carries every kind of operation."""


@dataclass(frozen=True, slots=True)
class Started:
    """An operation that may run: valid, allowed and paid for."""

    operation: Operation
    executor: Executor[Any]
    bill: Bill
    request_id: str
    repeat: Repeat | None = None
    identity: Hashable = None

    @property
    def is_subscription(self) -> bool:
        return self.operation.kind is OperationType.SUBSCRIPTION


class Graph:
    """Runs operations on the schema.

    Args:
        schema: the built Strawberry schema.
        budget: what keys may spend.
        idempotency: runs mutations that may be repeated.
        contexts: makes `info.context`.
        playground: the schema may be asked about, also without a key, and messages suggest names.
        execution_seconds: how long an operation, or one event of a stream, may take.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        budget: Budget,
        idempotency: Idempotency,
        contexts: Contexts,
        playground: bool,
        execution_seconds: float = EXECUTION_SECONDS,
    ) -> None:
        self._schema = schema._schema  # noqa: SLF001 - graphql-core's schema: Strawberry has no public name for it
        self._executor_class = schema.execution_context_class
        self._documents = Documents(self._schema, playground=playground)
        self._reading = Reading()
        self._budget = budget
        self._idempotency = idempotency
        self._contexts = contexts
        self._playground = playground
        self._seconds = execution_seconds
        self._groups = Groups()

    def require_key(self, key: str | None) -> None:
        """Turn away who has no key before anything of theirs is read; a playground looks first what it is.

        Raises:
            Unauthenticated: a key is needed and there is none.
        """
        if key is None and not self._playground:
            raise Unauthenticated(rights.KEY_NEEDED)

    async def start(
        self,
        call: Call,
        viewer: Viewer | None,
        request_id: str,
        admit: Admit = _anything,
        idempotency_key: str | None = None,
    ) -> Started:
        """Check everything that can be known before an operation runs, and take its price.

        Args:
            call: what to run.
            viewer: for whom; None without a key.
            request_id: stands in what is logged.
            admit: raises for kinds of operations that the transport cannot carry.
            idempotency_key: what the client calls it by; counts for mutations only.

        Raises:
            ApiError: UNAUTHENTICATED, FORBIDDEN, QUERY_TOO_COMPLEX, RATE_LIMITED, BAD_REQUEST; nothing ran.
            Invalid: the document or its variables are not valid.
        """
        document = self._document(call.text, viewer)
        operation = document.operation(call.operation_name)
        admit(operation.kind)
        rights.check(operation, viewer)
        executor = self._executor_class.build(
            self._schema,
            document.node,
            context_value=self._contexts(viewer, request_id) if viewer is not None else None,
            raw_variable_values=call.variables,
            operation_name=call.operation_name,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # a predicate not typed as a guard
            hide_suggestions=not self._playground,
            operation_extensions=call.extensions,
        )
        if isinstance(executor, list):
            raise Invalid(executor, "BAD_REQUEST")
        variables = executor.variable_values.coerced
        operation.check_values(variables)
        bill = await self._budget.charge(viewer, operation.requested(variables))
        heed_cancellation()
        repeat = None
        if idempotency_key is not None and operation.kind is OperationType.MUTATION:
            repeat = repeat_of(idempotency_key, call)
        identity = None
        if operation.kind is OperationType.SUBSCRIPTION:
            executor.root_value = self._groups  # tells streams that they may be shared
            identity = sharing.identity(call, document.node, viewer)
        return Started(operation, executor, bill, request_id, repeat, identity)

    def _document(self, text: str, viewer: Viewer | None) -> Document:
        if self._documents.knows(text):
            return self._documents.read(text)
        with self._reading.by(viewer):
            return self._documents.read(text)

    async def answer(self, started: Started) -> dict[str, Any]:
        """The answer of a query or mutation, with its errors and its cost.

        Raises:
            TimedOut: it ran longer than its time limit and was cancelled, its database operation with it.
            ApiError: IDEMPOTENCY_CONFLICT, IDEMPOTENCY_MISMATCH; nothing ran.
        """
        if started.repeat is None or started.bill.viewer is None:
            result = await self._limited(started.executor.execute_operation)
        else:
            result = await self._once(started, started.repeat, started.bill.viewer)
        variables = started.executor.variable_values.coerced
        cost = self._budget.settle(started.bill, started.operation.actual(result.data, variables))
        answer = _answer(result, started.request_id)
        answer["extensions"] = {"cost": cost}
        return answer

    async def events(self, started: Started, push: Push = _never) -> AsyncGenerator[bytes, None]:
        """The events of a subscription as JSON, each executed with a context of its own, and once for all
        subscriptions that are the same operation.

        Close it (aclosing) where it is used: what it reads from is closed with it, at once.

        Args:
            started: the subscription.
            push: sends an event at once, or says that it cannot; then it comes from here.

        Raises:
            TimedOut: one event took longer than the time limit.
        """
        source = await self._source(started.executor)
        self._budget.settle(started.bill, started.bill.requested)
        if isinstance(source, ExecutionResult):
            yield _encode(_answer(source, started.request_id))
            return

        async def show(payload: Any) -> bytes:
            heed_cancellation()
            event = started.executor.build_per_event_executor(payload)
            event.context_value = started.executor.context_value.fork()
            return _encode(_answer(await self._limited(event.execute_operation, False), started.request_id))

        async with aclosing(self._groups.frames(source, show, started.identity, push)) as events:
            async for event in events:
                yield event

    async def _once(self, started: Started, repeat: Repeat, viewer: Viewer) -> ExecutionResult:
        try:
            run = await self._idempotency.begin(repeat, viewer, started.request_id)
        except ApiError:
            self._budget.settle(started.bill, 1)  # nothing ran
            raise
        started.executor.root_value = run
        whole = False
        try:
            result = await self._limited(started.executor.execute_operation)
            whole = True
        finally:
            await self._idempotency.end(run, whole=whole)
        return result

    async def _source(self, executor: Executor[Any]) -> AsyncGenerator[Any, None] | ExecutionResult:
        try:
            async with asyncio.timeout(self._seconds):
                source = create_source_event_stream(executor)
                return await source if executor.is_awaitable(source) else source  # type: ignore[return-value]  # narrowed at run time
        except TimeoutError as error:
            raise self._timed_out() from error

    async def _limited(self, execute: Callable[..., Any], *arguments: bool) -> ExecutionResult:
        try:
            async with asyncio.timeout(self._seconds):
                result = execute(*arguments)
                done: ExecutionResult = await result if optimized_is_awaitable(result) else result
        except TimeoutError as error:
            raise self._timed_out() from error
        return done

    def _timed_out(self) -> TimedOut:
        return TimedOut(
            f"The operation took longer than {self._seconds:g} s and was stopped. Ask for less at once."
        )


def _answer(result: ExecutionResult, request_id: str) -> dict[str, Any]:
    if not result.errors:
        return {"data": result.data}
    return {"errors": failures.of_execution(result.errors, request_id), "data": result.data}
