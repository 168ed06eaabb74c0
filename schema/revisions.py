"""Revisions of links as the API shows them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from domain import instants, paging, revisions
from schema.context import Context
from schema.paging import Connection, connection
from schema.scalars import JSON, DateTime


@strawberry.type(description="One version of a link: what it changed, when, and who made it.")
class LinkRevision:
    """The API's view of domain.revisions.Revision."""

    version: int = strawberry.field(description="The link's version that it made.")
    at: DateTime = strawberry.field(description="When it was made.")
    actor: str = strawberry.field(description="Id of the API key, or name of the job, that made it.")
    changes: JSON = strawberry.field(
        description='By field, the values before and after: {"destination": ["https://old…", "https://new…"]}.'
    )

    @classmethod
    def of(cls, revision: revisions.Revision) -> "LinkRevision":
        """The same revision, in the API's spelling."""
        changes = {
            to_camel_case(name): [_shown(old), _shown(new)] for name, (old, new) in revision.changes.items()
        }
        return cls(
            version=revision.version,
            at=DateTime(instants.written(revision.at)),
            actor=revision.actor,
            changes=JSON(changes),
        )


async def listed(
    link_id: str, first: int | None, after: str | None, context: Context
) -> Connection[LinkRevision]:
    """One page of a link's revisions, newest first."""
    name = f"{context.viewer.workspace_id}/revisions/{link_id}"
    window = paging.window(name, first=first, after=after, last=None, before=None, shape=tuple[int])
    link = await context.loaders.links.load(link_id)
    kept = context.stores.revisions
    page = paging.Page[revisions.Revision](window, [])
    if link is not None:
        page = await revisions.page(link, window, kept)

    async def counted(limit: int) -> int:
        return 0 if link is None else await revisions.count(link, kept, limit=limit)

    return connection(
        page, list_name=name, node=LinkRevision.of, key=lambda revision: (revision.version,), counted=counted
    )


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return instants.written(value)
    if isinstance(value, Mapping):
        return {name: _shown(part) for name, part in value.items()}
    return value
