"""Revisions: what each version of a link changed, when, and by whom; and what taking changes back gives.

A link that was never changed has one revision, which says nothing that the link does not: it is worked out.
Only with the first change it is kept, beside that of the change. So creating links in bulk writes no history.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from domain import slugs
from domain.links import Link
from domain.paging import Page, Window

_BOOKKEEPING: Final = frozenset(
    (
        "id",
        "workspace_id",
        "slug_key",
        "version",
        "created_at",
        "updated_at",
        "changed_by",
        "password",
        "origin",
    )
)
_FIELDS: Final = tuple(
    field for field in msgspec.structs.fields(Link) if field.encode_name not in _BOOKKEEPING
)


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a link.

    Args:
        id: the link's id and the version.
        at: when it was made.
        actor: id of the key, or name of the job, that made it.
        changes: by field, the values before and after, as plain data.
    """

    id: str
    workspace_id: str
    link_id: str
    version: int
    at: datetime
    actor: str
    changes: Mapping[str, tuple[Any, Any]]


class Revisions(Protocol):
    """Where revisions are read; links write them. Raises errors.Unavailable while the database is away."""

    async def page(self, workspace_id: str, link_id: str, window: Window) -> Page[Revision]:
        """One stretch of the kept revisions of a link, newest first, by version."""
        ...

    async def count(self, workspace_id: str, link_id: str, *, limit: int) -> int:
        """How many are kept; counts no further than `limit`."""
        ...

    async def by_ids(self, workspace_id: str, revision_ids: Sequence[str]) -> Mapping[str, Revision]:
        """Those that are kept, by id."""
        ...

    async def since(self, workspace_id: str, link_id: str, version: int) -> Sequence[Revision]:
        """Those behind a version, newest first."""
        ...


def id_of(link_id: str, version: int) -> str:
    """The id of a version's revision."""
    return f"{link_id}/{version}"


def left_by(old: Link, new: Link) -> list[Revision]:
    """The revisions to keep when `old` is replaced by `new`."""
    change = _of(new, _plain(old))
    return [first(old), change] if old.version == 1 else [change]


def first(link: Link) -> Revision:
    """The revision of a link's creation: every field that is not at its default."""
    return _of(link, {field.encode_name: _default(field) for field in _FIELDS})


async def page(link: Link, window: Window, kept: Revisions) -> Page[Revision]:
    """One stretch of a link's revisions, newest first."""
    if link.version > 1:
        return await kept.page(link.workspace_id, link.id, window)
    return Page(window, [first(link)] if window.after is None or window.after > (1,) else [])


async def count(link: Link, kept: Revisions, *, limit: int) -> int:
    """How many revisions a link has; counts no further than `limit`."""
    return await kept.count(link.workspace_id, link.id, limit=limit) if link.version > 1 else 1


def undone(link: Link, later: Sequence[Revision]) -> dict[str, Any]:
    """The fields that change when the changes in `later`, newest first, are taken back, with their values."""
    before: dict[str, Any] = {}
    for revision in later:
        before |= {name: old for name, (old, _) in revision.changes.items()}
    values = msgspec.to_builtins(link, builtin_types=(datetime,)) | before
    then = msgspec.convert(values, Link, builtin_types=(datetime,))
    undone = {name: getattr(then, name) for name in before}
    return undone | {"slug_key": slugs.key_of(then.slug)}


def _of(link: Link, before: Mapping[str, Any]) -> Revision:
    after = _plain(link)
    changes = {name: (before[name], value) for name, value in after.items() if before[name] != value}
    return Revision(
        id=id_of(link.id, link.version),
        workspace_id=link.workspace_id,
        link_id=link.id,
        version=link.version,
        at=link.updated_at,
        actor=link.changed_by,
        changes=changes,
    )


def _plain(link: Link) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(link, builtin_types=(datetime,))
    return {field.encode_name: values[field.encode_name] for field in _FIELDS}


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else msgspec.to_builtins(field.default)
