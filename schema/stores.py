"""The stores that resolvers use, as a context hands them to everything under it."""

from typing import Protocol

from domain import books
from domain.analytics import Analytics
from domain.campaigns import Campaigns
from domain.click_filters import Clicks
from domain.clicks import Stats
from domain.conversions import Conversions
from domain.facts import Known
from domain.feeds import LiveFeed
from domain.job_feeds import JobFeed
from domain.jobs import JobNews, Jobs
from domain.keys import Keys
from domain.link_lists import LinkLists
from domain.links import LinkChanges, Links
from domain.participants import Participants
from domain.passwords import Vault
from domain.places import Places
from domain.promotion_stats import PromotionFigures
from domain.promotions import Promotions
from domain.referral_links import ReferralBatches
from domain.referrals import Referrals
from domain.revenues import Revenues
from domain.revisions import Revisions
from domain.rewards import Rewards
from domain.seats import Seats
from domain.secrets import Secrets
from domain.signals import SignalNews, SignalStore
from domain.signups import Signups
from domain.subjects import Letters, Subjects
from domain.tallies import LiveStats
from domain.templates import Templates
from domain.uploads import Uploads
from domain.workspaces import Workspaces


class Stores(Protocol):
    """The stores that resolvers use; `app.services.Services` has them."""

    @property
    def links(self) -> Links:
        """Links."""

    @property
    def link_lists(self) -> LinkLists:
        """Lists of links."""

    @property
    def seats(self) -> Seats:
        """Seats of links with a clickLimit."""

    @property
    def vault(self) -> Vault:
        """What hashes passwords."""

    @property
    def campaigns(self) -> Campaigns:
        """Campaigns."""

    @property
    def revisions(self) -> Revisions:
        """Revisions of links."""

    @property
    def templates(self) -> Templates:
        """Templates."""

    @property
    def uploads(self) -> Uploads:
        """Rows that were handed in for jobs."""

    @property
    def jobs(self) -> Jobs:
        """Jobs."""

    @property
    def job_feed(self) -> JobFeed:
        """Progress of jobs."""

    @property
    def job_news(self) -> JobNews:
        """Who is told of jobs."""

    @property
    def keys(self) -> Keys:
        """API keys."""

    @property
    def workspaces(self) -> Workspaces:
        """Workspaces."""

    @property
    def changes(self) -> LinkChanges:
        """Who is told of changed links."""

    @property
    def clicks(self) -> Clicks:
        """Clicks of the ledger."""

    @property
    def stats(self) -> Stats:
        """Figures of links."""

    @property
    def analytics(self) -> Analytics:
        """Tables of counts."""

    @property
    def click_feed(self) -> LiveFeed:
        """Clicks as they are committed."""

    @property
    def event_feed(self) -> LiveFeed:
        """Events as they are numbered."""

    @property
    def live_stats(self) -> LiveStats:
        """Figures of links as they change."""

    @property
    def signals(self) -> SignalStore:
        """Signals."""

    @property
    def signal_news(self) -> SignalNews:
        """Who is told of changed signals."""

    @property
    def places(self) -> Places:
        """The geo database."""

    @property
    def known(self) -> Known:
        """What rules ask beyond link and visit."""

    @property
    def secrets(self) -> Secrets:
        """Keys of the installation."""

    @property
    def promotions(self) -> Promotions:
        """Promotions."""

    @property
    def promotion_figures(self) -> PromotionFigures:
        """Figures of promotions."""

    @property
    def participants(self) -> Participants:
        """Participants."""

    @property
    def referrals(self) -> Referrals:
        """Referrals."""

    @property
    def signups(self) -> Signups:
        """Where people sign up."""

    @property
    def referral_batches(self) -> ReferralBatches:
        """Calls for referral links that wait."""

    @property
    def conversions(self) -> Conversions:
        """Conversions."""

    @property
    def rewards(self) -> Rewards:
        """Rewards."""

    @property
    def revenues(self) -> Revenues:
        """What clicks are credited with."""

    @property
    def led_nowhere(self) -> books.Counts:
        """Attribution ids that led nowhere."""

    @property
    def subjects(self) -> Subjects:
        """What is kept of people."""

    @property
    def letters(self) -> Letters | None:
        """Copies of letters; None: there are none."""
