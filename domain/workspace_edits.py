"""Workspace edits: what its owner may change of a workspace, and the judgement of it, field by field."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from domain import fields, windows
from domain.attributions import AttributionModel
from domain.conversions import Conversions
from domain.errors import Rejected, UserError, UserErrorCode
from domain.fields import Check
from domain.instants import Clock
from domain.workspaces import Workspace, Workspaces

LONGEST_RETENTION_DAYS: Final = 36_500
LONGEST_WINDOW_DAYS: Final = 365
_SHOWN: Final = 50
_ATTRIBUTION: Final = ("attribution", "attribution_window_days")
_RECOUNT_AFTER: Final = timedelta(seconds=10)


class WorkspaceDraft(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that a caller gave, as they were given; UNSET: not given, None: cleared or the default."""

    name: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    click_retention_days: int | UnsetType | None = UNSET
    attribution: AttributionModel | UnsetType | None = UNSET
    attribution_window_days: int | UnsetType | None = UNSET


async def change(
    workspace: Workspace, draft: WorkspaceDraft, store: Workspaces, conversions: Conversions, clock: Clock
) -> Workspace:
    """Change what a draft gives of a workspace; conversions follow a change of their attribution.

    Raises:
        Rejected: with every field that breaks a rule; then nothing was changed.
    """
    values, errors = fields.judged(draft, _CHECKS, _CLEARED, ())
    if "name" in values and values["name"] is None:
        errors.append(UserError(UserErrorCode.REQUIRED, "A workspace needs a name.", ("name",)))
    if errors:
        raise Rejected(*errors)
    if not values:
        return workspace
    if any(values.get(name, getattr(workspace, name)) != getattr(workspace, name) for name in _ATTRIBUTION):
        # Ahead of the change, which takes less: should we die between the two, nothing is left undone.
        await conversions.recount_all(workspace.id, clock() + _RECOUNT_AFTER)
    changed = await store.update(workspace.id, values, clock())
    if changed is None:
        raise Rejected(UserError(UserErrorCode.NOT_FOUND, "The workspace does not exist any more."))
    return changed


def _timezone(given: str, _hosts: Sequence[str]) -> str:
    if not windows.exists(given):
        raise fields.refused("timezone", f"{given[:_SHOWN]!r} is no IANA time zone, as Europe/London is.")
    return given


def _days(given: int, _hosts: Sequence[str]) -> int:
    if not 1 <= given <= LONGEST_RETENTION_DAYS:
        message = f"Clicks are kept for 1 to {LONGEST_RETENTION_DAYS:,} days, or for ever: null; not {given}."
        raise fields.refused("click_retention_days", message)
    return given


def _window_days(given: int, _hosts: Sequence[str]) -> int:
    if not 1 <= given <= LONGEST_WINDOW_DAYS:
        message = f"The window of attribution is 1 to {LONGEST_WINDOW_DAYS} days, not {given}."
        raise fields.refused("attribution_window_days", message)
    return given


_CLEARED: Final = {"timezone": "UTC", "attribution": AttributionModel.LAST, "attribution_window_days": 30}
_CHECKS: Final[Mapping[str, Check]] = {
    "name": fields.text("name", 200),
    "timezone": _timezone,
    "click_retention_days": _days,
    "attribution": lambda given, _hosts: given,
    "attribution_window_days": _window_days,
}
