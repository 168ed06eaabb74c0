"""Kinds of nodes: which scope each needs, and how one is loaded by its id."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from domain import ids
from domain.access import Scope
from schema.bulk_jobs import BulkJob
from schema.campaigns import Campaign
from schema.clicks import Click
from schema.context import Context
from schema.conversions import Conversion
from schema.keys import ApiKey
from schema.links import Link
from schema.nodes import Node
from schema.participants import Participant
from schema.promotions import Promotion
from schema.referrals import Referral
from schema.rewards import Reward
from schema.templates import Template
from schema.workspaces import Workspace

Load = Callable[[str, Context], Awaitable[Node | None]]


async def load(wanted: str, context: Context) -> Node | None:
    """The object with this id; None where there is none. Raises Forbidden without the scope of its kind."""
    kind = KINDS.get(ids.prefix_of(wanted) or "")
    if kind is None:
        return None
    scope, read = kind
    if scope is not None:
        context.require(scope)
    return await read(wanted, context)


async def again(wanted: str, context: Context) -> Node | None:
    """What a mutation answered with, read once more; the mutation's own scopes are checked already."""
    kind = KINDS.get(ids.prefix_of(wanted) or "")
    return None if kind is None else await kind[1](wanted, context)


async def _link(wanted: str, context: Context) -> Node | None:
    link = await context.loaders.links.load(wanted)
    return None if link is None else Link.of(link, context)


async def _campaign(wanted: str, context: Context) -> Node | None:
    campaign = await context.loaders.campaigns.load(wanted)
    return None if campaign is None else Campaign.of(campaign)


async def _template(wanted: str, context: Context) -> Node | None:
    template = await context.loaders.templates.load(wanted)
    return None if template is None else Template.of(template)


async def _promotion(wanted: str, context: Context) -> Node | None:
    promotion = await context.loaders.promotions.load(wanted)
    return None if promotion is None else Promotion.of(promotion)


async def _participant(wanted: str, context: Context) -> Node | None:
    participant = await context.loaders.participants.load(wanted)
    return None if participant is None else Participant.of(participant)


async def _referral(wanted: str, context: Context) -> Node | None:
    referral = await context.loaders.referrals.load(wanted)
    return None if referral is None else Referral.of(referral)


async def _conversion(wanted: str, context: Context) -> Node | None:
    conversion = await context.loaders.conversions.load(wanted)
    return None if conversion is None else Conversion.of(conversion)


async def _reward(wanted: str, context: Context) -> Node | None:
    reward = await context.loaders.rewards.load(wanted)
    return None if reward is None else Reward.of(reward)


async def _job(wanted: str, context: Context) -> Node | None:
    job = await context.loaders.jobs.load(wanted)
    return None if job is None else BulkJob.of(job)


async def _workspace(wanted: str, context: Context) -> Node | None:
    workspace = await context.loaders.workspaces.load(wanted)
    return None if workspace is None else Workspace.of(workspace, context.short_base)


async def _key(wanted: str, context: Context) -> Node | None:
    key = await context.stores.keys.by_id(context.viewer.workspace_id, wanted)
    return None if key is None else ApiKey.of(key)


async def _click(wanted: str, context: Context) -> Node | None:
    click = await context.loaders.clicks.load(wanted)
    return None if click is None else Click.of(click)


KINDS: Final[Mapping[str, tuple[Scope | None, Load]]] = {
    "lnk": (Scope.LINKS_READ, _link),
    "cmp": (Scope.LINKS_READ, _campaign),
    "tpl": (Scope.LINKS_READ, _template),
    "job": (Scope.LINKS_READ, _job),
    "clk": (Scope.ANALYTICS_READ, _click),
    "prm": (Scope.PROMOTIONS_READ, _promotion),
    "ptc": (Scope.REFERRALS_READ, _participant),
    "ref": (Scope.REFERRALS_READ, _referral),
    "cnv": (Scope.REFERRALS_READ, _conversion),
    "rwd": (Scope.REFERRALS_READ, _reward),
    "ws": (None, _workspace),
    "key": (Scope.ADMIN, _key),
}
"""For each prefix of an id, the scope that its kind needs and how it is loaded."""
