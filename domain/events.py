"""Events: what has happened to a workspace's objects, told to whoever listens, in order and without holes."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from domain import attributes, ids, instants, texts
from domain.access import Scope, Viewer
from domain.attributes import Scalar
from domain.click_filters import ClickFilter
from domain.clicks import Click
from domain.conversions import Conversion, CreditRow
from domain.errors import BadRequest, Forbidden
from domain.jobs import Job, JobState
from domain.links import Link
from domain.participants import Participant
from domain.referrals import Referral
from domain.rewards import Reward

KEPT_DAYS: Final = 30
"""How long events can be asked for again."""
MAX_TYPES: Final = 50
SCOPES: Final[Mapping[str, Scope]] = {
    "link": Scope.LINKS_READ,
    "campaign": Scope.LINKS_READ,
    "template": Scope.LINKS_READ,
    "job": Scope.LINKS_READ,
    "workspace": Scope.ADMIN,
    "promotion": Scope.PROMOTIONS_READ,
    "participant": Scope.REFERRALS_READ,
    "referral": Scope.REFERRALS_READ,
    "conversion": Scope.REFERRALS_READ,
    "reward": Scope.REFERRALS_READ,
}
"""What it takes to hear of a kind of object."""
TYPES: Final = frozenset(
    {
        *("link.created", "link.updated", "link.deleted"),
        *("campaign.created", "campaign.updated", "template.created", "template.updated"),
        *("job.created", "job.succeeded", "job.failed", "job.cancelled", "workspace.updated"),
        *("promotion.created", "promotion.updated", "participant.created", "participant.updated"),
        *("participant.erased", "referral.created", "referral.clicked", "conversion.recorded"),
        *(
            "conversion.updated",
            "conversion.refunded",
            "reward.pending",
            "reward.held",
            "reward.approved",
            "reward.paid",
        ),
        *("reward.declined", "reward.reversed", "reward.updated"),
    }
)
_OF_CLICKS: Final = ("kinds", "countries", "devices", "variants")


class About(msgspec.Struct, array_like=True, frozen=True, omit_defaults=True):
    """The link that an event is about, as filters ask for it; see clicks.Click."""

    link_id: str | None = None
    tags: tuple[str, ...] = ()
    campaign_id: str | None = None
    template_id: str | None = None
    attributes: tuple[tuple[str, Scalar], ...] = ()


NO_LINK: Final = About()


class Told(msgspec.Struct, array_like=True, frozen=True):
    """An event as it is written down beside what it tells of.

    Args:
        type: one of TYPES.
        subject: id of the object.
        version: of the object then.
        at: when it happened.
        data: what it was like then; never an address.
    """

    type: str
    subject: str
    version: int
    at: datetime
    data: Mapping[str, Any] = {}
    about: About = NO_LINK


class Named(Protocol):
    """What has a name and versions."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def version(self) -> int:
        """Counts its changes."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place in the workspace's feed, and what filters ask of the link that it is about.

    Args:
        slot: always 0: a workspace's events are one sequence.
        seq: from 1, without holes.
    """

    id: str
    workspace_id: str
    slot: int = 0
    seq: int
    type: str
    subject: str
    at: datetime
    data: Mapping[str, Any] = {}
    link_id: str | None = None
    tags: tuple[str, ...] = ()
    campaign_id: str | None = None
    template_id: str | None = None
    attributes: tuple[tuple[str, Scalar], ...] = ()

    @property
    def variant(self) -> None:
        """Events are of links, not of visits."""

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, at most."""
        return 1_000 + 3 * len(msgspec.msgpack.encode(self.data))


class EventFilter(msgspec.Struct, frozen=True):
    """Which events are wanted.

    Args:
        types: of any of these.
        about: about a link that this holds for; None: about anything.
    """

    types: frozenset[str]
    about: ClickFilter | None = None

    @property
    def link_ids(self) -> frozenset[str] | None:
        """The only links that events are wanted of; None: of any, or of none."""
        return None if self.about is None else self.about.link_ids

    def matches(self, event: Event) -> bool:
        """Whether an event is wanted."""
        if event.type not in self.types:
            return False
        return self.about is None or (event.link_id is not None and self.about.matches_link(event))


class EventsCommitted(msgspec.Struct, array_like=True, frozen=True):
    """Told to every feed of a workspace after its events were numbered (channel `events:<workspace id>`)."""

    slot: int
    first: int
    last: int
    items: tuple[Event, ...]


class Numbered(msgspec.Struct, frozen=True):
    """What got its numbers.

    Args:
        count: how many events.
        news: what feeds are told of them, by workspace; the rest they find in the database within a second.
    """

    count: int = 0
    news: Sequence[tuple[str, EventsCommitted]] = ()


def wanted(types: Sequence[str] | None, about: ClickFilter | None, viewer: Viewer) -> EventFilter:
    """The filter of a call: `link.*` and no types at all mean those that the viewer may hear of.

    Raises:
        BadRequest: there is no such type, or `about` asks for what only clicks have.
        Forbidden: the viewer lacks the scope of a type that is named.
    """
    given = ["*"] if types is None else list(types)
    if len(given) > MAX_TYPES:
        raise BadRequest(f"There are {len(given):,} types; at most {MAX_TYPES} are accepted.")
    if about is not None and any(getattr(about, name) is not None for name in _OF_CLICKS):
        raise BadRequest(
            "Events have no kind, country, device or variant; filter by link, campaign or attribute."
        )
    chosen: set[str] = set()
    for name in given:
        if name in TYPES:
            needed = SCOPES[name.partition(".")[0]]
            if not viewer.may(needed):
                raise Forbidden(f"The key lacks the scope {needed.value}, which {name} needs.")
            chosen.add(name)
            continue
        found = {each for each in TYPES if _fits(name, each)}
        if not found:
            raise BadRequest(f"{name[:50]!r} is no type of events; see `Event.type`, or take link.* or *.")
        chosen |= {each for each in found if viewer.may(SCOPES[each.partition(".")[0]])}
    return EventFilter(frozenset(chosen), about)


def numbered(workspace_id: str, written_as: bytes, first: int, told: Iterable[Told]) -> list[Event]:
    """The events of one commit; their ids follow from its name, so that they are the same whoever reads them.

    Args:
        written_as: the commit's name.
        first: seq of the first one.
    """
    return [
        Event(
            id=ids.of("evt", instants.milliseconds(each.at), _noise(written_as, number)),
            workspace_id=workspace_id,
            seq=first + number,
            type=each.type,
            subject=each.subject,
            at=each.at,
            data={**each.data, "id": each.subject, "version": each.version},
            **msgspec.structs.asdict(each.about),
        )
        for number, each in enumerate(told)
    ]


def of_link(happened: str, link: Link, at: datetime) -> Told:
    """An event of a link."""
    data: dict[str, Any] = {"domain": link.domain, "slug": link.slug}
    if happened != "deleted":  # what is deleted leaves no contents
        data["destination"] = link.destination
    if link.external_id is not None:
        data["externalId"] = link.external_id
    return Told(f"link.{happened}", link.id, link.version, at, data, about_link(link))


def of_named(happened: str, kind: str, value: Named, at: datetime) -> Told:
    """An event of a campaign, a template or a promotion."""
    return Told(f"{kind}.{happened}", value.id, value.version, at, {"name": value.name})


def of_job(job: Job, state: JobState, at: datetime) -> Told:
    """An event of a job that is new, in its first state, or that has ended."""
    happened = "created" if state is JobState.QUEUED else state.value.lower()
    return Told(f"job.{happened}", job.id, 0, at, {"kind": job.kind.value, "work": job.work})


def of_participant(old: Participant | None, new: Participant) -> Told:
    """An event of a participant; it says nothing about the person."""
    if old is None:
        happened = "created"
    else:
        happened = "erased" if new.erased_at is not None and old.erased_at is None else "updated"
    return Told(
        f"participant.{happened}", new.id, new.version, new.updated_at, {"consenting": new.consenting}
    )


def of_referral(referral: Referral, link: Link | None) -> Told:
    """An event of a referral that is new."""
    data = {"promotionId": referral.promotion_id, "linkId": referral.link_id, "code": referral.code}
    about = NO_LINK if link is None else about_link(link)
    return Told("referral.created", referral.id, 1, referral.created_at, data, about)


def of_referral_click(referral_id: str, promotion_id: str, click: Click) -> Told:
    """An event of somebody who followed a referral's link."""
    data = {"promotionId": promotion_id, "linkId": click.link_id, "clickId": click.id}
    about = About(click.link_id, click.tags, click.campaign_id, click.template_id, click.attributes)
    return Told("referral.clicked", referral_id, 1, click.at, data, about)


def of_conversion(happened: str, conversion: Conversion, row: CreditRow | None, at: datetime) -> Told:
    """An event of a conversion.

    Args:
        row: of the link that it counts at.
    """
    data: dict[str, Any] = {"event": conversion.event, "promotionId": conversion.promotion_id}
    if conversion.order_id is not None and not texts.holds_at(conversion.order_id):
        data["orderId"] = conversion.order_id
    for name, amount in (("amount", conversion.amount), ("refunded", conversion.refunded)):
        if amount is not None:
            data[name] = {"amount": amount.amount, "currency": amount.currency}
    about = NO_LINK
    if row is not None:
        about = About(row.link_id, row.tags, row.campaign_id, row.template_id, row.attributes)
    return Told(f"conversion.{happened}", conversion.id, conversion.version, at, data, about)


def of_reward(old: Reward | None, new: Reward) -> Told:
    """An event of a reward: its state, or that something else of it has changed."""
    happened = new.state.value.lower() if old is None or old.state is not new.state else "updated"
    data = {
        "promotionId": new.promotion_id,
        "participantId": new.participant_id,
        "conversionId": new.conversion_id,
        "role": new.role.value,
        "amount": {"amount": new.amount.amount, "currency": new.amount.currency},
    }
    return Told(f"reward.{happened}", new.id, new.version, new.updated_at, data)


def about_link(link: Link) -> About:
    """What filters ask of a link."""
    return About(
        link.id,
        link.tags,
        link.campaign_id,
        None if link.origin is None else link.origin.template_id,
        attributes.counted(link.attributes),
    )


def _fits(pattern: str, name: str) -> bool:
    return pattern == "*" or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


def _noise(name: bytes, number: int) -> bytes:
    return hashlib.blake2b(name + number.to_bytes(4, "big"), digest_size=10).digest()
