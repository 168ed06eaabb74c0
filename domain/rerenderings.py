"""Re-renderings: a template that changed makes its links anew, from the values that they remember."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from domain import campaigns, creations, edits, jobs, link_walks, origins, template_edits, templates
from domain.campaigns import Known
from domain.chunks import Chunk
from domain.drafts import Draft
from domain.errors import Rejected
from domain.jobs import BulkKind, Job
from domain.link_lists import LinkFilter
from domain.link_walks import LinkWalk, Step
from domain.links import Link, Origin
from domain.offices import Office
from domain.template_drafts import TemplateDraft
from domain.templates import Template
from domain.terms import Asked
from domain.utm import NAMES, Utm
from domain.workbenches import Workbench

WORK: Final = "render_links_again"


class RenderAgain(msgspec.Struct, frozen=True, kw_only=True):
    """What the job has to know, the version of the template included: it may be changed meanwhile."""

    asked: LinkFilter
    template: Template


async def change(
    template_id: str, draft: TemplateDraft, version: int | None, bench: Workbench, office: Office
) -> tuple[Template, Job | None]:
    """Change a template, and start the job that makes its links anew in the same transaction.

    A draft that changes nothing starts one as well: earlier changes may not have reached the links.

    Args:
        version: the version that the caller saw; None changes whatever is there.

    Returns:
        The template; the job, or None: it has made no links.

    Raises:
        Rejected: as template_edits.change; LIMIT_EXCEEDED, too many jobs wait. Then nothing was changed.
    """

    async def follow(template: Template) -> Job | None:
        return await _job(template, bench, office)

    template, job = await template_edits.change(template_id, draft, version, bench, office.templates, follow)
    if job is not None:
        await office.told(job)
    return template, job


async def _job(template: Template, bench: Workbench, office: Office) -> Job | None:
    made = LinkFilter(terms=(Asked(among=(template.id,)),), now=bench.clock())
    asked = link_walks.standing(made, bench.clock)
    total = await link_walks.size_of(asked, bench.workspace_id, office.lists)
    if not total:
        return None
    spec = RenderAgain(asked=asked, template=template)
    await jobs.expect_room(bench.workspace_id, office.jobs)
    return office.job(BulkKind.RERENDER, WORK, spec, total=total, bench=bench)


class Rerendering:
    """The work of re-renderings; see domain.chunks.Work."""

    name = WORK

    def __init__(self, walk: LinkWalk) -> None:
        self._walk = walk

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """Links rendered again; one whose values no longer suit the template is a row error."""
        spec = jobs.spec_of(job, RenderAgain)

        async def begin(links: Sequence[Link], bench: Workbench) -> Step:
            named = [spec.template.campaign_id, *(link.campaign_id for link in links)]
            known = await campaigns.known(named, bench.workspace_id, bench.campaigns)
            return lambda row, old: link_walks.replacing(row, old, again(old, spec.template, bench, known))

        return await self._walk.chunk(job, spec.asked, cursor, begin)


def again(old: Link, template: Template, bench: Workbench, known: Known) -> Link:
    """A link as the template would make it now, at the time when it was made; or `old` itself.

    Its short URL stays, and so does what its row or a later edit set (`Origin.own`). A link that a newer
    version of the template rendered meanwhile stays as it is.

    Args:
        known: the campaigns of the link and of the template, by id.

    Raises:
        Rejected: its values do not suit the template any more, or what they make is no link.
    """
    origin = old.origin
    if origin is None or origin.template_version > template.version:
        return old
    fresh = creations.sketch(_draft(old, origin, template), bench, known)
    utm = _merged(old.utm, fresh.utm, origin.own)
    _obey(fresh.campaign_id, utm, known)
    values = {
        name: getattr(fresh, name)
        for name in origins.RENDERED
        if name not in origin.own and not name.startswith("utm.")
    }
    new = edits.next_version(old, {**values, "utm": utm}, bench, by_hand=False)
    if new == old:
        return old
    return msgspec.structs.replace(
        new, origin=msgspec.structs.replace(origin, template_version=template.version)
    )


def _draft(old: Link, origin: Origin, template: Template) -> Draft:
    values = msgspec.json.decode(origin.values)
    bare = msgspec.structs.replace(template, slug=None, domain=None)
    draft = templates.render(bare, values, old.created_at)
    if "campaign_id" in origin.own:
        draft = msgspec.structs.replace(draft, campaign_id=old.campaign_id or UNSET)
    own = {name: getattr(old.utm, name) for name in NAMES if f"utm.{name}" in origin.own}
    return msgspec.structs.replace(draft, utm={**(draft.utm or {}), **own})


def _merged(old: Utm, fresh: Utm, own: Sequence[str]) -> Utm:
    """The fresh parameters, but those that are the link's own."""
    kept: Mapping[str, str | None] = {name: getattr(old, name) for name in NAMES if f"utm.{name}" in own}
    return msgspec.structs.replace(fresh, **kept)


def _obey(campaign_id: str | None, utm: Utm, known: Known) -> None:
    campaign = known.get(campaign_id or "")
    errors = [] if campaign is None else campaigns.unfit(utm, campaign.utm_policy)
    if errors:
        raise Rejected(*errors)
