"""Every store of the product on a role's connections."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

from app import connections
from app.connections import Connections, Role
from app.referral_batches import ReferralBatches
from app.settings import Settings
from app.vaults import ThreadVault
from delivery.postboxes import Spool
from domain import books
from domain.agents import Agents
from domain.analytics_answers import Answers
from domain.facts import Known
from redirect import places
from redirect.counts import Counts
from redirect.places import Places
from storage.analytics_clicks import ClickCounts
from storage.announcements import Listener
from storage.campaigns import MongoCampaigns
from storage.changes import RedisLinkChanges
from storage.clicks import Clicks
from storage.conversions import MongoConversions
from storage.feeds import Feeds
from storage.idempotency import MongoClaims
from storage.job_news import RedisJobListener, RedisJobNews
from storage.jobs import MongoJobs
from storage.journals import Journals
from storage.keys import MongoKeys
from storage.link_lists import MongoLinkLists
from storage.links import MongoLinks
from storage.outbox import EventFeeds
from storage.participants import MongoParticipants
from storage.promotion_stats import MongoPromotionFigures
from storage.promotions import MongoPromotions
from storage.referrals import MongoReferrals
from storage.revenues import MongoRevenues
from storage.revisions import MongoRevisions
from storage.rewards import MongoRewards
from storage.rollups import Rollups
from storage.seats import MongoSeats
from storage.secrets import MongoSecrets
from storage.signals import MongoSignals, RedisSignalNews
from storage.signups import MongoSignups
from storage.stats import Stats
from storage.subjects import MongoSubjects
from storage.templates import MongoTemplates
from storage.uploads import MongoUploads
from storage.workspaces import MongoWorkspaces
from subscriptions.boards import Boards
from subscriptions.hub import Hub
from subscriptions.job_watches import JobWatches
from subscriptions.replay import LiveFeeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(Connections):
    """The engines with the stores over them."""

    links: MongoLinks
    link_lists: MongoLinkLists
    seats: MongoSeats
    vault: ThreadVault
    campaigns: MongoCampaigns
    templates: MongoTemplates
    uploads: MongoUploads
    jobs: MongoJobs
    job_news: RedisJobNews
    job_feed: JobWatches
    keys: MongoKeys
    workspaces: MongoWorkspaces
    changes: RedisLinkChanges
    revisions: MongoRevisions
    claims: MongoClaims
    clicks: Clicks
    stats: Stats
    analytics: Answers
    click_feed: LiveFeeds
    event_feed: LiveFeeds
    live_stats: Boards
    signals: MongoSignals
    signal_news: RedisSignalNews
    places: Places
    known: Known
    secrets: MongoSecrets
    promotions: MongoPromotions
    promotion_figures: MongoPromotionFigures
    participants: MongoParticipants
    referrals: MongoReferrals
    signups: MongoSignups
    referral_batches: ReferralBatches
    conversions: MongoConversions
    rewards: MongoRewards
    revenues: MongoRevenues
    led_nowhere: books.Counts
    subjects: MongoSubjects
    letters: Spool | None


@asynccontextmanager
async def _vault() -> AsyncIterator[ThreadVault]:
    with closing(ThreadVault()) as vault:
        yield vault


def _feeds(connected: Connections) -> tuple[LiveFeeds, LiveFeeds]:
    """The feeds of clicks and of events."""
    name = connected.settings.mongodb_database
    clicks = Feeds(connected.database, secrets.token_bytes)
    events = EventFeeds(connected.database, clicks)
    return (
        LiveFeeds(clicks, Hub(clicks, Listener(connected.redis, name))),
        LiveFeeds(events, Hub(events, Listener(connected.redis, name, "events")), kind="/events"),
    )


def _letters(settings: Settings) -> Spool | None:
    """Letters that lie in a folder, where no SMTP server is set."""
    return Spool(settings.mails_dir, settings.mail_from) if settings.smtp_url is None else None


@asynccontextmanager
async def open(settings: Settings, role: Role) -> AsyncIterator[Services]:  # noqa: A001 - services.open(...) is how it reads
    """Connect `role` and put the stores on top; see connections.open."""
    async with connections.open(settings, role) as connected, _vault() as vault:
        database, news = connected.database, connected.redis
        clicks, happenings = _feeds(connected)
        yield Services(
            settings=settings,
            clock=connected.clock,
            ids=connected.ids,
            database=database,
            redis=news,
            links=MongoLinks(database),
            link_lists=MongoLinkLists(database),
            seats=MongoSeats(database),
            vault=vault,
            campaigns=MongoCampaigns(database),
            templates=MongoTemplates(database),
            uploads=MongoUploads(database),
            jobs=MongoJobs(database),
            job_news=RedisJobNews(news, settings.mongodb_database),
            job_feed=JobWatches(MongoJobs(database), RedisJobListener(news, settings.mongodb_database)),
            keys=MongoKeys(database),
            workspaces=MongoWorkspaces(database),
            changes=RedisLinkChanges(news, settings.mongodb_database),
            revisions=MongoRevisions(database),
            claims=MongoClaims(database, MongoSecrets(database, secrets.token_bytes)),
            clicks=Clicks(database),
            stats=Stats(database),
            analytics=Answers(Rollups(database), ClickCounts(database), Journals(database, connected.clock)),
            signals=MongoSignals(database),
            signal_news=RedisSignalNews(news, settings.mongodb_database),
            places=Places(places.opened(settings.geoip_db), Counts()),
            known=Known(Agents().read),
            secrets=MongoSecrets(database, secrets.token_bytes),
            promotions=MongoPromotions(database),
            promotion_figures=MongoPromotionFigures(database),
            participants=MongoParticipants(database),
            referrals=MongoReferrals(database),
            signups=MongoSignups(database),
            referral_batches=ReferralBatches(),
            conversions=MongoConversions(database),
            rewards=MongoRewards(database),
            revenues=MongoRevenues(database),
            led_nowhere=books.Counts(),
            subjects=MongoSubjects(database),
            letters=_letters(settings),
            click_feed=clicks,
            event_feed=happenings,
            live_stats=Boards(clicks.hub, Stats(database)),
        )
