"""E-mail addresses: what a person is known by, judged, made comparable, and hidden behind keyed hashes."""

import hashlib
from typing import Final

import msgspec
from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email

from domain.errors import Rejected, UserError, UserErrorCode

_DOTLESS: Final = frozenset({"gmail.com", "googlemail.com"})
"""Providers that deliver a.b@ and ab@ to the same person."""


class Email(msgspec.Struct, frozen=True):
    """One address in three forms.

    Args:
        address: as mail is sent to it; its domain is ASCII and lower-case.
        identity: what tells participants apart: the address without case.
        person: what tells people apart who try to be two: the identity without a plus-address, and without
            dots where the provider ignores them.
    """

    address: str
    identity: str
    person: str

    @property
    def disposable(self) -> bool:
        """Whether its domain gives away addresses that nobody keeps."""
        return self.identity.rpartition("@")[2] in blocklist


def checked(given: str, field: str = "email") -> Email:
    """The address that a text is; IDN domains and their punycode are the same (RFC 5890).

    Raises:
        Rejected: INVALID at `field`; the message does not repeat what may be somebody's address.
    """
    try:
        read = validate_email(given.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        message = f"This is no e-mail address such as ana@example.com: {error}"
        raise Rejected(UserError(UserErrorCode.INVALID, message, (field,))) from None
    local, domain = read.local_part, read.ascii_domain.lower()
    plain = local.casefold().partition("+")[0] or local.casefold()
    if domain in _DOTLESS:
        plain, mailbox = plain.replace(".", ""), "gmail.com"
    else:
        mailbox = domain
    return Email(f"{local}@{domain}", f"{local.lower()}@{domain}", f"{plain}@{mailbox}")


def hidden(secret: bytes, workspace_id: str, text: str) -> bytes:
    """What stands for an address where it is looked up: BLAKE2b-128 (RFC 7693) under a key of ours.

    Args:
        secret: the installation's key, up to 64 bytes.
        workspace_id: is part of it, so that workspaces cannot compare their people.
        text: an identity, a person, or whatever else names a customer.
    """
    return hashlib.blake2b(f"{workspace_id}\0{text}".encode(), key=secret, digest_size=16).digest()
