"""Values come back from both databases as they went in: moments, texts in every script, JSON, flags."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import StatementError

from portal.storage import customer
from portal.storage.audit import Alarm
from portal.storage.customer import Customer
from portal.storage.rows import new_id
from portal.storage.scope import UnstorableText
from tests.storage.conftest import NOW, Pair

ON_BOTH = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def kept(pair: Pair, **values: Any) -> Alarm:
    """An alarm written, committed and read back."""
    row = Alarm(**({"kind": "test", "subject_id": new_id(), "facts": {}, "raised_at": NOW} | values))
    with pair.ours.transaction() as session:
        session.add(row)
    with pair.ours.read() as session:
        return session.scalars(select(Alarm).where(Alarm.id == row.id)).one()


@ON_BOTH
@given(
    moment=st.datetimes(min_value=NOW.replace(1900, tzinfo=None), max_value=NOW.replace(2999, tzinfo=None)),
    offset=st.integers(min_value=-12 * 60, max_value=14 * 60),
)
def test_a_moment_comes_back_aware_in_utc_to_the_microsecond(pair: Pair, moment: datetime, offset: int) -> None:
    written = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    read = kept(pair, raised_at=written).raised_at
    assert read == written
    assert read.utcoffset() == timedelta(0)


def test_a_moment_without_a_zone_is_refused(pair: Pair) -> None:
    with pytest.raises(StatementError, match="naive"):
        kept(pair, raised_at=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


def test_moments_sort_and_compare_as_time_does(pair: Pair) -> None:
    moments = [
        NOW,
        NOW + timedelta(microseconds=1),
        NOW.replace(microsecond=0) + timedelta(seconds=1),
        (NOW + timedelta(seconds=2)).astimezone(timezone(timedelta(hours=-8))),
        NOW + timedelta(days=3650),
    ]
    with pair.ours.transaction() as session:
        for moment in reversed(moments):
            session.add(Alarm(kind="order", subject_id=new_id(), facts={}, raised_at=moment))
    with pair.ours.read() as session:
        mine = select(Alarm.raised_at).where(Alarm.kind == "order")
        assert session.scalars(mine.order_by(Alarm.raised_at)).all() == moments
        early = mine.where(Alarm.raised_at <= moments[1]).order_by(Alarm.raised_at)
        assert session.scalars(early).all() == moments[:2]
        assert session.scalar(select(func.min(Alarm.raised_at)).where(Alarm.kind == "order")) == NOW


TEXTS = [
    "Zoë Ñúñez", "李小龍", "مرحبا", "👩🏽‍⚕️💳", "𝒜", "e\u0301", "é", "line\nbreak\ttab", "'; DROP TABLE account; --",
    "%s %(x)s ? :x {} \\", "\u202ertl\u202c", "\u200bzero", "\ufeffbom", "", " ", "\x1f\x7f", "x" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_attack_090_a_text_comes_back_as_it_was_written(pair: Pair, text: str) -> None:
    row = kept(pair, subject_id=f"{new_id()}{text}", facts={"said": text, text or "empty": 1})
    assert row.subject_id.endswith(text)
    assert row.subject_id[32:] == text
    assert row.facts == {"said": text, text or "empty": 1}


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "\ud83d", "half \udcff"])
def test_attack_090_a_text_one_database_cannot_hold_is_refused_for_both(pair: Pair, text: str) -> None:
    """PostgreSQL rejects NUL, neither takes half of a pair: the same clear error on both, before either is asked."""
    for values in (
        {"subject_id": text},
        {"facts": {"said": text}},
        {"facts": {text: 1}},
        {"facts": {"a": [{"b": text}]}},
    ):
        with pytest.raises((UnstorableText, StatementError), match="NUL or a lone surrogate"):
            kept(pair, **values)
    with pair.ours.read() as session, pytest.raises(UnstorableText):
        session.scalars(select(Customer).where(Customer.reference == text)).all()


def test_a_json_text_that_only_looks_like_nul_is_kept(pair: Pair) -> None:
    assert kept(pair, facts={"said": "\\u0000"}).facts == {"said": "\\u0000"}


def test_forms_of_one_letter_stay_two_texts_on_both(pair: Pair) -> None:
    """NFC and NFD, upper and lower case: compared byte by byte, so both engines agree who is who."""
    names = ["Jose\u0301", "José", "JOSÉ", "jose"]
    with pair.ours.transaction() as session:
        for name in names:
            session.add(Customer(reference=name, given_name="x", family_name="y", created_at=NOW))
    with pair.ours.read() as session:
        for name in names:
            assert session.scalars(select(Customer.reference).where(Customer.reference == name)).all() == [name]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53), max_value=2**53)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé👩", max_size=5), inner, max_size=3),
    max_leaves=8,
)


@ON_BOTH
@given(facts=st.dictionaries(st.text("abc", max_size=3), JSON, max_size=4))
def test_json_comes_back_equal(pair: Pair, facts: dict[str, Any]) -> None:
    assert kept(pair, facts=facts).facts == facts


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_json_does_not_know_is_refused(pair: Pair, value: float) -> None:
    with pytest.raises((ValueError, StatementError)):
        kept(pair, facts={"value": value})


def test_flags_come_back_as_true_and_false_and_can_be_asked_for(pair: Pair) -> None:
    with pair.ours.transaction() as session:
        ids = []
        for is_active in (True, False):
            row = Customer(reference=new_id(), given_name="x", family_name="y", is_active=is_active, created_at=NOW)
            session.add(row)
            session.flush()
            ids.append(row.id)
    with pair.ours.read() as session:
        read = [customer.by_id(session, id_) for id_ in ids]
        assert [row.is_active for row in read if row] == [True, False]
        assert session.scalars(select(Customer.id).where(Customer.id.in_(ids), Customer.is_active)).all() == ids[:1]
        assert session.scalars(select(Customer.id).where(Customer.id.in_(ids), ~Customer.is_active)).all() == ids[1:]


def test_m16_the_largest_amounts_are_kept_exactly(pair: Pair) -> None:
    for cents in (1, 999_999_999, 2**53 + 1, 2**63 - 1):
        with pair.ours.transaction() as session:
            row = pair.ours.obligation(amount_cents=cents)
            session.add(row)
            session.flush()
            session.expire(row)
            assert row.amount_cents == cents


def test_an_amount_beyond_64_bits_is_an_error_and_not_another_amount(pair: Pair) -> None:
    with pair.ours.transaction() as session:
        session.add(pair.ours.obligation(amount_cents=2**63))
        with pytest.raises((StatementError, OverflowError)):
            session.flush()
        session.rollback()


def test_utc_is_what_the_zone_is_called(pair: Pair) -> None:
    assert kept(pair).raised_at.tzinfo is UTC
