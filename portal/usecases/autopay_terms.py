"""The standing authorization of AutoPay on an account, in words: as it is shown, and then sealed.

Called where AutoPay is turned on or changed, and where its card is changed. Reads only.
"""

from collections.abc import Sequence
from datetime import datetime

from portal.domain.agreement import Text
from portal.domain.autopay_agreement import AutopayTerms, autopay_text
from portal.domain.contact_wish import address_key
from portal.domain.due_date import local_date
from portal.domain.schedule import Payment
from portal.storage import Session
from portal.storage import agreement as agreements
from portal.storage import autopay as autopays
from portal.storage import bounce as bounces
from portal.storage import customer as customers
from portal.storage import organisation as organisations
from portal.storage.account import Account
from portal.storage.autopay import Autopay
from portal.storage.customer import Customer
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.usecases.agreement import card_named
from portal.usecases.organisation import settings_of
from portal.usecases.schedule import CardChoice
from portal.usecases.schedule_payment import REPLACEABLE, has_failed

NOTICE_SETTING, QUIET_SETTING = "autopay_notice_days", "autopay_quiet_days"


def is_stopped(session: Session, row: Autopay, card: PaymentMethod | None) -> bool:
    """Whether its holder had the bank stop charges to its card since it was authorized (C11): nothing is announced."""
    if card is None or card.stopped_at is None:
        return False
    sealed = agreements.by_id(session, row.agreement_id)
    return sealed is None or sealed.accepted_at <= card.stopped_at


def is_reached(session: Session, person: Customer) -> bool:
    """Whether a notice can be emailed to somebody: there is an address, and it was not refused for good."""
    if not person.email:
        return False
    return bounces.standing(session, "email", address_key("email", person.email)) is None


def left_of(session: Session, row: Autopay) -> list[Obligation]:
    """Payments it has announced and that are still to be charged or were declined, the next one first."""
    plans = autopays.schedules_of(session, row.id)
    return [
        each for each in autopays.obligations_of(session, [plan.id for plan in plans]) if each.status in REPLACEABLE
    ]


def failed_of(left: Sequence[Obligation], limit_cents: int) -> int:
    """What of these was declined and fits the limit, in cents: another card is charged with it at once."""
    return sum(each.amount_cents for each in left if has_failed(each) and each.amount_cents <= limit_cents)


def standing_text(
    session: Session, account: Account, card: CardChoice, limit_cents: int, locale: str, now: datetime
) -> Text:
    """The authorization as it stands now; where AutoPay is on it lists what was announced already."""
    payer = customers.by_id(session, account.customer_id)
    if payer is None:
        raise AssertionError(f"account {account.id} has no customer")
    paid_to = organisations.by_id(session, account.organisation_id)
    rules = settings_of(session, paid_to)
    row = autopays.on_account(session, account.id)
    left = left_of(session, row) if row is not None else []
    # above a lower limit a payment that waits is not charged any more: `schedule_card.stand_on` ends it
    is_another = row is not None and row.payment_method_id != card.payment_method_id  # declined once, not tried again
    announced = [each for each in left if not has_failed(each) and each.amount_cents <= limit_cents and each.due_on]
    return autopay_text(
        AutopayTerms(
            organisation=paid_to.name,
            support_phone=paid_to.support_phone,
            support_email=paid_to.support_email,
            customer=payer.full_name,
            account_reference=account.reference,
            card=card_named(card.brand, card.last4, locale, on_file=True),
            limit_cents=limit_cents,
            notice_days=rules.number(NOTICE_SETTING),
            quiet_days=rules.number(QUIET_SETTING),
            covers_from=local_date(row.covers_from if row is not None else now, paid_to.timezone),
            payments=tuple(
                Payment(number, each.due_on, each.amount_cents)
                for number, each in enumerate(announced, 1)
                if each.due_on is not None
            ),
            failed_cents=failed_of(left, limit_cents) if is_another else 0,
            authorized_on=local_date(now, paid_to.timezone),
            own_terms=rules.words("agreement_terms"),
        ),
        locale,
    )
