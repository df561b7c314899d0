"""Statements: what an account owed before some days, every move of money in them, and what it owed after, in cents.

Worked out from the ledger, shown on a page and put on paper. Knows no rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from portal.domain.ledger import Recipe
from portal.domain.service import EntryKind
from portal.domain.service_document import PersonOnPaper, Practice


class StatementLine(StrEnum):
    """What one move was, for a person."""

    service = "service"
    balance = "balance"  # of the account as a whole
    insurance = "insurance"
    adjustment = "adjustment"
    payment = "payment"
    settlement = "settlement"
    given_back = "given_back"
    taken_back = "taken_back"  # by a bank
    correction = "correction"


def line_words(_: Callable[[str], str]) -> dict[StatementLine, str]:
    """What each is called, in the language of `_`; the same on screen and on paper."""
    return {
        StatementLine.service: _("Service"),
        StatementLine.balance: _("Balance"),
        StatementLine.insurance: _("Insurance"),
        StatementLine.adjustment: _("Adjustment"),
        StatementLine.payment: _("Payment"),
        StatementLine.settlement: _("Settlement"),
        StatementLine.given_back: _("Payment given back"),
        StatementLine.taken_back: _("Payment taken back by a bank"),
        StatementLine.correction: _("Correction"),
    }


_LINES: dict[Recipe, StatementLine] = {
    Recipe.balance_placed: StatementLine.balance,
    Recipe.balance_lowered: StatementLine.adjustment,
    Recipe.payment_taken: StatementLine.payment,
    Recipe.settlement_forgiven: StatementLine.settlement,
    Recipe.payment_returned: StatementLine.given_back,
    Recipe.payment_corrected: StatementLine.correction,
    Recipe.settlement_restored: StatementLine.correction,
    Recipe.return_failed: StatementLine.correction,
    Recipe.return_kept: StatementLine.correction,
    Recipe.return_made_good: StatementLine.correction,
    Recipe.payment_lost: StatementLine.correction,
    Recipe.chargeback_opened: StatementLine.correction,
    Recipe.chargeback_won: StatementLine.correction,
    Recipe.chargeback_lost: StatementLine.taken_back,
    Recipe.chargeback_restored: StatementLine.correction,
}
_OF_SERVICES: dict[EntryKind, StatementLine] = {
    EntryKind.fee: StatementLine.service,
    EntryKind.insurance: StatementLine.insurance,
    EntryKind.adjustment: StatementLine.adjustment,
}


def line_of(recipe: Recipe, kind: EntryKind | None) -> StatementLine:
    """What an entry of the ledger was; `kind` where it moved a service."""
    if recipe in (Recipe.balance_placed, Recipe.balance_lowered) and kind in _OF_SERVICES:
        return _OF_SERVICES[kind]
    return _LINES[recipe]


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One move. Plus is more owed; `balance_cents` is what was owed after it. `about` is what a practice calls it."""

    on: date
    line: StatementLine
    about: str
    change_cents: int
    balance_cents: int


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """A statement: `opening_cents` is the balance forward."""

    practice: Practice
    payer: PersonOnPaper
    account: str
    from_on: date
    until_on: date
    opening_cents: int
    rows: tuple[StatementRow, ...]
    made_at: datetime

    @property
    def charged_cents(self) -> int:
        """Everything that made it more."""
        return sum(row.change_cents for row in self.rows if row.change_cents > 0)

    @property
    def lowered_cents(self) -> int:
        """Everything that made it less, above zero."""
        return -sum(row.change_cents for row in self.rows if row.change_cents < 0)

    @property
    def closing_cents(self) -> int:
        """What was owed at the end of the last day."""
        return self.opening_cents + self.charged_cents - self.lowered_cents
