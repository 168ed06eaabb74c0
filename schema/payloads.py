"""What every mutation answers: the object or null, and the errors of the input as data."""

import strawberry
from strawberry.utils.str_converters import to_camel_case

from domain import errors

UserErrorCode = errors.UserErrorCode
strawberry.enum(UserErrorCode, name="UserErrorCode", description="Why an input was not accepted.")


@strawberry.type(description="One expected failure of an input. User errors are data, they are never thrown.")
class UserError:
    """The API's view of domain.errors.UserError."""

    code: UserErrorCode = strawberry.field(description="For programs.")
    message: str = strawberry.field(description="For people: what was wrong, and what would be right.")
    field: list[str] | None = strawberry.field(
        description='Path of the input it is about, such as ["expiresAt"], or ["3", "destination"] in row 3.'
    )

    @classmethod
    def of(cls, error: errors.UserError) -> "UserError":
        """The error with its path in the API's spelling; names that the caller made up stay his."""
        path = [
            str(part) if isinstance(part, errors.Verbatim) else to_camel_case(part) for part in error.field
        ]
        return cls(code=error.code, message=error.message, field=path or None)


@strawberry.type(description="The answer of a deletion.")
class DeletePayload:
    """Which object is gone."""

    deleted_id: strawberry.ID | None = strawberry.field(
        description="Id of what was deleted; null on failure."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was deleted; empty on success.")
