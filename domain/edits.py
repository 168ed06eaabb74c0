"""Edits: how links are made, changed, archived, restored and deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import UNSET

from domain import campaigns, drafts, ids, instants, origins, revisions, slugs
from domain.campaigns import Campaigns, Known
from domain.drafts import Draft
from domain.errors import Rejected, UserError, UserErrorCode
from domain.links import Conflict, Link, LinkChanged, LinkChanges, Links
from domain.revisions import Revisions
from domain.utm import Utm

MAX_ROWS: Final = 1_000
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """What an edit works with.

    Args:
        hosts: the workspace's hosts for short links, the default first.
        actor: id of the key, or name of the job, that edits.
    """

    workspace_id: str
    hosts: tuple[str, ...]
    actor: str
    links: Links
    revisions: Revisions
    campaigns: Campaigns
    changes: LinkChanges
    clock: instants.Clock
    ids: ids.Ids


async def create(draft: Draft, bench: Workbench) -> Link:
    """Make one link.

    Raises:
        Rejected: with everything that stands against it; then nothing was kept.
    """
    (made,) = await create_many([draft], bench)
    if isinstance(made, Rejected):
        raise made
    return made


async def create_many(rows: Sequence[Draft], bench: Workbench) -> list[Link | Rejected]:
    """Make up to MAX_ROWS links, each for itself, in a number of round trips that does not grow.

    Returns:
        For each row, in order, its link or why there is none.

    Raises:
        Rejected: there are no rows, or too many; then nothing was kept.
    """
    _count(rows)
    known = await campaigns.known([row.campaign_id for row in rows], bench.workspace_id, bench.campaigns)
    made = [_made(row, bench, known) for row in rows]
    _refuse_twins(made, rows, bench)
    waiting = {row: link for row, link in enumerate(made) if isinstance(link, Link)}
    while waiting:
        conflicts = await bench.links.add_many(bench.workspace_id, list(waiting.values()))
        waiting = {row: link for row, link in waiting.items() if link.id in conflicts}
        for row, link in waiting.items():
            made[row] = _settled(link, rows[row], conflicts[link.id], bench)
        waiting = {row: again for row in waiting if isinstance(again := made[row], Link)}
    await _tell([link for link in made if isinstance(link, Link)], bench)
    return made


def sketch(draft: Draft, bench: Workbench, known: Known) -> Link:
    """The link that a draft would make, judged in every way but whether its slug is free; nothing is kept.

    Args:
        known: the campaign that the draft names, by its id.

    Raises:
        Rejected: with everything that stands against it.
    """
    made = _made(draft, bench, known)
    if isinstance(made, Rejected):
        raise made
    return made


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
        new = _changed(old, draft, bench, await _concerned(old, draft, bench))
        if new == old:
            return old
        conflict = await _replace(old, new, bench)
        if conflict is None:
            return new
        if conflict is not Conflict.STALE:
            raise Rejected(_conflict(conflict, new))
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
        new = _next(old, revisions.undone(old, later), bench)
        if new == old:
            return old
        conflict = await _replace(old, new, bench)
        if conflict is None:
            return new
        if conflict is not Conflict.STALE:
            raise Rejected(_conflict(conflict, new))
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


def _count(rows: Sequence[Draft]) -> None:
    if not rows:
        raise Rejected(UserError(UserErrorCode.REQUIRED, "There are no rows; give 1 to 1,000.", ("input",)))
    if len(rows) > MAX_ROWS:
        message = f"There are {len(rows):,} rows; one call takes up to {MAX_ROWS:,}."
        raise Rejected(UserError(UserErrorCode.LIMIT_EXCEEDED, message, ("input",)))


def _made(draft: Draft, bench: Workbench, known: Known) -> Link | Rejected:
    try:
        values = drafts.checked(_without_nulls(draft), bench.hosts, Utm())
        return _consistent(_new(campaigns.joined(values, known), bench))
    except Rejected as rejected:
        return rejected


def _new(values: dict[str, Any], bench: Workbench) -> Link:
    now = bench.clock()
    slug = values.pop("slug", None) or slugs.generate(bench.ids.random_bytes)
    values.setdefault("domain", bench.hosts[0])
    return Link(
        id=bench.ids.at("lnk", instants.milliseconds(now)),
        workspace_id=bench.workspace_id,
        slug=slug,
        slug_key=slugs.key_of(slug),
        created_at=now,
        updated_at=now,
        changed_by=bench.actor,
        **values,
    )


def _without_nulls(draft: Draft) -> Draft:
    """In a new link, null means the same as leaving the field out: its default."""
    nulls = {name: UNSET for name in draft.__struct_fields__ if getattr(draft, name) is None}
    return msgspec.structs.replace(draft, **nulls)


def _refuse_twins(made: list[Link | Rejected], rows: Sequence[Draft], bench: Workbench) -> None:
    """Of rows that ask for the same slug or external id the first keeps it, unless their slug yields."""
    seen: dict[tuple[str | None, ...], int] = {}
    for row, link in enumerate(made):
        if isinstance(link, Rejected):
            continue
        claims: dict[Conflict, tuple[str | None, ...]] = {Conflict.SLUG: (link.domain, link.slug_key)}
        if link.external_id is not None:
            claims[Conflict.EXTERNAL_ID] = ("external", link.external_source, link.external_id)
        twins = {field: seen[claim] for field, claim in claims.items() if claim in seen}
        if twins.keys() == {Conflict.SLUG} and rows[row].slug_yields:
            made[row] = suffixed = _suffixed(link, bench)
            claims[Conflict.SLUG] = (suffixed.domain, suffixed.slug_key)
            seen.update(dict.fromkeys(claims.values(), row))
        elif twins:
            made[row] = Rejected(*(_twin(field, link, other) for field, other in twins.items()))
        else:
            seen.update(dict.fromkeys(claims.values(), row))


def _twin(field: Conflict, link: Link, other: int) -> UserError:
    return UserError(
        UserErrorCode.TAKEN, f"Row {other} of this call already has {_claim(field, link)}.", (field.value,)
    )


def _settled(link: Link, draft: Draft, reasons: frozenset[Conflict], bench: Workbench) -> Link | Rejected:
    """What becomes of a row in conflict: a generated slug is drawn again, one that yields gets a suffix.

    The rest the caller must solve.
    """
    if reasons == {Conflict.SLUG} and draft.slug_yields and isinstance(draft.slug, str):
        return _suffixed(msgspec.structs.replace(link, slug=draft.slug), bench)
    if reasons != {Conflict.SLUG} or isinstance(draft.slug, str):
        return Rejected(*(_conflict(reason, link) for reason in sorted(reasons)))
    slug = slugs.generate(bench.ids.random_bytes)
    return msgspec.structs.replace(link, slug=slug, slug_key=slug)


def _suffixed(link: Link, bench: Workbench) -> Link:
    slug = slugs.suffixed(link.slug, bench.ids.random_bytes)
    return msgspec.structs.replace(link, slug=slug, slug_key=slugs.key_of(slug))


async def _concerned(old: Link, draft: Draft, bench: Workbench) -> Known:
    """The campaigns that an edit has to do with: none where it leaves campaign and parameters alone."""
    if draft.campaign_id is UNSET and draft.utm is UNSET and draft.destination is UNSET:
        return {}
    return await campaigns.known([old.campaign_id, draft.campaign_id], bench.workspace_id, bench.campaigns)


def _changed(old: Link, draft: Draft, bench: Workbench, known: Known) -> Link:
    current = old.utm
    if draft.campaign_id is not UNSET and draft.campaign_id != old.campaign_id:
        current = campaigns.without_defaults(old.utm, known.get(old.campaign_id or ""))
    values = drafts.checked(draft, bench.hosts, current)
    values = campaigns.joined(values, known, utm=old.utm, campaign_id=old.campaign_id)
    if "slug" in values:
        values["slug_key"] = slugs.key_of(values["slug"])
    if draft.external_id is None and draft.external_source is UNSET:
        values["external_source"] = None
    return _next(old, values, bench)


def _next(old: Link, values: dict[str, Any], bench: Workbench) -> Link:
    """The next version of a link, or `old` itself where the values change nothing."""
    new = msgspec.structs.replace(old, **values)
    if new == old:
        return old
    # A clock that steps back must not sort a change before what was changed.
    updated_at = max(bench.clock(), old.updated_at)
    version = old.version + 1
    new = msgspec.structs.replace(new, version=version, updated_at=updated_at, changed_by=bench.actor)
    return _consistent(msgspec.structs.replace(new, origin=origins.edited(old, new)))


def _consistent(link: Link) -> Link:
    """The link, if its fields agree with one another."""
    errors = []
    if link.starts_at is not None and link.expires_at is not None and link.starts_at >= link.expires_at:
        message = "The link expires before it starts; set expiresAt behind startsAt."
        errors.append(UserError(UserErrorCode.INVALID, message, ("expires_at",)))
    if link.external_source is not None and link.external_id is None:
        message = "There is no externalId for the externalSource; give both or neither."
        errors.append(UserError(UserErrorCode.REQUIRED, message, ("external_id",)))
    if errors:
        raise Rejected(*errors)
    return link


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
        new = _next(old, {"archived_at": bench.clock() if archived else None}, bench)
        if await _replace(old, new, bench) is None:
            return new
    raise Rejected(_stale(old))


async def _replace(old: Link, new: Link, bench: Workbench) -> Conflict | None:
    conflict = await bench.links.update(bench.workspace_id, old, new)
    if conflict is None:
        places = dict.fromkeys(((old.domain, old.slug_key), (new.domain, new.slug_key)))
        await bench.changes.publish([LinkChanged(*place, new.version) for place in places])
    return conflict


async def _tell(made: Sequence[Link], bench: Workbench) -> None:
    if made:
        await bench.changes.publish([LinkChanged(link.domain, link.slug_key, link.version) for link in made])


def _conflict(reason: Conflict, link: Link) -> UserError:
    return UserError(
        UserErrorCode.TAKEN, f"Another link already has {_claim(reason, link)}.", (reason.value,)
    )


def _claim(field: Conflict, link: Link) -> str:
    if field is Conflict.SLUG:
        return f"the slug {link.slug!r} on {link.domain}, or had it before it was deleted"
    return f"the external id {link.external_id!r}"


def _no_version(version: int, current: Link) -> UserError:
    message = f"There is no version {version} to go back to; the link has versions 1 to {current.version}."
    return UserError(UserErrorCode.NOT_FOUND, message, ("to_version",))


def _stale(current: Link) -> UserError:
    message = f"The link is at version {current.version} by now; read it again."
    return UserError(UserErrorCode.STALE, message, ("version",))
