"""A campaign: links that are counted together, the UTM parameters they get, and the policy those obey."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from domain import ids
from domain.errors import Rejected, UserError, UserErrorCode
from domain.jobs import Job
from domain.money import Money
from domain.paging import Page, Window
from domain.utm import NAMES, Utm

_SHOWN_VALUES: Final = 20


class Channel(msgspec.Struct, frozen=True):
    """A way that a campaign reaches people, such as e-mail; a link made for it gets its source and medium."""

    name: str
    source: str
    medium: str


class UtmPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which UTM parameters a campaign's links must have, and what these may say.

    Args:
        required: parameters that no link may lack.
        allowed: for each parameter that is limited, the values it may have.
        lowercase: refuse capitals: analytics tools count Email and email apart.
    """

    required: tuple[str, ...] = ()
    allowed: Mapping[str, tuple[str, ...]] = {}
    lowercase: bool = False


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a campaign.

    Args:
        key: the utm_campaign value of its links, unique in the workspace whatever its case; never changes.
        key_folded: the key's identity.
        utm: what its links get where they say nothing of their own; `campaign` is the key.
        starts_at: for people and figures; links have times of their own.
        version: counts the changes, from 1; the optimistic lock.
    """

    id: str
    workspace_id: str
    name: str
    key: str
    key_folded: str
    channels: tuple[Channel, ...] = ()
    utm: Utm = Utm()
    utm_policy: UtmPolicy = UtmPolicy()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    cost: Money | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Conflict(StrEnum):
    """Why a store could not keep a campaign."""

    KEY = "key"
    STALE = "version"


class Campaigns(Protocol):
    """Where campaigns are kept. Each method raises errors.Unavailable while the database is away."""

    async def add(self, workspace_id: str, campaign: Campaign) -> Conflict | None:
        """Keep a new campaign; None when it is done."""
        ...

    async def by_ids(self, workspace_id: str, campaign_ids: Sequence[str]) -> dict[str, Campaign]:
        """Those that exist, by id."""
        ...

    async def page(self, workspace_id: str, window: Window) -> Page[Campaign]:
        """One stretch of the campaigns, newest first."""
        ...

    async def count(self, workspace_id: str, *, limit: int) -> int:
        """How many campaigns there are; counts no further than `limit`."""
        ...

    async def update(
        self, workspace_id: str, old: Campaign, new: Campaign, job: Job | None
    ) -> Conflict | None:
        """Replace `old` by `new`, if it is still what is kept, and keep `job` too; None when it is done."""
        ...


Known = Mapping[str, Campaign]
"""Campaigns of a workspace by id, as far as an edit needs them."""


async def known(wanted: Sequence[object], workspace_id: str, store: Campaigns) -> Known:
    """The campaigns that edits name, in one round trip; none where nobody names any.

    Args:
        wanted: ids as they were given; what is no campaign's id is passed over.
    """
    named = {each for each in wanted if isinstance(each, str) and ids.prefix_of(each) == "cmp"}
    return await store.by_ids(workspace_id, sorted(named)) if named else {}


def found(campaign_id: str, campaigns: Known, field: str = "campaign_id") -> Campaign:
    """The campaign of an id.

    Raises:
        Rejected: NOT_FOUND, at `field`.
    """
    campaign = campaigns.get(campaign_id)
    if campaign is None:
        raise Rejected(UserError(UserErrorCode.NOT_FOUND, "There is no campaign with this id.", (field,)))
    return campaign


def without_defaults(utm: Utm, campaign: Campaign | None) -> Utm:
    """What is left of a link's parameters when it leaves a campaign: all but those it has from there."""
    if campaign is None:
        return utm
    inherited = [name for name in NAMES if getattr(utm, name) == getattr(campaign.utm, name)]
    return msgspec.structs.replace(utm, **dict.fromkeys(inherited))


def with_defaults(utm: Utm, campaign: Campaign) -> Utm:
    """A link's parameters with those of its campaign where it says nothing of its own."""
    filled = {name: getattr(utm, name) or getattr(campaign.utm, name) for name in NAMES}
    return Utm(**filled)


def joined(
    values: dict[str, Any], campaigns: Known, *, utm: Utm | None = None, campaign_id: str | None = None
) -> dict[str, Any]:
    """The values that an edit sets, with the defaults of the link's campaign and judged by its policy.

    A link that stays in its campaign gets no defaults again, and is judged only where the edit changes its
    parameters: a policy that became stricter does not stand in the way of a new title.

    Args:
        values: what drafts.checked made of the edit, `utm` among them.
        campaigns: those that the edit and the link name.
        utm: the link's parameters before; None: it is new.
        campaign_id: the link's campaign before.

    Raises:
        Rejected: the campaign is not found, or its policy refuses a parameter.
    """
    wanted = values.get("campaign_id", campaign_id)
    if wanted is None:
        return values
    if wanted == campaign_id:
        if values["utm"] == utm or wanted not in campaigns:
            return values
        campaign, after = campaigns[wanted], values["utm"]
    else:
        campaign = found(wanted, campaigns)
        after = with_defaults(values["utm"], campaign)
    errors = unfit(after, campaign.utm_policy)
    if errors:
        raise Rejected(*errors)
    return {**values, "utm": after}


def unfit(utm: Utm, policy: UtmPolicy) -> list[UserError]:
    """What a policy has against parameters, one error each, naming what would be right."""
    missing = [
        UserError(
            UserErrorCode.REQUIRED, f"The campaign requires utm_{name}{_choice(name, policy)}.", _path(name)
        )
        for name in policy.required
        if getattr(utm, name) is None
    ]
    given = {name: value for name in NAMES if (value := getattr(utm, name)) is not None}
    return missing + [
        error for name, value in given.items() if (error := problem(name, value, policy)) is not None
    ]


def problem(name: str, value: str, policy: UtmPolicy) -> UserError | None:
    """What a policy has against the value of one parameter, or None."""
    if name in policy.allowed and value not in policy.allowed[name]:
        message = f"The campaign does not allow {value!r} as utm_{name}{_choice(name, policy)}."
        return UserError(UserErrorCode.NOT_ALLOWED, message, _path(name))
    if policy.lowercase and value != value.lower():
        message = f"The campaign's UTM parameters are lower-case: write utm_{name} as {value.lower()!r}."
        return UserError(UserErrorCode.INVALID, message, _path(name))
    return None


def _choice(name: str, policy: UtmPolicy) -> str:
    values = policy.allowed.get(name)
    if values is None:
        return ""
    more = f" and {len(values) - _SHOWN_VALUES} more" if len(values) > _SHOWN_VALUES else ""
    return f"; allowed: {', '.join(values[:_SHOWN_VALUES])}{more}"


def _path(name: str) -> tuple[str, str]:
    return ("utm", name)
