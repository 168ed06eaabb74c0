"""Events as the API shows them: what has happened to the workspace's objects."""

import strawberry

from domain import events, feeds, instants
from schema import node_kinds
from schema.clicks import Gap
from schema.context import Info
from schema.nodes import Node
from schema.scalars import JSON, DateTime


@strawberry.type(description="Something that has happened to an object of the workspace.")
class Event:
    """The API's view of domain.events.Event."""

    id: strawberry.ID = strawberry.field(description="The same however often it is delivered.")
    type: str = strawberry.field(description='What happened, such as "link.created" or "reward.approved".')
    at: DateTime = strawberry.field(description="When it happened.")
    data: JSON = strawberry.field(
        description="What the object was like then: its id and version, and what tells it apart; no address."
    )
    source: strawberry.Private[events.Event]

    @strawberry.field(description="The object as it is now; null when it is gone.")
    async def subject(self, info: Info) -> Node | None:
        """One round trip a kind for all events of a frame; who hears of a kind may read it."""
        return await node_kinds.load(self.source.subject, info.context)

    @classmethod
    def of(cls, event: events.Event) -> "Event":
        """The same event."""
        return cls(
            id=strawberry.ID(event.id),
            type=event.type,
            at=DateTime(instants.written(event.at)),
            data=JSON(event.data),
            source=event,
        )


@strawberry.type(description="One frame of the feed of events.")
class EventBatch:
    """The API's view of domain.feeds.Batch."""

    events: list[Event] = strawberry.field(
        description="In the order in which they happened to each object.",
        metadata={"rows": feeds.ITEMS_PER_BATCH},
    )
    cursor: str = strawberry.field(description="Give it as `after` to go on behind this frame.")
    gap: Gap | None = strawberry.field(description="What could not be delivered; null: nothing is missing.")

    @property
    def size(self) -> int:
        """How many events it holds; not a field of the API."""
        return len(self.events)

    @classmethod
    def of(cls, batch: feeds.Batch) -> "EventBatch":
        """The same frame."""
        return cls(
            events=[Event.of(event) for event in batch.items],
            cursor=batch.cursor,
            gap=None if batch.gap is None else Gap.of(batch.gap),
        )
