"""Posting to the ledger: the only place that writes entries and moves an account's balance.

Called inside a transaction that holds the account's lock. Never edits or deletes an entry.
"""

from collections.abc import Sequence
from datetime import datetime

from portal.domain.ledger import PAIRS, Recipe, receivable_change_cents
from portal.domain.money import CENTS_MAX
from portal.domain.refusal import Refused
from portal.domain.service import EntryKind, Share
from portal.storage import Session, charge, ledger
from portal.storage.account import Account
from portal.storage.ledger import LedgerEntry
from portal.usecases.share import follow


def post(
    session: Session,
    account: Account,
    recipe: Recipe,
    amount_cents: int,
    *,
    event_key: str,
    posted_at: datetime,
    posted_by: str,
    charge_id: str | None = None,
    shares: Sequence[Share] = (),
    kind: EntryKind | None = None,
) -> None:
    """Posts one pair and moves the balance with it. `event_key` names the event: a second post of it is an error.

    The account's services follow; `shares` and `kind` say how where the event alone does not.
    Refused `balance_would_go_below_zero` or `balance_too_large`.
    """
    balance = account.balance_cents + receivable_change_cents(recipe, amount_cents)
    if balance < 0:
        raise Refused("balance_would_go_below_zero", amount_cents=amount_cents, balance_cents=account.balance_cents)
    if balance > CENTS_MAX:
        raise Refused("balance_too_large")
    pair = PAIRS[recipe]
    session.add(
        LedgerEntry(
            organisation_id=account.organisation_id,
            account_id=account.id,
            charge_id=charge_id,
            recipe=recipe.value,
            debit_book=pair.debit.value,
            credit_book=pair.credit.value,
            amount_cents=amount_cents,
            currency=account.currency,
            event_key=event_key,
            posted_at=posted_at,
            posted_by=posted_by,
        )
    )
    account.balance_cents = balance
    account.version += 1
    follow(
        session,
        account,
        recipe,
        amount_cents,
        event_key=event_key,
        posted_at=posted_at,
        posted_by=posted_by,
        charge_id=charge_id,
        shares=shares,
        kind=kind,
    )


def free_cents(session: Session, account: Account) -> int:
    """What may still be paid on an account: its balance less what open charges hold, never below zero."""
    return max(0, account.balance_cents - charge.held_cents(session, account.id))


def lower_balance(
    session: Session, account: Account, amount_cents: int, *, event_key: str, now: datetime, by: str
) -> None:
    """Staff lower what is owed; never below what open charges may still take. Refused `amount_held`."""
    if amount_cents > free_cents(session, account):
        raise Refused("amount_held", free_cents=free_cents(session, account))
    post(session, account, Recipe.balance_lowered, amount_cents, event_key=event_key, posted_at=now, posted_by=by)


def differs_from_entries(session: Session, account: Account) -> int:
    """Balance kept minus balance summed from the entries, in cents: zero, or an invariant is broken (M5)."""
    return account.balance_cents - ledger.receivable_cents(session, account.id)
