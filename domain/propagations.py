"""Propagations: UTM parameters of a campaign that changed reach the links that have them from there."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from domain import campaign_edits, campaigns, edits, jobs, link_walks
from domain.campaign_drafts import CampaignDraft
from domain.campaigns import Campaign
from domain.chunks import Chunk
from domain.errors import Rejected
from domain.jobs import BulkKind, Job
from domain.link_lists import LinkFilter
from domain.link_walks import LinkWalk, Step
from domain.links import Link
from domain.offices import Office
from domain.utm import NAMES, Utm
from domain.workbenches import Workbench

WORK: Final = "propagate_campaign"


class Propagate(msgspec.Struct, frozen=True, kw_only=True):
    """What the job has to know: what the campaign gave before; what it gives now is read with each chunk."""

    asked: LinkFilter
    campaign_id: str
    before: Utm


async def change(
    campaign_id: str, draft: CampaignDraft, version: int | None, bench: Workbench, office: Office
) -> tuple[Campaign, Job | None]:
    """Change a campaign, and start the job that brings its parameters to its links in the same transaction.

    Args:
        version: the version that the caller saw; None changes whatever is there.

    Returns:
        The campaign; the job, or None: its links have nothing to get.

    Raises:
        Rejected: as campaign_edits.change; LIMIT_EXCEEDED, too many jobs wait. Then nothing was changed.
    """

    async def follow(before: Campaign, after: Campaign) -> Job | None:
        return await _job(before, after, bench, office)

    campaign, job = await campaign_edits.change(campaign_id, draft, version, bench, follow)
    if job is not None:
        await office.told(job)
    return campaign, job


async def _job(before: Campaign, after: Campaign, bench: Workbench, office: Office) -> Job | None:
    if before.utm == after.utm:
        return None
    asked = link_walks.standing(LinkFilter(campaign_id=after.id, now=bench.clock()), bench.clock)
    total = await link_walks.size_of(asked, bench.workspace_id, office.lists)
    if not total:
        return None
    spec = Propagate(asked=asked, campaign_id=after.id, before=before.utm)
    await jobs.expect_room(bench.workspace_id, office.jobs)
    return office.job(BulkKind.UPDATE, WORK, spec, total=total, bench=bench)


class Propagation:
    """The work of propagations; see domain.chunks.Work."""

    name = WORK

    def __init__(self, walk: LinkWalk) -> None:
        self._walk = walk

    async def chunk(self, job: Job, cursor: Any) -> Chunk:
        """Links with the campaign's parameters; one that its policy refuses is a row error."""
        spec = jobs.spec_of(job, Propagate)

        async def begin(_links: Sequence[Link], bench: Workbench) -> Step:
            known = await campaigns.known([spec.campaign_id], bench.workspace_id, bench.campaigns)
            campaign = campaigns.found(spec.campaign_id, known)
            return lambda row, old: link_walks.replacing(
                row, old, _brought(old, spec.before, campaign, bench)
            )

        return await self._walk.chunk(job, spec.asked, cursor, begin)


def _brought(old: Link, before: Utm, campaign: Campaign, bench: Workbench) -> Link:
    """A link with what its campaign gives now in place of what it gave before.

    A parameter that the link has otherwise is its own, and stays; so two changes of a campaign end alike in
    whatever order their jobs run.
    """
    if old.campaign_id != campaign.id:
        return old
    inherited = [name for name in NAMES if getattr(old.utm, name) == getattr(before, name)]
    utm = msgspec.structs.replace(old.utm, **{name: getattr(campaign.utm, name) for name in inherited})
    if utm == old.utm:
        return old
    errors = campaigns.unfit(utm, campaign.utm_policy)
    if errors:
        raise Rejected(*errors)
    return edits.next_version(old, {"utm": utm}, bench, by_hand=False)
