"""Bulk creations: links from a template and rows, or written out, as a job, judged before it starts."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from domain import campaigns, drafts, fields, ids, jobs, uploads
from domain.campaigns import Campaign, Channel
from domain.drafts import Draft
from domain.errors import UserError, UserErrorCode
from domain.jobs import BulkKind, Job, JobNews, Jobs
from domain.passwords import Vault
from domain.templates import Template, Templates
from domain.uploads import Upload, UploadFormat, Uploads
from domain.workbenches import Workbench

MAX_ROWS: Final = 10_000
MAX_BYTES: Final = 10 * 1024 * 1024
WORK: Final = "create_links"


class CreateLinks(msgspec.Struct, frozen=True, kw_only=True):
    """What the job has to know.

    Args:
        format: what the rows were given as.
        template: the version that makes all rows, even if it is changed meanwhile; None: rows are drafts.
        campaign_id: of every link, instead of the template's.
        channel: whose source and medium every link gets.
    """

    upload_id: str
    chunks: int
    format: UploadFormat
    template: Template | None = None
    campaign_id: str | None = None
    channel: Channel | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks for: exactly one of rows, links and file.

    Args:
        rows: values of the template's variables, each a JSON object.
        links: links written out.
        file: id of an upload.
        channel: name of one of the campaign's channels.
    """

    template_id: str | None = None
    rows: Sequence[Any] | None = None
    links: Sequence[Draft] | None = None
    file: str | None = None
    campaign_id: str | None = None
    channel: str | None = None


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Where bulk calls find templates and uploads, and hand in jobs."""

    templates: Templates
    uploads: Uploads
    jobs: Jobs
    news: JobNews
    vault: Vault


async def start(asked: Asked, bench: Workbench, desk: Desk) -> Job:
    """Judge a call as a whole and start its job; what is wrong with single rows stands in the job's results.

    Raises:
        Rejected: REQUIRED, INVALID, NOT_FOUND, LIMIT_EXCEEDED; then no job was started.
    """
    _check_shape(asked)
    template = await _template(asked, bench, desk)
    channel = await _channel(asked, template, bench)
    upload = await _upload(asked, bench, desk)
    spec = CreateLinks(
        upload_id=upload.id,
        chunks=upload.chunks,
        format=upload.format,
        template=template,
        campaign_id=asked.campaign_id,
        channel=channel,
    )
    job = jobs.new(
        BulkKind.CREATE,
        WORK,
        spec,
        workspace_id=bench.workspace_id,
        actor=bench.actor,
        total=upload.rows,
        clock=bench.clock,
        ids=bench.ids,
    )
    return await jobs.start(job, desk.jobs, desk.news)


def _check_shape(asked: Asked) -> None:
    given = [name for name in ("rows", "links", "file") if getattr(asked, name) is not None]
    if not given:
        raise fields.refused("rows", "Give rows, links or a file.", UserErrorCode.REQUIRED)
    if len(given) > 1:
        raise fields.refused(given[1], f"There are {' and '.join(given)}; give one of them.")
    if asked.rows is not None and asked.template_id is None:
        message = "Rows are values for a template: say which, or give links written out."
        raise fields.refused("template_id", message, UserErrorCode.REQUIRED)
    if asked.links is not None and asked.template_id is not None:
        raise fields.refused("template_id", "Links that are written out need no template; leave it out.")
    if asked.channel is not None and asked.campaign_id is None and asked.template_id is None:
        message = "A channel is one of a campaign's: say of which."
        raise fields.refused("campaign_id", message, UserErrorCode.REQUIRED)
    for name in ("rows", "links"):
        _check_count(name, getattr(asked, name))


def _check_count(name: str, given: Sequence[Any] | None) -> None:
    if given is None:
        return
    if not given:
        raise fields.refused(name, f"There are no {name}; give 1 to {MAX_ROWS:,}.", UserErrorCode.REQUIRED)
    if len(given) > MAX_ROWS:
        message = f"There are {len(given):,} {name}; one call takes up to {MAX_ROWS:,}, a file a million."
        raise fields.refused(name, message, UserErrorCode.LIMIT_EXCEEDED)


async def _template(asked: Asked, bench: Workbench, desk: Desk) -> Template | None:
    if asked.template_id is None:
        return None
    wanted = [asked.template_id] if ids.prefix_of(asked.template_id) == "tpl" else []
    found = await desk.templates.by_ids(bench.workspace_id, wanted) if wanted else {}
    if asked.template_id not in found:
        message = "There is no template with this id."
        raise fields.refused("template_id", message, UserErrorCode.NOT_FOUND)
    return found[asked.template_id]


async def _channel(asked: Asked, template: Template | None, bench: Workbench) -> Channel | None:
    """The channel that is asked for, of the campaign that the links will belong to."""
    campaign_id = asked.campaign_id or (template.campaign_id if template is not None else None)
    if campaign_id is None:
        if asked.channel is None:
            return None
        message = "The template has no campaign; say which one the channel is of."
        raise fields.refused("campaign_id", message, UserErrorCode.REQUIRED)
    known = await campaigns.known([campaign_id], bench.workspace_id, bench.campaigns)
    campaign = campaigns.found(campaign_id, known)
    return None if asked.channel is None else _of_campaign(asked.channel, campaign)


def _of_campaign(name: str, campaign: Campaign) -> Channel:
    for channel in campaign.channels:
        if channel.name == name:
            return channel
    known = ", ".join(channel.name for channel in campaign.channels) or "none"
    message = f"The campaign has no channel {name[:50]!r}; its channels: {known}."
    raise fields.refused("channel", message, UserErrorCode.NOT_FOUND)


async def _upload(asked: Asked, bench: Workbench, desk: Desk) -> Upload:
    """The rows of the call as an upload that stays for as long as the job may need it."""
    now, file = bench.clock(), asked.file
    if file is None:
        upload = await uploads.add_inline(
            await _inline(asked, desk),
            workspace_id=bench.workspace_id,
            store=desk.uploads,
            clock=bench.clock,
            ids=bench.ids,
        )
        file = upload.id
    return await uploads.claimed(file, now + jobs.KEPT, bench.workspace_id, desk.uploads, now)


async def _inline(asked: Asked, desk: Desk) -> list[Any]:
    """The rows that came with the call, as plain data.

    Of passwords the job gets hashes only, and of those that a row gives to a template not even that.
    """
    name, given = "rows", list(asked.rows or ())
    if asked.links is not None:
        name, given = "links", list(await drafts.sealed_whole(asked.links, desk.vault))
    rows = [row if isinstance(row, UserError) else msgspec.to_builtins(row) for row in given]
    for row in rows:
        if name == "rows" and isinstance(row, dict):
            uploads.without_secrets(row)
    size = len(msgspec.json.encode(rows))
    if size > MAX_BYTES:
        message = f"The {name} have {size:,} bytes; one call takes up to {MAX_BYTES:,}, a file more."
        raise fields.refused(name, message, UserErrorCode.LIMIT_EXCEEDED)
    return rows
