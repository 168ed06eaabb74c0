"""Edits: how links are changed, archived, restored, rolled back and deleted."""

from typing import Any, Final

import msgspec
from msgspec import UNSET

from domain import campaigns, creations, drafts, ids, origins, revisions, slugs
from domain.campaigns import Known
from domain.drafts import Draft
from domain.errors import Rejected, UserError, UserErrorCode
from domain.links import Conflict, Link, LinkChanged
from domain.workbenches import Workbench

_ATTEMPTS: Final = 5


async def change(link_id: str, draft: Draft, version: int | None, bench: Workbench) -> Link:
    """Change what a draft gives of a link; a draft that changes nothing makes no new version.

    Args:
        version: the version that the caller saw; None changes whatever is there.

    Raises:
        Rejected: NOT_FOUND, STALE (the link is at another version), TAKEN, or what is wrong with the draft.
    """
    for _ in range(_ATTEMPTS):
        old = await _found(link_id, bench)
        if version is not None and version != old.version:
            break
        new = next_version(old, judged(old, draft, bench, await _concerned(old, draft, bench)), bench)
        if new == old:
            return old
        conflict = await _replace(old, new, bench)
        if conflict is None:
            return new
        if conflict is not Conflict.STALE:
            raise Rejected(creations.taken(conflict, new))
    raise Rejected(_stale(old))


async def archive(link_id: str, bench: Workbench) -> Link:
    """Take a link out of use, keeping it; an archived one stays so. Raises Rejected: NOT_FOUND, STALE."""
    return await _set_archived(link_id, bench, archived=True)


async def restore(link_id: str, bench: Workbench) -> Link:
    """Put an archived link back into use. Raises Rejected: NOT_FOUND, STALE."""
    return await _set_archived(link_id, bench, archived=False)


async def roll_back(link_id: str, to_version: int, bench: Workbench) -> Link:
    """Make a new version of a link with everything as it was at an earlier one.

    Raises:
        Rejected: NOT_FOUND (the link, or what it was then), STALE, or TAKEN: another has its slug of then.
    """
    for _ in range(_ATTEMPTS):
        old = await _found(link_id, bench)
        later = await bench.revisions.since(bench.workspace_id, link_id, to_version)
        if to_version < 1 or len(later) != old.version - to_version:
            raise Rejected(_no_version(to_version, old))
        new = next_version(old, revisions.undone(old, later), bench)
        if new == old:
            return old
        conflict = await _replace(old, new, bench)
        if conflict is None:
            return new
        if conflict is not Conflict.STALE:
            raise Rejected(creations.taken(conflict, new))
    raise Rejected(_stale(old))


async def delete(link_id: str, bench: Workbench) -> str:
    """Delete a link for good; its slug stays taken, so that nobody inherits its visitors.

    Raises:
        Rejected: NOT_FOUND or STALE.
    """
    for _ in range(_ATTEMPTS):
        old = await _found(link_id, bench)
        if await bench.links.remove(bench.workspace_id, old, bench.clock()) is None:
            await bench.changes.publish([LinkChanged(old.domain, old.slug_key, old.version + 1)])
            return link_id
    raise Rejected(_stale(old))


def judged(old: Link, draft: Draft, bench: Workbench, known: Known) -> dict[str, Any]:
    """The fields that a draft changes of a link, vetted.

    Args:
        known: the campaigns that the link and the draft name, by id.

    Raises:
        Rejected: with everything that stands against them.
    """
    current = old.utm
    if draft.campaign_id is not UNSET and draft.campaign_id != old.campaign_id:
        current = campaigns.without_defaults(old.utm, known.get(old.campaign_id or ""))
    values = drafts.checked(draft, bench.hosts, current)
    values = campaigns.joined(values, known, utm=old.utm, campaign_id=old.campaign_id)
    if "slug" in values:
        values["slug_key"] = slugs.key_of(values["slug"])
    if draft.external_id is None and draft.external_source is UNSET:
        values["external_source"] = None
    return values


def next_version(old: Link, values: dict[str, Any], bench: Workbench, *, by_hand: bool = True) -> Link:
    """The next version of a link, or `old` itself where the values change nothing.

    Args:
        by_hand: what changes is the link's own from now on, and re-renderings leave it alone.

    Raises:
        Rejected: the fields do not agree with one another.
    """
    new = msgspec.structs.replace(old, **values)
    if new == old:
        return old
    # A clock that steps back must not sort a change before what was changed.
    updated_at = max(bench.clock(), old.updated_at)
    version = old.version + 1
    new = msgspec.structs.replace(new, version=version, updated_at=updated_at, changed_by=bench.actor)
    if by_hand:
        new = msgspec.structs.replace(new, origin=origins.edited(old, new))
    return creations.consistent(new)


async def _concerned(old: Link, draft: Draft, bench: Workbench) -> Known:
    """The campaigns that an edit has to do with: none where it leaves campaign and parameters alone."""
    if draft.campaign_id is UNSET and draft.utm is UNSET and draft.destination is UNSET:
        return {}
    return await campaigns.known([old.campaign_id, draft.campaign_id], bench.workspace_id, bench.campaigns)


async def _found(link_id: str, bench: Workbench) -> Link:
    is_link = ids.prefix_of(link_id) == "lnk"
    link = await bench.links.by_id(bench.workspace_id, link_id) if is_link else None
    if link is None:
        raise Rejected(UserError(UserErrorCode.NOT_FOUND, "There is no link with this id.", ("id",)))
    return link


async def _set_archived(link_id: str, bench: Workbench, *, archived: bool) -> Link:
    for _ in range(_ATTEMPTS):
        old = await _found(link_id, bench)
        if (old.archived_at is not None) == archived:
            return old
        new = next_version(old, {"archived_at": bench.clock() if archived else None}, bench)
        if await _replace(old, new, bench) is None:
            return new
    raise Rejected(_stale(old))


async def _replace(old: Link, new: Link, bench: Workbench) -> Conflict | None:
    conflict = await bench.links.update(bench.workspace_id, old, new)
    if conflict is None:
        places = dict.fromkeys(((old.domain, old.slug_key), (new.domain, new.slug_key)))
        await bench.changes.publish([LinkChanged(*place, new.version) for place in places])
    return conflict


def _no_version(version: int, current: Link) -> UserError:
    message = f"There is no version {version} to go back to; the link has versions 1 to {current.version}."
    return UserError(UserErrorCode.NOT_FOUND, message, ("to_version",))


def _stale(current: Link) -> UserError:
    message = f"The link is at version {current.version} by now; read it again."
    return UserError(UserErrorCode.STALE, message, ("version",))
