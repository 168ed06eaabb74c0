"""Creations: how new links are made of drafts, one or many at a time."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from domain import campaigns, drafts, instants, slugs
from domain.campaigns import Known
from domain.drafts import Draft
from domain.errors import Rejected, UserError, UserErrorCode
from domain.links import Conflict, Link, LinkChanged
from domain.utm import Utm
from domain.workbenches import Workbench

MAX_ROWS: Final = 1_000
PERMANENT: Final = (301, 308)


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
    made = [judged(row, bench, known) for row in rows]
    spares = [spare_slug(row, link) for row, link in zip(rows, made, strict=True)]
    refuse_twins(made, spares, bench)
    waiting = {row: link for row, link in enumerate(made) if isinstance(link, Link)}
    while waiting:
        conflicts = await bench.links.add_many(bench.workspace_id, list(waiting.values()))
        waiting = {row: link for row, link in waiting.items() if link.id in conflicts}
        for row, link in waiting.items():
            made[row] = settled(link, spares[row], conflicts[link.id], bench.ids.random_bytes)
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
    made = judged(draft, bench, known)
    if isinstance(made, Rejected):
        raise made
    return made


def consistent(link: Link) -> Link:
    """The link, if its fields agree with one another."""
    errors = []
    if link.starts_at is not None and link.expires_at is not None and link.starts_at >= link.expires_at:
        message = "The link expires before it starts; set expiresAt behind startsAt."
        errors.append(UserError(UserErrorCode.INVALID, message, ("expires_at",)))
    if link.external_source is not None and link.external_id is None:
        message = "There is no externalId for the externalSource; give both or neither."
        errors.append(UserError(UserErrorCode.REQUIRED, message, ("external_id",)))
    if link.click_limit is not None and link.redirect_code in PERMANENT:
        message = (
            "Browsers keep what 301 and 308 say, and would not ask again; a clickLimit needs 302 or 307."
        )
        errors.append(UserError(UserErrorCode.INVALID, message, ("click_limit",)))
    if errors:
        raise Rejected(*errors)
    return link


def taken(reason: Conflict, link: Link) -> UserError:
    """The user error of a link that another one is in the way of."""
    return UserError(
        UserErrorCode.TAKEN, f"Another link already has {_claim(reason, link)}.", (reason.value,)
    )


def judged(draft: Draft, bench: Workbench, known: Known) -> Link | Rejected:
    """The link of a draft, or all that stands against it; whether its slug is free only the store knows.

    Args:
        known: the campaign that the draft names, by its id.
    """
    try:
        values = drafts.checked(_without_nulls(draft), bench.hosts, Utm())
        return consistent(_new(campaigns.joined(values, known), bench))
    except Rejected as rejected:
        return rejected


def spare_slug(draft: Draft, link: Link | Rejected) -> str | None:
    """What a link falls back on whose slug is taken.

    Returns:
        None: nothing; an empty text: a drawn slug; any other text: that with a short suffix.
    """
    if isinstance(link, Rejected) or not isinstance(draft.slug, str):
        return ""
    return link.slug if draft.slug_yields else None


def refuse_twins(
    made: list[Link | Rejected], spares: Sequence[str | None], bench: Workbench, *, first: int = 0
) -> None:
    """Of rows that ask for the same slug or external id the first keeps it, unless their slug yields.

    Args:
        made: what becomes of the rows; changed in place.
        spares: see spare_slug.
        first: number of the first row, for messages.
    """
    seen: dict[tuple[str | None, ...], int] = {}
    for row, link in enumerate(made):
        if isinstance(link, Rejected):
            continue
        claims: dict[Conflict, tuple[str | None, ...]] = {Conflict.SLUG: (link.domain, link.slug_key)}
        if link.external_id is not None:
            claims[Conflict.EXTERNAL_ID] = ("external", link.external_source, link.external_id)
        twins = {field: seen[claim] for field, claim in claims.items() if claim in seen}
        if twins.keys() == {Conflict.SLUG} and spares[row] is not None:
            made[row] = spared = _spared(link, spares[row] or "", bench.ids.random_bytes)
            claims[Conflict.SLUG] = (spared.domain, spared.slug_key)
        elif twins:
            made[row] = Rejected(*(_twin(field, link, first + other) for field, other in twins.items()))
            continue
        seen.update(dict.fromkeys(claims.values(), row))


def settled(
    link: Link, spare: str | None, reasons: frozenset[Conflict], random_bytes: Callable[[int], bytes]
) -> Link | Rejected:
    """What becomes of a new link in conflict; without anything to fall back on, its caller must solve it.

    Args:
        spare: see spare_slug.
        reasons: what the store has against it.
    """
    if spare is not None:
        reasons -= {Conflict.SLUG}
        if not reasons:
            return _spared(link, spare, random_bytes)
    return Rejected(*(taken(reason, link) for reason in sorted(reasons)))


def _claim(field: Conflict, link: Link) -> str:
    if field is Conflict.SLUG:
        return f"the slug {link.slug!r} on {link.domain}, or had it before it was deleted"
    return f"the external id {link.external_id!r}"


def _count(rows: Sequence[Draft]) -> None:
    if not rows:
        raise Rejected(UserError(UserErrorCode.REQUIRED, "There are no rows; give 1 to 1,000.", ("input",)))
    if len(rows) > MAX_ROWS:
        message = f"There are {len(rows):,} rows; one call takes up to {MAX_ROWS:,}."
        raise Rejected(UserError(UserErrorCode.LIMIT_EXCEEDED, message, ("input",)))


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


def _twin(field: Conflict, link: Link, other: int) -> UserError:
    return UserError(
        UserErrorCode.TAKEN, f"Row {other} of this call already has {_claim(field, link)}.", (field.value,)
    )


def _spared(link: Link, spare: str, random_bytes: Callable[[int], bytes]) -> Link:
    slug = slugs.suffixed(spare, random_bytes) if spare else slugs.generate(random_bytes)
    return msgspec.structs.replace(link, slug=slug, slug_key=slugs.key_of(slug))


async def _tell(made: Sequence[Link], bench: Workbench) -> None:
    if made:
        await bench.changes.publish([LinkChanged(link.domain, link.slug_key, link.version) for link in made])
