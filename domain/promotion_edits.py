"""Promotion edits: how promotions are made and changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import UNSET

from domain import fields, instants
from domain.errors import Rejected, UserError, UserErrorCode
from domain.ids import Ids
from domain.instants import Clock
from domain.promotion_drafts import PromotionDraft, checked, host_of, uid
from domain.promotions import Conflict, Promotion, Promotions

_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What edits of promotions work with.

    Args:
        hosts: the workspace's hosts of short links.
    """

    workspace_id: str
    hosts: Sequence[str]
    promotions: Promotions
    clock: Clock
    ids: Ids


async def create(given_uid: str, draft: PromotionDraft, desk: Desk) -> Promotion:
    """Make a promotion.

    Raises:
        Rejected: with everything that stands against it; then nothing was kept.
    """
    errors: list[UserError] = []
    try:
        name = uid(given_uid)
    except Rejected as rejected:
        name, errors = "", [*rejected.errors]
    try:
        values = checked(_without_nulls(draft), desk.hosts)
    except Rejected as rejected:
        errors += rejected.errors
    if errors:
        raise Rejected(*errors)
    promotion = _new(name, values, desk)
    if await desk.promotions.add(desk.workspace_id, promotion) is not None:
        message = f"Another promotion already has the UID {name!r}."
        raise fields.refused("uid", message, UserErrorCode.TAKEN)
    return promotion


async def change(given_uid: str, draft: PromotionDraft, version: int | None, desk: Desk) -> Promotion:
    """Change what a draft gives of a promotion; a draft that changes nothing makes no new version.

    Args:
        version: the version that the caller saw; None changes whatever is there.

    Raises:
        Rejected: NOT_FOUND, STALE (the promotion is at another version), or what is wrong with the draft.
    """
    for _ in range(_ATTEMPTS):
        old = found(await desk.promotions.by_uid(desk.workspace_id, given_uid))
        if version is not None and version != old.version:
            break
        new = _changed(old, draft, desk)
        if await desk.promotions.update(desk.workspace_id, old, new) is None:
            return new
    message = f"The promotion is at version {old.version} by now; read it again."
    raise fields.refused(Conflict.STALE.value, message, UserErrorCode.STALE)


def found(promotion: Promotion | None, field: str = "uid") -> Promotion:
    """The promotion that a call names.

    Raises:
        Rejected: NOT_FOUND, at `field`.
    """
    if promotion is None:
        raise fields.refused(field, "There is no promotion with this UID.", UserErrorCode.NOT_FOUND)
    return promotion


def _without_nulls(draft: PromotionDraft) -> PromotionDraft:
    """In a new promotion, null means the same as leaving the field out: its default."""
    nulls = {name: UNSET for name in draft.__struct_fields__ if getattr(draft, name) is None}
    return msgspec.structs.replace(draft, **nulls)


def _new(name: str, values: Mapping[str, Any], desk: Desk) -> Promotion:
    now = desk.clock()
    return _consistent(
        Promotion(
            id=desk.ids.at("prm", instants.milliseconds(now)),
            workspace_id=desk.workspace_id,
            uid=name,
            created_at=now,
            updated_at=now,
            **values,
        )
    )


def _changed(old: Promotion, draft: PromotionDraft, desk: Desk) -> Promotion:
    new = _consistent(msgspec.structs.replace(old, **checked(draft, desk.hosts)))
    if new == old:
        return old
    # A clock that steps back must not sort a change before what was changed.
    updated_at = max(desk.clock(), old.updated_at)
    return msgspec.structs.replace(new, version=old.version + 1, updated_at=updated_at)


def _consistent(promotion: Promotion) -> Promotion:
    """The promotion, if its fields agree with one another; its target's host is always allowed."""
    starts, ends = promotion.starts_at, promotion.ends_at
    if starts is not None and ends is not None and starts >= ends:
        message = "The promotion ends before it starts; set endsAt behind startsAt."
        raise fields.refused("ends_at", message)
    own = host_of(promotion.target_url)
    if own in promotion.allowed_hosts:
        return promotion
    return msgspec.structs.replace(promotion, allowed_hosts=(own, *promotion.allowed_hosts))
