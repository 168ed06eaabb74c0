"""Kinds of nodes: which scope each needs, and how one is loaded by its id."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

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


def _loaded(name: str, shown: Callable[[Any, Context], Node | None]) -> Load:
    """How objects of a kind are loaded.

    Args:
        name: of the loader.
        shown: the API's view of what it gives.
    """

    async def load(wanted: str, context: Context) -> Node | None:
        found = await getattr(context.loaders, name).load(wanted)
        return None if found is None else shown(found, context)

    return load


async def _key(wanted: str, context: Context) -> Node | None:
    key = await context.stores.keys.by_id(context.viewer.workspace_id, wanted)
    return None if key is None else ApiKey.of(key)


KINDS: Final[Mapping[str, tuple[Scope | None, Load]]] = {
    "lnk": (Scope.LINKS_READ, _loaded("links", Link.of)),
    "cmp": (Scope.LINKS_READ, _loaded("campaigns", lambda found, _: Campaign.of(found))),
    "tpl": (Scope.LINKS_READ, _loaded("templates", lambda found, _: Template.of(found))),
    "job": (Scope.LINKS_READ, _loaded("jobs", lambda found, _: BulkJob.of(found))),
    "clk": (Scope.ANALYTICS_READ, _loaded("clicks", lambda found, _: Click.of(found))),
    "prm": (Scope.PROMOTIONS_READ, _loaded("promotions", lambda found, _: Promotion.of(found))),
    "ptc": (Scope.REFERRALS_READ, _loaded("participants", lambda found, _: Participant.of(found))),
    "ref": (Scope.REFERRALS_READ, _loaded("referrals", lambda found, _: Referral.of(found))),
    "cnv": (Scope.REFERRALS_READ, _loaded("conversions", lambda found, _: Conversion.of(found))),
    "rwd": (Scope.REFERRALS_READ, _loaded("rewards", lambda found, _: Reward.of(found))),
    "ws": (None, _loaded("workspaces", lambda found, context: Workspace.of(found, context.short_base))),
    "key": (Scope.ADMIN, _key),
}
"""For each prefix of an id, the scope that its kind needs and how it is loaded."""
