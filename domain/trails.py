"""Trails: the clicks and the referral that a conversion comes from, as far as its caller's word leads."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from domain import aids, codes, fields, instants
from domain.aids import Aid
from domain.attributions import Touch
from domain.books import Books
from domain.clicks import Click
from domain.conversion_drafts import SKEW, Told
from domain.errors import UserError, UserErrorCode
from domain.links import Link
from domain.participants import Participant
from domain.referrals import Referral

EXPIRY: Final = timedelta(days=400)
"""As long as browsers keep a cookie at most (RFC 6265bis, section 5.5): no site remembers an AID longer."""


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """Where a conversion comes from.

    Args:
        named: clicks that the call named, oldest first.
        touches: these and others that the customer is known to have made, in the window of attribution.
        clicks: those of them that the ledger has, by id.
        links: those that figures need: of the clicks that the ledger does not have, and of the referral.
        pending: some are not in the ledger yet.
        referral: where its reward goes; its participant consents.
        referrer: that participant.
        warnings: what the call named that leads nowhere.
    """

    named: tuple[Touch, ...]
    touches: tuple[Touch, ...]
    clicks: Mapping[str, Click]
    links: Mapping[str, Link]
    pending: bool
    referral: Referral | None
    referrer: Participant | None
    warnings: tuple[UserError, ...]


async def followed(told: Told, books: Books) -> Trail:
    """The trail of a conversion.

    What visitors carry, AIDs and codes, may be damaged, forged, expired or another workspace's: it is
    ignored, counted and told in the warnings. What the caller itself names has to exist.

    Raises:
        Rejected: NOT_FOUND: there is no such click.
    """
    walk = _Walk(told, books)
    named = await walk.named()
    recent = await walk.recent(named)
    referral = await walk.referral(recent)
    wanted = [touch.link_id for touch in recent if touch.click_id not in walk.clicks]
    await walk.learn([*wanted, *([referral.link_id] if referral is not None and not recent else [])])
    return Trail(
        named=named,
        touches=recent,
        clicks=walk.clicks,
        links=walk.links,
        pending=any(touch.click_id not in walk.clicks for touch in named),
        referral=referral,
        referrer=None if referral is None else walk.people[referral.participant_id],
        warnings=tuple(walk.warnings),
    )


class _Walk:
    """What is found on the way."""

    def __init__(self, told: Told, books: Books) -> None:
        self._told = told
        self._books = books
        self.clicks: dict[str, Click] = {}
        self.links: dict[str, Link] = {}
        self.people: Mapping[str, Participant] = {}
        self.warnings: list[UserError] = []

    async def named(self) -> tuple[Touch, ...]:
        """The clicks that the call named, oldest first."""
        told, books = self._told, self._books
        carried = [aid for text in told.aids if (aid := self._read(text)) is not None]
        asked = [aid.click_id for aid in carried] + ([told.click_id] if told.click_id else [])
        if asked:
            self.clicks |= await books.clicks.by_ids(books.workspace_id, asked)
        if told.click_id and told.click_id not in self.clicks:
            raise fields.refused("click_id", "There is no such click.", UserErrorCode.NOT_FOUND)
        unknown = [aid for aid in carried if aid.click_id not in self.clicks]
        await self.learn([aid.link_id for aid in unknown])
        found = [
            Touch(click_id=click.id, link_id=click.link_id, at=click.at)
            for click in self.clicks.values()
            if click.link_id is not None
        ]
        found += [_of_aid(aid) for aid in unknown if aid.link_id in self.links]
        for _ in [aid for aid in unknown if aid.link_id not in self.links]:
            books.counts.aids_foreign += 1
            self._ignored("The attribution id belongs to no link of this workspace.")
        return tuple(sorted((self._earlier(touch) for touch in found), key=_in_time))

    async def recent(self, named: Sequence[Touch]) -> tuple[Touch, ...]:
        """Clicks of the customer in the window of attribution, oldest first."""
        told, books = self._told, self._books
        days = books.workspace.attribution_window_days
        after = told.at - timedelta(days=days)
        for touch in named:
            if touch.at < after:
                self._ignored(f"The click is older than the attribution window of {days} days.")
            elif touch.at > told.at:
                self._ignored(
                    "The click came after the conversion: look at the instant that is given as `at`."
                )
        known: Sequence[Touch] = ()
        if told.customer_keys:
            known = await books.conversions.touches(books.workspace_id, told.customer_keys, after, told.at)
        touches = {touch.click_id: touch for touch in (*known, *named) if after <= touch.at <= told.at}
        missing = [touch.click_id for touch in known if touch.click_id not in self.clicks]
        if missing:
            self.clicks |= await books.clicks.by_ids(books.workspace_id, missing)
        return tuple(sorted(touches.values(), key=_in_time))

    async def referral(self, recent: Sequence[Touch]) -> Referral | None:
        """Of the code, which somebody typed in on purpose; else of the last click on a referral's link.

        Whose participant has withdrawn the consent, or was erased, earns nothing any more.
        """
        told, books = self._told, self._books
        if told.code is not None:
            code = codes.meant(told.code)
            found = None if code is None else await books.referrals.by_code(books.workspace_id, code)
            if found is not None and await self._consenting([found]):
                return found
            message = "There is no referral with this code, or its participant has withdrawn the consent."
            self.warnings.append(UserError(UserErrorCode.NOT_FOUND, message, ("code",)))
        if not recent:
            return None
        by_link = await books.referrals.by_links(books.workspace_id, [touch.link_id for touch in recent])
        good = {each.link_id: each for each in await self._consenting(list(by_link.values()))}
        return next((good[each.link_id] for each in reversed(recent) if each.link_id in good), None)

    async def _consenting(self, referrals: Sequence[Referral]) -> list[Referral]:
        """Those whose participants consent at this moment."""
        if not referrals:
            return []
        people = [each.participant_id for each in referrals]
        self.people = await self._books.participants.by_ids(self._books.workspace_id, people)
        return [
            each
            for each in referrals
            if each.participant_id in self.people and self.people[each.participant_id].consenting
        ]

    async def learn(self, link_ids: Sequence[str]) -> None:
        """Look links up that are not known yet."""
        new = [link_id for link_id in dict.fromkeys(link_ids) if link_id not in self.links]
        if new:
            self.links |= await self._books.links.by_ids(self._books.workspace_id, new)

    def _read(self, text: str) -> Aid | None:
        books = self._books
        aid = aids.read(books.signing, text)
        if aid is None:
            books.counts.aids_forged += 1
            self._ignored("The attribution id is damaged or none of ours.")
            return None
        at = instants.of_milliseconds(aid.at_ms)
        if not self._told.at - EXPIRY <= at <= books.clock() + SKEW:
            books.counts.aids_expired += 1
            self._ignored(f"The attribution id is of a click more than {EXPIRY.days} days ago.")
            return None
        return aid

    def _ignored(self, message: str) -> None:
        self.warnings.append(UserError(UserErrorCode.INVALID, message, ("aid",)))

    def _earlier(self, touch: Touch) -> Touch:
        """A click that its own conversion names did not come after it: clocks differ, and shops round."""
        if self._told.at < touch.at <= self._told.at + SKEW:
            return msgspec.structs.replace(touch, at=self._told.at)
        return touch


def _of_aid(aid: Aid) -> Touch:
    return Touch(click_id=aid.click_id, link_id=aid.link_id, at=instants.of_milliseconds(aid.at_ms))


def _in_time(touch: Touch) -> tuple[object, str]:
    return touch.at, touch.click_id
