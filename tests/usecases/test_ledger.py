"""Posting to the ledger on both databases: a balance moves with its entries or not at all, and never below nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.domain.ledger import Recipe
from portal.domain.money import CENTS_MAX
from portal.domain.refusal import Refused
from portal.storage import account, ledger
from portal.usecases.charge import claim
from portal.usecases.ledger import differs_from_entries, free_cents, lower_balance, post
from tests.rig.house import House
from tests.usecases.test_sweep import SOON

ON_BOTH = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def posted(house: House, account_id: str, recipe: Recipe, amount_cents: int, key: str) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        post(
            session, account.lock(session, account_id), recipe, amount_cents,
            event_key=key, posted_at=house.clock.now(), posted_by="test",
        )  # fmt: skip


def balance(house: House, account_id: str) -> int:
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, account_id)
        assert row is not None
        assert differs_from_entries(session, row) == 0
        return row.balance_cents


def test_an_opening_balance_is_an_entry_and_nothing_owed_is_none(house: House) -> None:
    for cents, entries in ((50_000, 1), (0, 0)):
        owed = house.account(cents)
        assert balance(house, owed) == cents
        with house.ports.database.read(house.organisation_id) as session:
            assert len(ledger.of_account(session, owed)) == entries


@ON_BOTH
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([Recipe.balance_placed, Recipe.balance_lowered, Recipe.payment_taken]),
                  st.integers(min_value=1, max_value=90_000)),
        max_size=8,
    )
)  # fmt: skip
def test_m5_whatever_is_posted_the_balance_is_the_sum_of_its_entries_and_never_below_zero(
    house: House, steps: list[tuple[Recipe, int]]
) -> None:
    """M5."""
    owed, expected = house.account(50_000), 50_000
    for number, (recipe, amount_cents) in enumerate(steps):
        change = amount_cents if recipe is Recipe.balance_placed else -amount_cents
        if expected + change < 0:
            with pytest.raises(Refused, match="balance_would_go_below_zero"):
                posted(house, owed, recipe, amount_cents, f"{owed}:{number}")
        else:
            posted(house, owed, recipe, amount_cents, f"{owed}:{number}")
            expected += change
        assert balance(house, owed) == expected


def test_one_event_is_posted_once_and_a_repeat_moves_nothing(house: House) -> None:
    owed = house.account(5_000)
    posted(house, owed, Recipe.balance_lowered, 1_000, "event-1")
    with pytest.raises(Exception, match=r"(?i)unique"):
        posted(house, owed, Recipe.balance_lowered, 1_000, "event-1")
    assert balance(house, owed) == 4_000


def test_attack_064_a_balance_beyond_the_largest_amount_is_refused(house: House) -> None:
    owed = house.account(CENTS_MAX)
    with pytest.raises(Refused, match="balance_too_large"):
        posted(house, owed, Recipe.balance_placed, 1, "one-more")
    assert balance(house, owed) == CENTS_MAX


def test_m7_staff_cannot_lower_a_bill_below_what_is_being_paid(house: House) -> None:
    """M7: the charge under way may still take its part."""
    owed = house.account(5_000)
    due = house.obligation(owed, 3_000, payment_method_id=house.card_on_file())
    claim(house.ports, house.organisation_id, due, SOON)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = account.lock(session, owed)
        assert free_cents(session, row) == 2_000
        with pytest.raises(Refused) as refusal:
            lower_balance(session, row, 2_001, event_key="x", now=house.clock.now(), by="staff")
        assert dict(refusal.value.facts) == {"free_cents": 2_000}
        lower_balance(session, row, 2_000, event_key="x", now=house.clock.now(), by="staff")
    assert balance(house, owed) == 3_000
