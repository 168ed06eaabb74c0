"""Customers: what was told with the caller's id alone is given out and erased with the address beside it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from domain.access import Scope
from domain.conversions import Revised
from domain.errors import Unavailable
from storage.conversions import MongoConversions
from storage.customers import MongoCustomers
from storage.subjects import MongoSubjects
from tests.api.conftest import Api
from tests.api.conversions import aid_of, clicked, converted, euros, settled
from tests.api.test_results_url import Site, site  # noqa: F401 - a fixture
from tests.api.test_revenues import STATS
from tests.api.test_subjects import ERASE, exported

HOUR = timedelta(hours=1)
ANA, BEN = "ana@example.com", "ben@example.com"
VISITOR = b"visitor!"


async def signed_up(api: Api, link_id: str, email: str, customer: str = "17") -> Mapping[str, Any]:
    """A click of somebody, who then signs up with address and id."""
    click = await clicked(api, link_id, api.context.clock() - HOUR, country="NL", visitor=VISITOR)
    return await converted(
        api,
        "signup",
        aid=await aid_of(api, click),
        email=email,
        externalCustomerId=customer,
        orderId=f"signup of {email}",
        properties={"of": email},
    )


async def bought(api: Api, number: int, customer: str = "17") -> Mapping[str, Any]:
    """A purchase of 80 EUR by a customer who is named by the caller's id alone."""
    return await converted(
        api,
        externalCustomerId=customer,
        orderId=f"{customer}/{number}",
        amount=euros("80"),
        properties={"name": f"{customer}/{number}"},
    )


async def erased(api: Api, email: str) -> None:
    payload = (await api(ERASE, email=email))["eraseSubject"]
    assert payload == {"deletedId": None, "userErrors": []}


async def told_of(api: Api, email: str, site: Site) -> list[tuple[str, Any]]:  # noqa: F811 - the fixture
    """Kinds of the rows of a person's file, and what conversions were told with."""
    status, rows = await exported(api, site, email, Scope.ADMIN)
    assert status == 200
    return [(row["type"], row.get("properties")) for row in rows]


async def kept(api: Api, *conversion_ids: str) -> list[tuple[bool, Any, bytes]]:
    """What conversions still tell of their customers: whether there are keys, properties, visitor."""
    found = await api.services.database["conversions"].find({"_id": {"$in": conversion_ids}}).to_list()
    by_id = {each["_id"]: each for each in found}
    told = [by_id[each] for each in conversion_ids]
    return [(bool(each["customer_keys"]), each["properties"], each["visitor"]) for each in told]


async def touches(api: Api) -> int:
    mine = {"workspace_id": api.context.viewer.workspace_id}
    return await api.services.database["touches"].count_documents(mine)


async def figures(api: Api, link_id: str) -> tuple[Any, list[Any]]:
    """Conversions and revenue of a link, and every share of the workspace's conversions."""
    mine = {"workspace_id": api.context.viewer.workspace_id}
    rows = await api.services.database["credits"].find(mine).sort("_id", 1).to_list()
    return (await api(STATS, ids=[link_id]))["nodes"], rows


async def recounted(api: Api) -> None:
    """Every conversion counted again under another model."""
    change = "mutation { updateWorkspace(input: { attribution: LINEAR }) { userErrors { code } } }"
    assert (await api(change))["updateWorkspace"]["userErrors"] == []
    await settled(api, api.context.clock() + HOUR)


async def test_what_was_told_with_the_id_alone_goes_with_the_address(api: Api, site: Site) -> None:  # noqa: F811 - the fixture
    """PR-02, PR-03: given out and erased whole, and no share moves when it is counted again."""
    link_id = (await api.create())["id"]
    signup = await signed_up(api, link_id, ANA)
    purchases = [await bought(api, number) for number in range(2)]
    strangers = await bought(api, 1, "18")
    assert await told_of(api, ANA, site) == [
        ("conversions", {"of": ANA}),
        ("conversions", {"name": "17/0"}),
        ("conversions", {"name": "17/1"}),
        ("clicks", None),
    ]
    before = await figures(api, link_id)
    assert before[0] == [{"stats": {"conversions": 3, "revenue": [{"amount": "160.00"}]}}]

    await erased(api, ANA)
    assert (await touches(api), await figures(api, link_id)) == (0, before)
    await recounted(api)
    assert await figures(api, link_id) == before
    assert await kept(api, signup["id"], *(each["id"] for each in purchases)) == [(False, {}, b"")] * 3
    assert await kept(api, strangers["id"]) == [(True, {"name": "18/1"}, b"")]
    assert await told_of(api, ANA, site) == []


async def test_an_id_of_two_addresses_goes_with_the_last_of_them(api: Api, site: Site) -> None:  # noqa: F811 - the fixture
    """A household's id, or a shop's "guest": nobody is given, or loses, what another one may have bought."""
    link_id = (await api.create())["id"]
    ana, ben = await signed_up(api, link_id, ANA), await signed_up(api, link_id, BEN)
    one = await bought(api, 1)
    await recounted(api)
    before = await figures(api, link_id)
    assert await told_of(api, ANA, site) == [("conversions", {"of": ANA}), ("clicks", None)]

    await erased(api, ANA)
    assert await kept(api, ana["id"], ben["id"], one["id"]) == [
        (False, {}, b""),
        (True, {"of": BEN}, VISITOR),
        (True, {"name": "17/1"}, b""),
    ]
    await recounted(api)
    assert await figures(api, link_id) == before
    assert [told for kind, told in await told_of(api, BEN, site) if kind == "conversions"] == [
        {"of": BEN},
        {"name": "17/1"},
    ]

    await erased(api, BEN)
    await recounted(api)
    assert await kept(api, ben["id"], one["id"]) == [(False, {}, b"")] * 2
    assert (await touches(api), await figures(api, link_id)) == (0, before)


async def test_every_page_of_a_customer_is_erased(api: Api) -> None:
    link_id = (await api.create())["id"]
    await signed_up(api, link_id, ANA)
    made = await asyncio.gather(*(bought(api, number) for number in range(101)))
    await erased(api, ANA)
    assert await kept(api, *(each["id"] for each in made)) == [(False, {}, b"")] * 101


@dataclass
class Breaking:
    """Lets some more writes through, and then the database is away."""

    writes: int

    def spend(self) -> None:
        if self.writes == 0:
            raise Unavailable("The database does not answer right now; try again.")
        self.writes -= 1


class BreakingConversions(MongoConversions):
    """Conversions in a database that goes away."""

    breaking: Breaking

    async def revise(self, workspace_id: str, revised: Revised) -> bool:
        self.breaking.spend()
        return await super().revise(workspace_id, revised)


class BreakingCustomers(MongoCustomers):
    """Customers in a database that goes away."""

    breaking: Breaking

    async def forget(self, workspace_id: str, keys: Sequence[bytes]) -> int:
        self.breaking.spend()
        return await super().forget(workspace_id, keys)


def after(api: Api, writes: int) -> Api:
    """The same viewer while the database goes away after so many writes."""
    database, breaking = api.services.database, Breaking(writes)
    stored, found = BreakingConversions(database), BreakingCustomers(database)
    stored.breaking = found.breaking = breaking
    subjects = MongoSubjects(database)
    subjects.customers = found
    return api.on(replace(api.services, conversions=stored, subjects=subjects))


async def test_an_erasure_that_broke_off_is_finished_by_the_next_one(api: Api) -> None:
    """Whatever was written before: the next call still finds its way from the address to the rest."""
    link_id = (await api.create())["id"]
    await recounted(api)
    for writes in range(5):  # twice for each conversion, and once between for the clicks
        email, customer = f"ana{writes}@example.com", f"c{writes}"
        made = [await signed_up(api, link_id, email, customer), await bought(api, writes, customer)]
        before = await figures(api, link_id)
        assert await after(api, writes).code(ERASE, email=email) == "UNAVAILABLE"
        await recounted(api)
        await erased(api, email)
        await recounted(api)
        assert await kept(api, *(each["id"] for each in made)) == [(False, {}, b"")] * 2
        assert (await touches(api), await figures(api, link_id)) == (0, before)
