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
    disputed = "disputed"  # asset: taken back by a cardholder's bank, undecided whether for good
    settled_away = "settled_away"  # expense: the part forgiven by a settlement offer
    owed_back = "owed_back"  # liability: the customer's own money, which a refund that failed has left with us


class Recipe(StrEnum):
    """A money event. Each names one pair of books in `PAIRS`."""

    balance_placed = "balance_placed"
    balance_lowered = "balance_lowered"
    payment_taken = "payment_taken"
    settlement_forgiven = "settlement_forgiven"
    payment_returned = "payment_returned"  # given back, and the account owes it again
    payment_corrected = "payment_corrected"  # given back, because it was never owed
    settlement_restored = "settlement_restored"  # a payment of the settlement was given back, or lost, whole
    return_failed = "return_failed"  # a refund did not arrive: the account owes it no more, as before the refund
    return_kept = "return_kept"  # a refund did not arrive, and nothing is owed that it could lower: it is theirs
    return_made_good = "return_made_good"  # what was theirs was given back by a later refund
    payment_lost = "payment_lost"  # the gateway took it and never paid it out
    chargeback_opened = "chargeback_opened"  # a bank took a payment back, undecided whether for good
    chargeback_won = "chargeback_won"  # and gave it back to us
    chargeback_lost = "chargeback_lost"  # and keeps it: the account owes it again
    chargeback_restored = "chargeback_restored"  # a lost one was taken up again, or came to less than was booked


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
    Recipe.payment_returned: Pair(debit=Book.receivable, credit=Book.gateway),
    Recipe.payment_corrected: Pair(debit=Book.placed, credit=Book.gateway),
    Recipe.settlement_restored: Pair(debit=Book.receivable, credit=Book.settled_away),
    Recipe.return_failed: Pair(debit=Book.gateway, credit=Book.receivable),
    Recipe.return_kept: Pair(debit=Book.gateway, credit=Book.owed_back),
    Recipe.return_made_good: Pair(debit=Book.owed_back, credit=Book.gateway),
    Recipe.payment_lost: Pair(debit=Book.receivable, credit=Book.gateway),
    Recipe.chargeback_opened: Pair(debit=Book.disputed, credit=Book.gateway),
    Recipe.chargeback_won: Pair(debit=Book.gateway, credit=Book.disputed),
    Recipe.chargeback_lost: Pair(debit=Book.receivable, credit=Book.disputed),
    Recipe.chargeback_restored: Pair(debit=Book.disputed, credit=Book.receivable),
}


def receivable_change_cents(recipe: Recipe, amount_cents: int) -> int:
    """How the recipe moves what the account owes: plus is more owed, minus is less, in cents."""
    pair = PAIRS[recipe]
    if pair.debit is Book.receivable:
        return amount_cents
    if pair.credit is Book.receivable:
        return -amount_cents
    return 0
