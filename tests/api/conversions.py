"""What tests of conversions and rewards tell and ask."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from app import settling
from delivery.settlements import Counts
from domain import aids, ids
from domain.aids import Aid
from domain.clicks import Click, ClickKind
from domain.secrets import AIDS
from domain.visits import Outcome
from storage import codec
from tests.api.conftest import Api

CONVERSION = """
fragment conversion on Conversion {
  id event orderId at properties amount { amount currency } refunded { amount currency }
  click { id } link { id } promotion { uid } referral { id }
  credits { share model why click { id } link { id } }
  rewards { ...reward }
}
"""
REWARD = """
fragment reward on Reward {
  id role state reason dueAt paymentReference amount { amount currency } participant { email }
  promotion { uid } conversion { id }
}
"""
RECORD = (
    "mutation ($input: RecordConversionInput!) { recordConversion(input: $input) {"
    " conversion { ...conversion } warnings { code field } userErrors { code message field } } }"
    + CONVERSION
    + REWARD
)
REFUND = (
    "mutation ($input: RefundConversionInput!) { refundConversion(input: $input) {"
    " conversion { ...conversion } userErrors { code message field } } }" + CONVERSION + REWARD
)
EUR = "EUR"


def euros(amount: str) -> dict[str, str]:
    """An amount as the API takes and shows it."""
    return {"amount": amount, "currency": EUR}


async def told(api: Api, event: str = "purchase", **fields: Any) -> Mapping[str, Any]:
    """The payload of a call that tells a conversion."""
    payload: Mapping[str, Any] = (await api.repeated(RECORD, input={"event": event, **fields}))[
        "recordConversion"
    ]
    return payload


async def converted(api: Api, event: str = "purchase", **fields: Any) -> Mapping[str, Any]:
    """A conversion that is kept."""
    payload = await told(api, event, **fields)
    assert payload["userErrors"] == []
    made: Mapping[str, Any] = payload["conversion"]
    return made


async def refund(api: Api, refund_id: str = "r1", **fields: Any) -> Mapping[str, Any]:
    """The payload of a call that tells a refund."""
    payload: Mapping[str, Any] = (await api.repeated(REFUND, input={"refundId": refund_id, **fields}))[
        "refundConversion"
    ]
    return payload


async def clicked(api: Api, link_id: str, at: datetime, **facts: Any) -> Click:
    """A click of a person that stands in the ledger."""
    facts.setdefault("id", ids.of("clk", int(at.timestamp() * 1_000), api.context.ids.random_bytes(10)))
    click = Click(
        workspace_id=api.context.viewer.workspace_id,
        slot=0,
        seq=int.from_bytes(api.context.ids.random_bytes(6), "big"),
        at=at,
        link_id=link_id,
        link_version=1,
        outcome=Outcome.REDIRECT,
        kind=ClickKind.HUMAN,
        unique=True,
        **facts,
    )
    await api.services.database["clicks"].insert_one(codec.to_document(click))
    return click


async def aid_of(api: Api, click: Click) -> str:
    """The attribution id that the redirect told of a click."""
    key = await api.services.secrets.agreed(AIDS)
    return aids.written(key, Aid(click.id, click.link_id or ""))


def at(api: Api, now: datetime) -> Api:
    """The same viewer at another time."""
    context = replace(api.context, clock=lambda: now)
    return replace(api, context=context)


async def settled(api: Api, now: datetime) -> None:
    """Settle everything that is due at a time of the test's, in every workspace."""
    opened = replace(api.services, clock=lambda: now)
    while await settling.settlements(opened, Counts()).once():
        pass


async def rewards_of(api: Api, conversion_id: str) -> list[tuple[str, str]]:
    """State and amount of each reward of a conversion, as they are now."""
    asked = "query ($id: ID!) { node(id: $id) { ... on Conversion { rewards { state amount { amount } } } } }"
    found = (await api(asked, id=conversion_id))["node"]["rewards"]
    return [(reward["state"], reward["amount"]["amount"]) for reward in found]
