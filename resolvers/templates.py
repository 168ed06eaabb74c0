"""Templates: looking them up, making and changing them."""

import strawberry

from domain import ids, paging, rerenderings, template_edits
from domain.access import Scope
from resolvers.outcomes import outcome
from schema.context import Info
from schema.paging import Connection
from schema.template_inputs import CreateTemplateInput, UpdateTemplateInput
from schema.templates import Template, TemplatePayload, listed_templates

_READ = {"scope": Scope.LINKS_READ}
_WRITE = {"scope": Scope.LINKS_WRITE}


@strawberry.type
class TemplateQueries:
    """Reading templates."""

    @strawberry.field(description="One template; null where there is none.", metadata=_READ)
    async def template(self, info: Info, id: strawberry.ID) -> Template | None:  # noqa: A002
        """Another workspace's template is not found."""
        found = await info.context.loaders.templates.load(id) if ids.prefix_of(id) == "tpl" else None
        return None if found is None else Template.of(found)

    @strawberry.field(description="Templates of the workspace, newest first.", metadata=_READ)
    async def templates(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> Connection[Template]:
        """Reads one page behind a cursor."""
        name = f"{info.context.viewer.workspace_id}/templates"
        window = paging.window(name, first=first, after=after, last=None, before=None, shape=tuple[str])
        return await listed_templates(window, name, info.context)


@strawberry.type
class TemplateMutations:
    """Making and changing templates."""

    @strawberry.mutation(description="Make a template.", metadata=_WRITE)
    async def create_template(self, info: Info, input: CreateTemplateInput) -> TemplatePayload:  # noqa: A002
        """All of it or nothing."""
        bench = await info.context.workbench()
        edit = template_edits.create(input.to_domain(), bench, info.context.stores.templates)
        return TemplatePayload.of(await outcome(edit))

    @strawberry.mutation(
        description="Change what is given of a template. Links that it made stay as they are; with "
        "`applyToLinks` they are rendered again from their own values, as a job.",
        metadata=_WRITE,
    )
    async def update_template(
        self,
        info: Info,
        input: UpdateTemplateInput,  # noqa: A002 - the API's name
        apply_to_links: bool | None = False,
    ) -> TemplatePayload:
        """What is absent stays."""
        bench, office = await info.context.workbench(), info.context.office()
        asked = (input.id, input.to_domain(), input.seen_version, bench)
        edit = (
            rerenderings.change(*asked, office)
            if apply_to_links
            else template_edits.change(*asked, office.templates)
        )
        changed = await outcome(edit)
        return TemplatePayload.of(*(changed if isinstance(changed, tuple) else (changed,)))
