"""Links: looking them up, listing them, making and changing them."""

import strawberry

from domain import addresses, creations, drafts, edits, ids, link_lists, links, paging, texts
from domain.access import Scope
from domain.errors import Rejected
from resolvers.outcomes import outcome
from schema.context import Context, Info
from schema.link_inputs import CreateLinkInput, LinkLookup, UpdateLinkInput
from schema.link_lists import LinkFilter, LinkOrder, listed_links
from schema.links import Link, LinkPayload, LinksPayload
from schema.paging import Connection
from schema.payloads import DeletePayload, UserError

_READ = {"scope": Scope.LINKS_READ}
_WRITE = {"scope": Scope.LINKS_WRITE}


@strawberry.type
class LinkQueries:
    """Reading links."""

    @strawberry.field(description="One link; null where there is none.", metadata=_READ)
    async def link(self, info: Info, by: LinkLookup) -> Link | None:
        """Looks the link up in the one way that is given."""
        found = await _looked_up(by, info.context)
        return None if found is None else Link.of(found, info.context)

    @strawberry.field(description="Links of the workspace, page by page.", metadata=_READ)
    async def links(  # noqa: PLR0917 - the arguments of a connection; GraphQL calls them by name
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        filter: LinkFilter | None = None,  # noqa: A002 - the API's name
        order_by: LinkOrder | None = LinkOrder.NEWEST,
    ) -> Connection[Link]:
        """Reads one page behind or before a cursor."""
        asked = (filter or LinkFilter()).to_domain(info.context.clock())
        order = order_by or LinkOrder.NEWEST
        name = f"{info.context.viewer.workspace_id}/links/{order}"
        shape = link_lists.shape_of_places(order)
        window = paging.window(name, first=first, after=after, last=last, before=before, shape=shape)
        return await listed_links(asked, order, window, name, info.context)


@strawberry.type
class LinkMutations:
    """Making and changing links."""

    @strawberry.mutation(description="Make one link.", metadata=_WRITE)
    async def create_link(self, info: Info, input: CreateLinkInput) -> LinkPayload:  # noqa: A002
        """All of it or nothing."""
        (draft,) = await drafts.sealed([input.to_domain()], info.context.stores.vault)
        made = await outcome(creations.create(draft, await info.context.workbench()))
        return LinkPayload.of(made, info.context)

    @strawberry.mutation(description="Make 1 to 1,000 links, each for itself.", metadata=_WRITE)
    async def create_links(self, info: Info, input: list[CreateLinkInput]) -> LinksPayload:  # noqa: A002
        """Each row succeeds or fails alone."""
        rows = await drafts.sealed([row.to_domain() for row in input], info.context.stores.vault)
        made = await outcome(creations.create_many(rows, await info.context.workbench()))
        return LinksPayload.of(made, info.context)

    @strawberry.mutation(description="Change what is given of a link.", metadata=_WRITE)
    async def update_link(self, info: Info, input: UpdateLinkInput) -> LinkPayload:  # noqa: A002
        """What is absent stays."""
        bench = await info.context.workbench()
        (draft,) = await drafts.sealed([input.to_domain()], info.context.stores.vault)
        changed = await outcome(edits.change(input.id, draft, input.seen_version, bench))
        return LinkPayload.of(changed, info.context)

    @strawberry.mutation(description="Take a link out of use, keeping it and its figures.", metadata=_WRITE)
    async def archive_link(self, info: Info, id: strawberry.ID) -> LinkPayload:  # noqa: A002
        """An archived link stays as it is."""
        archived = await outcome(edits.archive(id, await info.context.workbench()))
        return LinkPayload.of(archived, info.context)

    @strawberry.mutation(description="Put an archived link back into use.", metadata=_WRITE)
    async def restore_link(self, info: Info, id: strawberry.ID) -> LinkPayload:  # noqa: A002
        """A link that is in use stays as it is."""
        restored = await outcome(edits.restore(id, await info.context.workbench()))
        return LinkPayload.of(restored, info.context)

    @strawberry.mutation(
        description="Make a new version of a link with everything as it was at an earlier one.",
        metadata=_WRITE,
    )
    async def rollback_link(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        to_version: int,
    ) -> LinkPayload:
        """The way back is a version, too."""
        bench = await info.context.workbench()
        return LinkPayload.of(await outcome(edits.roll_back(id, to_version, bench)), info.context)

    @strawberry.mutation(description="Delete a link for good. Its slug stays taken.", metadata=_WRITE)
    async def delete_link(self, info: Info, id: strawberry.ID) -> DeletePayload:  # noqa: A002
        """Nobody inherits its visitors."""
        gone = await outcome(edits.delete(id, await info.context.workbench()))
        if isinstance(gone, Rejected):
            return DeletePayload(deleted_id=None, user_errors=[UserError.of(error) for error in gone.errors])
        return DeletePayload(deleted_id=strawberry.ID(gone), user_errors=[])


async def _looked_up(by: LinkLookup, context: Context) -> links.Link | None:
    store, workspace_id = context.stores.links, context.viewer.workspace_id
    if by.id:
        return await context.loaders.links.load(by.id) if ids.prefix_of(by.id) == "lnk" else None
    if by.short_url:
        address = addresses.meant(by.short_url)
        return None if address is None else await store.by_slug(workspace_id, *address)
    if by.external_id and texts.hidden(by.external_id) is None:
        return await store.by_external_id(workspace_id, by.external_id)
    return None
