"""Money as the API shows and takes it."""

import strawberry

from domain import money
from schema.scalars import Decimal


@strawberry.type(description="An exact amount.")
class Money:
    """The API's view of domain.money.Money."""

    amount: Decimal = strawberry.field(description='With the decimals of its currency, such as "19.90".')
    currency: str = strawberry.field(description="ISO 4217.")

    @classmethod
    def of(cls, value: money.Money) -> "Money":
        """The same amount."""
        return cls(amount=Decimal(value.amount), currency=value.currency)


@strawberry.input(description="An exact amount.")
class MoneyInput:
    """Money as it is given."""

    amount: Decimal = strawberry.field(description='Not negative, such as "19.90".')
    currency: str = strawberry.field(description="ISO 4217, such as EUR.")
