"""Template edits: how templates are made and changed, and what one would make of values."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from domain import campaigns, creations, fields, ids, instants, template_drafts, templates
from domain.campaigns import Known
from domain.errors import UserErrorCode
from domain.jobs import Job
from domain.links import Link
from domain.template_drafts import TemplateDraft
from domain.templates import Template, Templates
from domain.workbenches import Workbench

_ATTEMPTS: Final = 5
Follow = Callable[[Template], Awaitable[Job | None]]


async def create(draft: TemplateDraft, bench: Workbench, store: Templates) -> Template:
    """Make a template.

    Raises:
        Rejected: with everything that stands against it; then nothing was kept.
    """
    values = template_drafts.checked(draft, bench.hosts)
    now = bench.clock()
    template = Template(
        id=bench.ids.at("tpl", instants.milliseconds(now)),
        workspace_id=bench.workspace_id,
        created_at=now,
        updated_at=now,
        **values,
    )
    template = await _vetted(template, bench)
    await store.add(bench.workspace_id, template)
    return template


async def change(  # noqa: PLR0917 - what is changed, and with what
    template_id: str,
    draft: TemplateDraft,
    version: int | None,
    bench: Workbench,
    store: Templates,
    follow: Follow | None = None,
) -> tuple[Template, Job | None]:
    """Change what a draft gives of a template; a draft that changes nothing makes no new version.

    Args:
        version: the version that the caller saw; None changes whatever is there.
        follow: the job that its links ask for, told of the new version; it is kept together with the change.

    Returns:
        The template as it is now, and that job.

    Raises:
        Rejected: NOT_FOUND, STALE (the template is at another version), or what is wrong with the draft.
    """
    for _ in range(_ATTEMPTS):
        old = await _found(template_id, bench, store)
        if version is not None and version != old.version:
            break
        new = await _changed(old, draft, bench)
        job = None if follow is None else await follow(new)
        if await store.update(bench.workspace_id, old, new, job):
            return new, job
    message = f"The template is at version {old.version} by now; read it again."
    raise fields.refused("version", message, UserErrorCode.STALE)


def preview(template: Template, given: object, bench: Workbench, known: Known) -> Link:
    """The link that a template would make of values now, judged in every way but whether its slug is free.

    Args:
        known: the template's campaign, by its id.

    Raises:
        Rejected: with every variable that is missing or wrong, or what stands against the link.
    """
    return creations.sketch(templates.render(template, given, bench.clock()), bench, known)


async def _changed(old: Template, draft: TemplateDraft, bench: Workbench) -> Template:
    values = template_drafts.checked(draft, bench.hosts)
    if isinstance(draft.utm, dict):
        kept = {name: source for name in draft.utm if (source := getattr(values["utm"], name))}
        cleared = {name: None for name in draft.utm if name not in kept}
        values["utm"] = msgspec.structs.replace(old.utm, **kept, **cleared)
    new = await _vetted(msgspec.structs.replace(old, **values), bench)
    if new == old:
        return old
    # A clock that steps back must not sort a change before what was changed.
    updated_at = max(bench.clock(), old.updated_at)
    return msgspec.structs.replace(new, version=old.version + 1, updated_at=updated_at)


async def _vetted(template: Template, bench: Workbench) -> Template:
    if template.campaign_id is not None:
        known = await campaigns.known([template.campaign_id], bench.workspace_id, bench.campaigns)
        campaigns.found(template.campaign_id, known)
    return template_drafts.completed(template, bench.hosts)


async def _found(template_id: str, bench: Workbench, store: Templates) -> Template:
    wanted = [template_id] if ids.prefix_of(template_id) == "tpl" else []
    template = (await store.by_ids(bench.workspace_id, wanted)).get(template_id) if wanted else None
    if template is None:
        raise fields.refused("id", "There is no template with this id.", UserErrorCode.NOT_FOUND)
    return template
