"""AutoPay as staff see it: whether the organisation offers it, who has it on which account, what is next of each.

Called by the console and the command line. Turning one off is `portal.usecases.autopay.turn_off`, with a reason.
"""

from dataclasses import dataclass
from datetime import datetime

from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import autopay as autopays
from portal.storage.account import Account
from portal.storage.autopay import Autopay
from portal.storage.customer import Customer
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.usecases import autopay
from portal.usecases.autopay import Seen
from portal.usecases.autopay_terms import NOTICE_SETTING, QUIET_SETTING
from portal.usecases.organisation import set_setting, settings

OFFER_SETTING = "autopay"


@dataclass(frozen=True, slots=True)
class Offered:
    """Whether clients may choose it, and the days of new authorizations."""

    is_on: bool
    quiet_days: int
    notice_days: int


@dataclass(frozen=True, slots=True)
class Line:
    """One client who has it: on which account, with which card, and the next payment that was announced."""

    row: Autopay
    account: Account
    customer: Customer
    card: PaymentMethod
    coming: Obligation | None


def offered(session: Session) -> Offered:
    """As the settings stand."""
    rules = settings(session)
    return Offered(rules.is_on(OFFER_SETTING), rules.number(QUIET_SETTING), rules.number(NOTICE_SETTING))


def offer(session: Session, wish: Offered, *, by: str, now: datetime) -> None:
    """Sets what is not so yet. What clients have authorized keeps its own days. Refused `setting_invalid`."""
    before = offered(session)
    for name, old, new in (
        (OFFER_SETTING, before.is_on, wish.is_on),
        (QUIET_SETTING, before.quiet_days, wish.quiet_days),
        (NOTICE_SETTING, before.notice_days, wish.notice_days),
    ):
        if old != new:
            set_setting(session, name, new, by=by, now=now)


def listed(session: Session, after: str, limit: int) -> list[Line]:
    """Who has it, the newest first; `after` goes on from an authorization."""
    rows = autopays.page_of(session, autopays.by_id(session, after) if after else None, limit)
    coming = autopays.next_of(session, [row.id for row, *_ in rows])
    return [Line(row, owed_on, whose, card, coming.get(row.id)) for row, owed_on, whose, card in rows]


def one(session: Session, account_id: str, now: datetime) -> Seen | None:
    """AutoPay on an account where it is on; None elsewhere."""
    owed_on = accounts.by_id(session, account_id)
    seen = autopay.look(session, account_id, owed_on.customer_id, now) if owed_on is not None else None
    return seen if seen is not None and seen.row is not None else None


def account_named(session: Session, reference: str) -> Account:
    """The account with the organisation's own number for it. Refused `account_unknown`."""
    found = accounts.by_reference(session, reference)
    if found is None:
        raise Refused("account_unknown")
    return found
