"""E-mail addresses: who is the same participant, and who only tries to look like another person."""

import pytest

from domain import emails
from domain.errors import Rejected, UserErrorCode


@pytest.mark.parametrize(
    ("given", "identity", "person"),
    [
        ("Ana@Example.com", "ana@example.com", "ana@example.com"),
        (" ana+shop@example.com ", "ana+shop@example.com", "ana@example.com"),
        ("a.n.a+x@googlemail.com", "a.n.a+x@googlemail.com", "ana@gmail.com"),
        ("a.n.a@example.com", "a.n.a@example.com", "a.n.a@example.com"),
        ("ana@BÜCHER.example.com", "ana@xn--bcher-kva.example.com", "ana@xn--bcher-kva.example.com"),
        ("straße@example.com", "straße@example.com", "strasse@example.com"),  # not to be one with strasse@
        ("+ana@example.com", "+ana@example.com", "+ana@example.com"),
    ],
)
def test_case_dots_plus_and_idn(given: str, identity: str, person: str) -> None:
    """RF-01: a self-referral by another spelling is the same person."""
    read = emails.checked(given)
    assert (read.identity, read.person) == (identity, person)


@pytest.mark.parametrize(
    "given", ["", "ana", "ana@", "@elsewhere.org", "a b@elsewhere.org", "a@b@c.com", "ana@-x.com"]
)
def test_what_is_no_address_is_refused_without_being_repeated(given: str) -> None:
    with pytest.raises(Rejected) as refused:
        emails.checked(given, "address")
    (error,) = refused.value.errors
    assert (error.code, error.field) == (UserErrorCode.INVALID, ("address",))
    assert len(given) < 5 or given not in error.message


def test_disposable_domains_are_known() -> None:
    assert emails.checked("ana@mailinator.com").disposable
    assert not emails.checked("ana@example.com").disposable


def test_workspaces_cannot_compare_their_people() -> None:
    hidden = {
        emails.hidden(key, workspace, "ana@example.com") for key in (b"k", b"l") for workspace in ("a", "b")
    }
    assert len(hidden) == 4
    assert {len(each) for each in hidden} == {16}
