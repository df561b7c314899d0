"""Settlement offers and amounts: what an offer costs and forgives, and what a payer may choose to pay. Cents
throughout.

Called by the offer and checkout use cases. Knows no rows.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from portal.domain.money import parse_amount, percent_of
from portal.domain.refusal import Refused


class OfferKind(StrEnum):
    """How an offer is written down: a sum, or a part of what is owed."""

    amount = "amount"
    percent = "percent"


class AmountChoice(StrEnum):
    """How the amount was chosen. `offer` is fixed by the offer."""

    whole = "whole"
    minimum = "minimum"
    other = "other"
    offer = "offer"


@dataclass(frozen=True, slots=True)
class Price:
    """What an offer asks and what it forgives."""

    pay_cents: int
    forgive_cents: int


@dataclass(frozen=True, slots=True)
class AmountRules:
    """What the organisation allows, and what can still be paid: the balance without payments under way."""

    payable_cents: int
    minimum_cents: int
    maximum_cents: int
    other_allowed: bool

    @property
    def least_cents(self) -> int:
        """A balance below the minimum may still be paid whole."""
        return min(self.minimum_cents, self.payable_cents)

    @property
    def whole_allowed(self) -> bool:
        return 0 < self.payable_cents <= self.maximum_cents

    @property
    def minimum_offered(self) -> bool:
        return self.other_allowed and self.minimum_cents < self.payable_cents


def price(kind: str, amount_cents: int | None, basis_points: int | None, payable_cents: int) -> Price | None:
    """The price of an offer on what can be paid now; None when it would be no settlement (not below it, or nothing)."""
    if kind == OfferKind.amount:
        pay_cents = amount_cents or 0
    else:
        pay_cents = percent_of(payable_cents, basis_points or 0)
    if not 0 < pay_cents < payable_cents:
        return None
    return Price(pay_cents, payable_cents - pay_cents)


def chosen_amount(choice: str, typed: str, rules: AmountRules) -> int:
    """The cents a payer chose, or Refused with the rule that forbids it."""
    if rules.payable_cents <= 0:
        raise Refused("nothing_to_pay")
    if choice == AmountChoice.whole and rules.whole_allowed:
        return rules.payable_cents
    if choice == AmountChoice.minimum and rules.minimum_offered:
        return rules.least_cents
    if choice == AmountChoice.other and (rules.other_allowed or not rules.whole_allowed):
        return within(parse_amount(typed), rules)
    raise Refused("amount_choice_missing")


def within(amount_cents: int, rules: AmountRules) -> int:
    """The amount itself when the organisation's limits and the balance allow it."""
    if amount_cents > rules.payable_cents:
        raise Refused("amount_above_balance", payable_cents=rules.payable_cents)
    if amount_cents < rules.least_cents:
        raise Refused("amount_below_minimum", minimum_cents=rules.least_cents)
    if amount_cents > rules.maximum_cents:
        raise Refused("amount_above_maximum", maximum_cents=rules.maximum_cents)
    return amount_cents


def quote_version(*parts: object) -> str:
    """A short name for exactly these figures. Posted back by the check page: another name means the figures changed."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:24]
