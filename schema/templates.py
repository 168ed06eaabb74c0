"""Templates as the API shows them."""

from typing import TYPE_CHECKING, Annotated, Optional

import strawberry

from domain import campaigns, instants, links, paging, targets, template_edits, templates, variables
from domain.access import Scope
from domain.errors import Rejected
from domain.jobs import Job
from domain.link_lists import LinkFilter
from domain.terms import Asked
from schema import analytics
from schema.analytics import Analytics
from schema.bulk_jobs import BulkJob
from schema.context import Context, Info
from schema.link_lists import newest_links
from schema.links import Link
from schema.nodes import Node
from schema.paging import Connection, connection
from schema.payloads import UserError
from schema.rules import Rule, Variant
from schema.scalars import JSON, DateTime, Url
from schema.utm import Utm

if TYPE_CHECKING:
    from schema.campaigns import Campaign

VariableType = variables.VariableType
strawberry.enum(VariableType, name="VariableType", description="What the values of a variable are.")


@strawberry.type(description="One variable of a template.")
class TemplateVariable:
    """The API's view of domain.variables.Variable."""

    name: str = strawberry.field(description="As in the template, such as customer.plan.")
    type: VariableType = strawberry.field(description="What its values are.")
    required: bool = strawberry.field(description="Whether there must be one; a default counts.")
    default: JSON | None = strawberry.field(description="Value where none is given.")
    allowed: list[str] | None = strawberry.field(description="The only values; null: any of its type.")

    @classmethod
    def of(cls, variable: variables.Variable) -> "TemplateVariable":
        """The same variable."""
        return cls(
            name=variable.name,
            type=variable.type,
            required=variable.required,
            default=None if variable.default is None else JSON(variable.default),
            allowed=None if variable.allowed is None else list(variable.allowed),
        )


@strawberry.type(description="The link that a template would make; nothing is kept.")
class TemplatePreview:
    """What came of one set of values."""

    destination: Url | None = strawberry.field(description="As Link.destination; null on failure.")
    final_destination: Url | None = strawberry.field(description="As Link.finalDestination; null on failure.")
    slug: str | None = strawberry.field(
        description="As asked for: a taken one gets a short suffix. Null: it will be generated."
    )
    title: str | None = strawberry.field(description="As Link.title.")
    tags: list[str] | None = strawberry.field(description="As Link.tags; null on failure.")
    rules: list[Rule] | None = strawberry.field(description="As Link.rules; null on failure.")
    variants: list[Variant] | None = strawberry.field(description="As Link.variants; null on failure.")
    user_errors: list[UserError] = strawberry.field(
        description='Why there is no link; a variable is named by its path, as in ["variables", "plan"].'
    )

    @classmethod
    def of(cls, outcome: links.Link | Rejected, template: templates.Template) -> "TemplatePreview":
        """The preview of a link, or of none."""
        if isinstance(outcome, Rejected):
            errors = [UserError.of(error) for error in outcome.errors]
            return cls(
                destination=None,
                final_destination=None,
                slug=None,
                title=None,
                tags=None,
                rules=None,
                variants=None,
                user_errors=errors,
            )
        return cls(
            destination=Url(outcome.destination),
            final_destination=Url(targets.final_destination(outcome)),
            slug=outcome.slug if template.slug else None,
            title=outcome.title,
            tags=list(outcome.tags),
            rules=[Rule.of(rule) for rule in outcome.rules],
            variants=[Variant.of(variant) for variant in outcome.variants],
            user_errors=[],
        )


@strawberry.type(
    description="A pattern of links in Liquid (https://shopify.github.io/liquid), sandboxed. Every value is "
    "encoded for its slot: it cannot change host, path depth or other parameters."
)
class Template(Node):
    """The API's view of domain.templates.Template."""

    name: str = strawberry.field(description="For people.")
    version: int = strawberry.field(description="Counts the changes from 1; give it to updates to lock.")
    destination: str = strawberry.field(description="Liquid; its scheme and host are written out.")
    slug: str | None = strawberry.field(description="Liquid; null: generated.")
    domain: str | None = strawberry.field(description="Host of the links; null: the workspace's first.")
    title: str | None = strawberry.field(description="Liquid.")
    tags: list[str] = strawberry.field(description="Liquid; empty ones are left out.")
    utm: Utm = strawberry.field(description="Liquid.")
    attributes: JSON = strawberry.field(description="A JSON object whose strings are Liquid.")
    rules: list[Rule] = strawberry.field(description="As a link's; destinations are Liquid.")
    variants: list[Variant] = strawberry.field(description="As a link's; destinations are Liquid.")
    expires_after: str | None = strawberry.field(description="ISO 8601 duration from a link's making.")
    variables: list[TemplateVariable] = strawberry.field(
        description="Those that were declared; any other that the template uses is a required string."
    )
    created_at: DateTime = strawberry.field(description="When it was made.")
    updated_at: DateTime = strawberry.field(description="When it was last changed.")
    analytics: Analytics = analytics.field(
        "clicks on links that it made", lambda wanted, template: wanted.by_template(template.id)
    )
    kept: strawberry.Private[templates.Template]

    @strawberry.field(description="The campaign that its links join.", metadata={"scope": Scope.LINKS_READ})
    async def campaign(
        self, info: Info
    ) -> Optional[Annotated["Campaign", strawberry.lazy("schema.campaigns")]]:  # noqa: UP045 - a lazy type
        """One round trip for all templates of an answer."""
        from schema.campaigns import Campaign

        found = await self._campaign(info.context)
        return None if found is None else Campaign.of(found)

    @strawberry.field(
        description="The link that it would make of these values, a JSON object.",
        metadata={"scope": Scope.LINKS_READ, "cost": 5},
    )
    async def preview(self, info: Info, variables: JSON) -> TemplatePreview:
        """Judged in every way but whether the slug is free."""
        bench, campaign = await info.context.workbench(), await self._campaign(info.context)
        known = {} if campaign is None else {campaign.id: campaign}
        try:
            link = template_edits.preview(self.kept, variables, bench, known)
        except Rejected as rejected:
            return TemplatePreview.of(rejected, self.kept)
        return TemplatePreview.of(link, self.kept)

    @strawberry.field(description="Links that it made, newest first.", metadata={"scope": Scope.LINKS_READ})
    async def links(self, info: Info, first: int | None = None, after: str | None = None) -> Connection[Link]:
        """Reads one page behind a cursor."""
        asked = LinkFilter(terms=(Asked(among=(self.id,)),), now=info.context.clock())
        return await newest_links(asked, first, after, info.context)

    async def _campaign(self, context: Context) -> campaigns.Campaign | None:
        wanted = self.kept.campaign_id
        return await context.loaders.campaigns.load(wanted) if wanted else None

    @classmethod
    def of(cls, template: templates.Template) -> "Template":
        """The template as it is now."""
        return cls(
            id=strawberry.ID(template.id),
            name=template.name,
            version=template.version,
            destination=template.destination,
            slug=template.slug,
            domain=template.domain,
            title=template.title,
            tags=list(template.tags),
            utm=Utm.of(template.utm),
            attributes=JSON(dict(template.attributes)),
            rules=[Rule.of(rule) for rule in template.rules],
            variants=[Variant.of(variant) for variant in template.variants],
            expires_after=template.expires_after,
            variables=[TemplateVariable.of(variable) for variable in template.variables],
            created_at=DateTime(instants.written(template.created_at)),
            updated_at=DateTime(instants.written(template.updated_at)),
            kept=template,
        )


@strawberry.type(description="The answer of a change of one template.")
class TemplatePayload:
    """The template, or why there is none."""

    template: Template | None = strawberry.field(description="The template as it is now; null on failure.")
    bulk_job: BulkJob | None = strawberry.field(
        description="What renders its links again, with `applyToLinks`; null: it has made none."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was changed; empty on success.")

    @classmethod
    def of(cls, outcome: templates.Template | Rejected, job: Job | None = None) -> "TemplatePayload":
        """The payload of an edit, and of the job that follows it."""
        if isinstance(outcome, Rejected):
            errors = [UserError.of(error) for error in outcome.errors]
            return cls(template=None, bulk_job=None, user_errors=errors)
        bulk_job = None if job is None else BulkJob.of(job)
        return cls(template=Template.of(outcome), bulk_job=bulk_job, user_errors=[])


async def listed_templates(window: paging.Window, name: str, context: Context) -> Connection[Template]:
    """The connection of one stretch of the templates.

    Args:
        name: what its cursors belong to; see domain.paging.window.
    """
    store, workspace_id = context.stores.templates, context.viewer.workspace_id

    async def counted(limit: int) -> int:
        return await store.count(workspace_id, limit=limit)

    return connection(
        await store.page(workspace_id, window),
        list_name=name,
        node=Template.of,
        key=lambda template: (template.id,),
        counted=counted,
    )
