"""The books and the recipes: which pair of books each money event moves, as a table.

One entry is one pair, debit and credit, of one positive amount, so debits equal credits by construction.
Called by `portal.usecases.ledger`; corrections are new entries, never an edit.
"""

from dataclasses import dataclass
from enum import StrEnum


class Book(StrEnum):
    """The chart of accounts of one organisation. Signs follow bookkeeping: assets grow by debit."""

    receivable = "receivable"  # asset: what this customer's account owes the organisation
    placed = "placed"  # where receivables come from: income billed or balance handed over
    gateway = "gateway"  # asset: taken by the gateway, not yet on the bank account
    settled_away = "settled_away"  # expense: the part forgiven by a settlement offer


class Recipe(StrEnum):
    """A money event. Each names one pair of books in `PAIRS`."""

    balance_placed = "balance_placed"
    balance_lowered = "balance_lowered"
    payment_taken = "payment_taken"
    settlement_forgiven = "settlement_forgiven"


@dataclass(frozen=True, slots=True)
class Pair:
    """Debit and credit of one recipe."""

    debit: Book
    credit: Book


PAIRS: dict[Recipe, Pair] = {
    Recipe.balance_placed: Pair(debit=Book.receivable, credit=Book.placed),
    Recipe.balance_lowered: Pair(debit=Book.placed, credit=Book.receivable),
    Recipe.payment_taken: Pair(debit=Book.gateway, credit=Book.receivable),
    Recipe.settlement_forgiven: Pair(debit=Book.settled_away, credit=Book.receivable),
}


def receivable_change_cents(recipe: Recipe, amount_cents: int) -> int:
    """How the recipe moves what the account owes: plus is more owed, minus is less, in cents."""
    pair = PAIRS[recipe]
    if pair.debit is Book.receivable:
        return amount_cents
    if pair.credit is Book.receivable:
        return -amount_cents
    return 0
