"""Workbenches: what edits of a workspace's links work with, for a key or a job."""

from dataclasses import dataclass

from domain import ids, instants
from domain.campaigns import Campaigns
from domain.errors import Rejected, UserError, UserErrorCode
from domain.jobs import Job
from domain.links import LinkChanges, Links
from domain.revisions import Revisions
from domain.workspaces import Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """What an edit works with.

    Args:
        hosts: the workspace's hosts for short links, the default first.
        actor: id of the key, or name of the job, that edits.
    """

    workspace_id: str
    hosts: tuple[str, ...]
    actor: str
    links: Links
    revisions: Revisions
    campaigns: Campaigns
    changes: LinkChanges
    clock: instants.Clock
    ids: ids.Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where the workbenches of jobs come from.

    Args:
        short_host: the installation's own host for short links.
    """

    short_host: str
    workspaces: Workspaces
    links: Links
    revisions: Revisions
    campaigns: Campaigns
    changes: LinkChanges
    clock: instants.Clock
    ids: ids.Ids

    async def bench(self, job: Job) -> Workbench:
        """The workbench of a job, which acts under its own name.

        Raises:
            Rejected: its workspace is gone.
        """
        workspace = await self.workspaces.by_id(job.workspace_id)
        if workspace is None:
            raise Rejected(UserError(UserErrorCode.NOT_FOUND, "The job's workspace does not exist any more."))
        return Workbench(
            workspace_id=workspace.id,
            hosts=workspace.hosts(self.short_host),
            actor=job.id,
            links=self.links,
            revisions=self.revisions,
            campaigns=self.campaigns,
            changes=self.changes,
            clock=self.clock,
            ids=self.ids,
        )
