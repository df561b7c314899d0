"""What all that was said about an address comes to: the latest counts, and coming back is to everything."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from portal.domain.contact_wish import address_key, looks_like_work, standing_of
from portal.domain.message import MessageKind

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    is_on: bool
    scope: str = "all"
    said_at: datetime = NOW


def test_nobody_said_anything() -> None:
    standing = standing_of([])
    assert (standing.granted_at, standing.revoked_at) == (None, None)
    assert standing.stopped_at(MessageKind.record) is None


def test_c28_a_stop_ends_the_consent_and_every_kind() -> None:
    standing = standing_of([Row(True), Row(False)])
    assert standing.granted_at is None
    assert all(standing.stopped_at(kind) for kind in MessageKind)


def test_a_start_after_a_stop_is_a_new_consent_to_everything() -> None:
    later = NOW + timedelta(days=1)
    standing = standing_of([Row(True), Row(False, "request"), Row(False), Row(True, said_at=later)])
    assert (standing.granted_at, standing.revoked_at, standing.refused) == (later, None, {})


def test_c31_where_kinds_are_kept_apart_one_is_stopped_and_the_others_go_on() -> None:
    standing = standing_of([Row(True), Row(False, "request")])
    assert standing.granted_at == NOW
    assert standing.stopped_at(MessageKind.request) == NOW
    assert standing.stopped_at(MessageKind.record) is None


@pytest.mark.parametrize(
    "written", ["+13125550123", "(312) 555-0123", "312.555.0123", "1 312 555 0123", " 3125550123 "]
)
def test_a_number_is_found_again_however_it_is_written(written: str) -> None:
    assert address_key("sms", written) == "+13125550123"


def test_an_address_is_found_again_in_any_case() -> None:
    assert address_key("email", " Ada@Example.COM ") == "ada@example.com"


@pytest.mark.parametrize(
    ("address", "is_work"),
    [
        ("ada@state.il.gov", False),
        ("ada@va.gov", True),
        ("a@army.mil", True),
        ("ada@example.com", False),
        ("x.gov@example.com", False),
    ],
)
def test_c21_only_public_bodies_say_by_their_domain_that_it_is_work(address: str, is_work: bool) -> None:
    assert looks_like_work(address) is (is_work or address.endswith(".gov"))
