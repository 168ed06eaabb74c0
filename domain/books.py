"""Books: what recording, refunding and counting conversions again works with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain import emails
from domain.clicks import Click
from domain.conversions import Conversions
from domain.ids import Ids
from domain.instants import Clock
from domain.links import Link
from domain.participants import Participants
from domain.promotions import Promotions
from domain.referrals import Referrals
from domain.rewards import Rewards
from domain.secrets import AIDS, PEOPLE, Secrets
from domain.workspaces import Workspace


class Clicks(Protocol):
    """The part of the ledger that conversions need; raises errors.Unavailable."""

    async def by_ids(self, workspace_id: str, click_ids: Sequence[str]) -> Mapping[str, Click]:
        """Those that exist, by id."""
        ...


class Links(Protocol):
    """The part of the links that conversions need; raises errors.Unavailable."""

    async def by_ids(self, workspace_id: str, link_ids: Sequence[str]) -> Mapping[str, Link]:
        """Those that exist, by id."""
        ...


@dataclass(slots=True)
class Counts:
    """Attribution ids that led nowhere, since the process started.

    Args:
        aids_forged: damaged or made up.
        aids_expired: of clicks too long ago.
        aids_foreign: of another workspace's links, or of links that are gone.
    """

    aids_forged: int = 0
    aids_expired: int = 0
    aids_foreign: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What conversions of a workspace are kept with.

    Args:
        people: the installation's key that hides addresses, domain.secrets.PEOPLE.
        signing: the one that signs attribution ids, domain.secrets.AIDS.
        counts: see Counts.
    """

    workspace: Workspace
    conversions: Conversions
    rewards: Rewards
    clicks: Clicks
    links: Links
    referrals: Referrals
    promotions: Promotions
    participants: Participants
    people: bytes
    signing: bytes
    clock: Clock
    ids: Ids
    counts: Counts

    @property
    def workspace_id(self) -> str:
        """The workspace."""
        return self.workspace.id

    def hide(self, text: str) -> bytes:
        """What stands for an address, a person or a customer in this workspace."""
        return emails.hidden(self.people, self.workspace_id, text)


class Stores(Protocol):
    """Where the books of every workspace come from."""

    @property
    def conversions(self) -> Conversions:
        """Conversions."""

    @property
    def rewards(self) -> Rewards:
        """Rewards."""

    @property
    def clicks(self) -> Clicks:
        """Clicks."""

    @property
    def links(self) -> Links:
        """Links."""

    @property
    def referrals(self) -> Referrals:
        """Referrals."""

    @property
    def promotions(self) -> Promotions:
        """Promotions."""

    @property
    def participants(self) -> Participants:
        """Participants."""

    @property
    def secrets(self) -> Secrets:
        """Keys of the installation."""

    @property
    def led_nowhere(self) -> Counts:
        """See Counts."""


async def opened(workspace: Workspace, stores: Stores, clock: Clock, ids: Ids) -> Books:
    """The books of a workspace; raises errors.Unavailable."""
    return Books(
        workspace=workspace,
        conversions=stores.conversions,
        rewards=stores.rewards,
        clicks=stores.clicks,
        links=stores.links,
        referrals=stores.referrals,
        promotions=stores.promotions,
        participants=stores.participants,
        people=await stores.secrets.agreed(PEOPLE),
        signing=await stores.secrets.agreed(AIDS),
        clock=clock,
        ids=ids,
        counts=stores.led_nowhere,
    )
