"""Every kind of work that jobs can be: the one place where a new kind is put in."""

import asyncio
from collections.abc import Awaitable

from app.services import Services
from delivery.export_sources import ClickSource, RollupSource, SubjectSource
from delivery.exports import Export
from domain import hostnames
from domain.bulk_edits import LinkDeletion, LinkUpdate
from domain.chunks import Work
from domain.link_creation import LinkCreation
from domain.link_imports import LinkImport
from domain.link_rows import LinkRows
from domain.link_walks import LinkWalk
from domain.propagations import Propagation
from domain.referral_creation import Reception, ReferralCreation
from domain.rerenderings import Rerendering
from domain.undoings import Undoing
from domain.workbenches import Workshop
from storage.click_stretches import MongoClickStretches
from storage.job_results import MongoResults
from storage.rollups import Rollups


def works(opened: Services) -> list[Work]:
    """What a jobs process can do, over real engines."""
    workshop = Workshop(
        short_host=hostnames.of(opened.settings.short_base),
        workspaces=opened.workspaces,
        links=opened.links,
        revisions=opened.revisions,
        campaigns=opened.campaigns,
        changes=opened.changes,
        clock=opened.clock,
        ids=opened.ids,
    )
    rows = LinkRows(workshop, opened.uploads, breathe)
    walk = LinkWalk(workshop, opened.link_lists, breathe)
    reception = Reception(
        workshop=workshop,
        promotions=opened.promotions,
        referrals=opened.referrals,
        signups=opened.signups,
        secrets=opened.secrets,
    )
    files = MongoResults(opened.database)
    return [
        LinkCreation(rows),
        LinkImport(rows),
        LinkUpdate(walk),
        LinkDeletion(walk),
        Rerendering(walk),
        Propagation(walk),
        ReferralCreation(reception, opened.uploads),
        Undoing(workshop, opened.jobs),
        Export(ClickSource(MongoClickStretches(opened.database)), files),
        Export(RollupSource(Rollups(opened.database)), files),
        Export(SubjectSource(opened.subjects), files),
    ]


def breathe() -> Awaitable[None]:
    """Let whoever waits for the processor go on for a moment."""
    return asyncio.sleep(0)
