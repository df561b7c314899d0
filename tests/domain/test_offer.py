"""Offers and amounts, by property: never more than is owed, never a settlement that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.offer import AmountChoice, AmountRules, chosen_amount, price, quote_version, within
from portal.domain.refusal import Refused

cents = st.integers(min_value=1, max_value=999_999_999)


@given(cents, st.integers(min_value=0, max_value=10_000))
def test_what_an_offer_asks_and_forgives_is_the_balance(payable: int, basis_points: int) -> None:
    asked = price("percent", None, basis_points, payable)
    if asked is not None:
        assert asked.pay_cents + asked.forgive_cents == payable
        assert 0 < asked.pay_cents < payable


@given(cents, cents)
def test_an_offer_not_below_the_balance_is_no_offer(amount: int, payable: int) -> None:
    assert (price("amount", amount, None, payable) is None) == (amount >= payable)


@given(cents, cents, cents, cents, st.booleans())
def test_an_amount_that_is_let_through_keeps_every_limit(
    amount: int, payable: int, minimum: int, maximum: int, other: bool
) -> None:
    rules = AmountRules(payable, minimum, maximum, other)
    allowed = min(minimum, payable) <= amount <= min(payable, maximum)
    if allowed:
        assert within(amount, rules) == amount
    else:
        with pytest.raises(Refused, match=r"amount_(above_balance|below_minimum|above_maximum)"):
            within(amount, rules)


def test_a_balance_below_the_minimum_can_be_paid_whole() -> None:
    rules = AmountRules(300, 500, 10_000, True)
    assert chosen_amount(AmountChoice.whole, "", rules) == 300
    assert chosen_amount(AmountChoice.other, "3.00", rules) == 300
    with pytest.raises(Refused, match="amount_choice_missing"):
        chosen_amount(AmountChoice.minimum, "", rules)


def test_a_balance_above_the_maximum_can_be_paid_in_parts_even_where_other_amounts_are_off() -> None:
    rules = AmountRules(50_000, 500, 20_000, False)
    with pytest.raises(Refused, match="amount_choice_missing"):
        chosen_amount(AmountChoice.whole, "", rules)
    assert chosen_amount(AmountChoice.other, "200", rules) == 20_000


def test_nothing_owed_is_nothing_to_pay() -> None:
    with pytest.raises(Refused, match="nothing_to_pay"):
        chosen_amount(AmountChoice.whole, "", AmountRules(0, 500, 10_000, True))


def test_the_name_of_a_quote_changes_with_every_figure() -> None:
    assert quote_version(1, 23) != quote_version(12, 3)
    assert quote_version(1, None) != quote_version(1, "")
    assert quote_version(1, 2) == quote_version(1, 2)
