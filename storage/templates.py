"""Templates in MongoDB: collection `templates`."""

from collections.abc import Sequence

from pymongo.errors import DuplicateKeyError

from domain import events
from domain.jobs import Job
from domain.paging import Page, Window
from domain.templates import Template
from storage import codec, listings, outbox, versions
from storage.mongo import Database, answering


class MongoTemplates:
    """The store of templates; see domain.templates.Templates for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._templates = database["templates"]

    async def add(self, workspace_id: str, template: Template) -> None:
        """Keep a new template; a repeated call meets what it stored itself, and leaves it."""
        told = events.of_named("created", "template", template, template.created_at)
        try:
            await outbox.insert(self._templates, workspace_id, template, told)
        except DuplicateKeyError:
            return  # by the first call

    async def by_ids(self, workspace_id: str, template_ids: Sequence[str]) -> dict[str, Template]:
        """Those that exist, by id."""
        query = {"_id": {"$in": list(template_ids)}, "workspace_id": workspace_id}
        with answering():
            documents = await self._templates.find(query).to_list()
        return {document["_id"]: codec.to_value(document, Template) for document in documents}

    async def page(self, workspace_id: str, window: Window) -> Page[Template]:
        """One stretch of the templates, newest first."""
        query = {"workspace_id": workspace_id, **listings.newest_within(window)}
        with answering():
            cursor = self._templates.find(query).sort("_id", 1 if window.backward else -1)
            documents = await cursor.limit(window.size + 1).to_list()
        return Page(window, [codec.to_value(document, Template) for document in documents])

    async def count(self, workspace_id: str, *, limit: int) -> int:
        """How many templates there are; counts no further than `limit`."""
        with answering():
            return await self._templates.count_documents({"workspace_id": workspace_id}, limit=limit)

    async def update(self, workspace_id: str, old: Template, new: Template, job: Job | None) -> bool:
        """Replace `old` by `new`, and keep `job` with it; False: `old` is not what is kept any more."""
        return await versions.replace(self._templates, workspace_id, old, new, job, kind="template")
