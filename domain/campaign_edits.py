"""Campaign edits: how campaigns are made and changed, and how one makes the links of all its channels."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from domain import campaigns, creations, fields, instants, slugs
from domain.campaign_drafts import CampaignDraft, checked
from domain.campaigns import Campaign, Channel, Conflict, UtmPolicy
from domain.drafts import Draft
from domain.errors import Rejected, UserError, UserErrorCode
from domain.jobs import Job
from domain.links import Link
from domain.utm import NAMES, Utm, merged
from domain.workbenches import Workbench

_ATTEMPTS: Final = 5
Follow = Callable[[Campaign, Campaign], Awaitable[Job | None]]


async def create(draft: CampaignDraft, bench: Workbench) -> Campaign:
    """Make a campaign; without a key it gets one from its name, with a suffix where that is taken.

    Raises:
        Rejected: with everything that stands against it; then nothing was kept.
    """
    values = {name: value for name, value in checked(draft).items() if value is not None}
    given = values.pop("key", None)
    key = given or slugs.from_words(values["name"]) or slugs.generate(bench.ids.random_bytes)
    for _ in range(_ATTEMPTS):
        campaign = _new(values, key, bench)
        conflict = await bench.campaigns.add(bench.workspace_id, campaign)
        if conflict is None:
            return campaign
        if given is not None:
            break
        key = slugs.suffixed(slugs.from_words(values["name"]), bench.ids.random_bytes)
    raise fields.refused("key", f"Another campaign already has the key {key!r}.", UserErrorCode.TAKEN)


async def change(
    campaign_id: str, draft: CampaignDraft, version: int | None, bench: Workbench, follow: Follow
) -> tuple[Campaign, Job | None]:
    """Change what a draft gives of a campaign; a draft that changes nothing makes no new version.

    Args:
        version: the version that the caller saw; None changes whatever is there.
        follow: the job that the change asks for, told before and after; it is kept together with the change.

    Returns:
        The campaign as it is now, and that job.

    Raises:
        Rejected: NOT_FOUND, STALE (the campaign is at another version), or what is wrong with the draft.
    """
    for _ in range(_ATTEMPTS):
        known = await campaigns.known([campaign_id], bench.workspace_id, bench.campaigns)
        old = campaigns.found(campaign_id, known, "id")
        if version is not None and version != old.version:
            break
        new = _changed(old, draft, bench)
        if new == old:
            return old, None
        job = await follow(old, new)
        if await bench.campaigns.update(bench.workspace_id, old, new, job) is None:
            return new, job
    message = f"The campaign is at version {old.version} by now; read it again."
    raise fields.refused(Conflict.STALE.value, message, UserErrorCode.STALE)


async def create_links(campaign_id: str, draft: Draft, bench: Workbench) -> list[Link | Rejected]:
    """Make one link for each channel of a campaign, each for itself, with the channel's source and medium.

    A slug in the draft gets the channel's name behind it: spring becomes spring-email, spring-social …

    Raises:
        Rejected: there is no such campaign, it has no channels, or the draft gives what differs by channel.
    """
    known = await campaigns.known([campaign_id], bench.workspace_id, bench.campaigns)
    campaign = campaigns.found(campaign_id, known)
    _refuse_of_channels(draft, campaign)
    return await creations.create_many(
        [_row(draft, campaign, channel) for channel in campaign.channels], bench
    )


def _new(values: Mapping[str, Any], key: str, bench: Workbench) -> Campaign:
    now = bench.clock()
    rest = {name: value for name, value in values.items() if name != "utm"}
    campaign = Campaign(
        id=bench.ids.at("cmp", instants.milliseconds(now)),
        workspace_id=bench.workspace_id,
        key=key,
        key_folded=slugs.key_of(key),
        utm=merged(Utm(campaign=key), values.get("utm") or {}),
        created_at=now,
        updated_at=now,
        **rest,
    )
    return _consistent(campaign)


def _changed(old: Campaign, draft: CampaignDraft, bench: Workbench) -> Campaign:
    values = checked(draft)
    if "utm" in values:
        given = values["utm"]
        current = old.utm if given is not None else Utm()
        values["utm"] = merged(
            current, {**(given or {}), "campaign": (given or {}).get("campaign") or old.key}
        )
    new = msgspec.structs.replace(old, **values)
    if new == old:
        return old
    # A clock that steps back must not sort a change before what was changed.
    updated_at = max(bench.clock(), old.updated_at)
    return _consistent(msgspec.structs.replace(new, version=old.version + 1, updated_at=updated_at))


def _consistent(campaign: Campaign) -> Campaign:
    """The campaign, if its fields agree with one another: its own values obey its policy."""
    policy = campaign.utm_policy
    own = [
        error
        for name in NAMES
        if (value := getattr(campaign.utm, name)) is not None
        if (error := campaigns.problem(name, value, policy)) is not None
    ]
    errors = own + [
        error for number, each in enumerate(campaign.channels) for error in _unfit(number, each, policy)
    ]
    if campaign.utm.campaign != campaign.key:
        message = f"A campaign's utm_campaign is its key, {campaign.key!r}; leave it out."
        errors.append(UserError(UserErrorCode.INVALID, message, ("utm", "campaign")))
    if campaign.starts_at and campaign.ends_at and campaign.starts_at >= campaign.ends_at:
        message = "The campaign ends before it starts; set endsAt behind startsAt."
        errors.append(UserError(UserErrorCode.INVALID, message, ("ends_at",)))
    if errors:
        raise Rejected(*errors)
    return campaign


def _unfit(number: int, channel: Channel, policy: UtmPolicy) -> list[UserError]:
    found = ((name, campaigns.problem(name, getattr(channel, name), policy)) for name in ("source", "medium"))
    return [
        UserError(error.code, error.message, ("channels", str(number), name))
        for name, error in found
        if error is not None
    ]


def _refuse_of_channels(draft: Draft, campaign: Campaign) -> None:
    errors = []
    if not campaign.channels:
        message = "The campaign has no channels; give it some with updateCampaign."
        errors.append(UserError(UserErrorCode.REQUIRED, message, ("campaign_id",)))
    if isinstance(draft.campaign_id, str) and draft.campaign_id != campaign.id:
        message = "This is another campaign than the call's; leave it out."
        errors.append(UserError(UserErrorCode.INVALID, message, ("input", "campaign_id")))
    if isinstance(draft.external_id, str):
        message = "An external id belongs to one link, and this makes several; set it with updateLink."
        errors.append(UserError(UserErrorCode.INVALID, message, ("input", "external_id")))
    given = draft.utm if isinstance(draft.utm, Mapping) else {}
    errors += [
        UserError(
            UserErrorCode.INVALID,
            f"Each channel gives its own utm_{name}; leave it out.",
            ("input", "utm", name),
        )
        for name in ("source", "medium")
        if given.get(name)
    ]
    if errors:
        raise Rejected(*errors)


def _row(draft: Draft, campaign: Campaign, channel: Channel) -> Draft:
    given = draft.utm if isinstance(draft.utm, Mapping) else {}
    slug = f"{draft.slug}-{slugs.from_words(channel.name)}" if isinstance(draft.slug, str) else draft.slug
    utm = {**given, "source": channel.source, "medium": channel.medium}
    return msgspec.structs.replace(draft, campaign_id=campaign.id, slug=slug, utm=utm)
