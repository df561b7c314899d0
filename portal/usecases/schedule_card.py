"""Another card for a schedule: its authorization as shown, then sealed; what had failed is charged to it at once.

Called by the card link's pages, where a card is typed by its holder and the gateway keeps it first; and, behind the
sign-in, by `portal.usecases.replace_method`, with a card on file. Everything changes in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.domain.agreement import Text
from portal.domain.refusal import Refused
from portal.domain.schedule import ENDED, Payment, source_of
from portal.domain.schedule_agreement import card_change_text, keep_words
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import autopay as autopays
from portal.storage import customer as customers
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import schedule as schedules
from portal.storage import visit as visits
from portal.storage.autopay import Autopay
from portal.storage.payment_method import PaymentMethod
from portal.storage.schedule import Schedule
from portal.usecases.agreement import seal_text
from portal.usecases.autopay_terms import NOTICE_SETTING, standing_text
from portal.usecases.charge import ChargeResult, charge_obligation
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import record, settings_of
from portal.usecases.ports import Ports
from portal.usecases.schedule import CardChoice, add_method, keep, terms_of
from portal.usecases.schedule_change import CUSTOMER, lock_schedule
from portal.usecases.schedule_outcome import complete, end_payment, go_on
from portal.usecases.schedule_payment import REPLACEABLE, has_failed

KIND = "schedule_card"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Who accepted an authorization, where: server's values only. `visit_id` names the walk it was accepted in."""

    locale: str
    ip: str
    user_agent: str
    visit_id: str | None = None
    by: str = CUSTOMER


def card_change_shown(session: Session, schedule_id: str, card: CardChoice, locale: str, now: datetime) -> Text:
    """The authorization of another card for what is left, as it is shown and then sealed."""
    plan = schedules.by_id(session, schedule_id)
    account = accounts.by_id(session, plan.account_id) if plan else None
    payer = customers.by_id(session, plan.customer_id) if plan else None
    if plan is None or account is None or payer is None or plan.status in ENDED:
        raise Refused("schedule_over")
    left = [
        Payment(each.seq, each.due_on, each.amount_cents)
        for each in obligations.of_subject(session, plan.id)
        if each.due_on is not None and each.status in REPLACEABLE
    ]
    if not left:
        raise Refused("schedule_over")
    standing = autopays.on_schedule(session, plan.id)
    if standing is not None:  # the card is changed for all that AutoPay will charge
        return standing_text(session, account, card, standing.limit_cents, locale, now)
    paid_to = organisations.by_id(session, plan.organisation_id)
    rules = settings_of(session, paid_to)
    return card_change_text(terms_of(rules, paid_to, payer, account, left, card, locale, now), locale)


def replace_card(
    ports: Ports, organisation_id: str, schedule_id: str, card: CardChoice, shown_digest: str, accepted: Accepted
) -> Sequence[ChargeResult]:
    """Puts a typed card in place of the schedule's, goes on with it, and charges at once what had failed.

    Done once for a visit: whoever comes second finds it done. Refused: `schedule_over`, `agreement_changed`,
    `card_missing`,
    `card_declined`, `card_unusable`, `gateway_unreachable`, `payments_off`.
    """
    if card.nonce is None:
        raise Refused("card_missing")
    with ports.database.read(organisation_id) as session:
        plan = schedules.by_id(session, schedule_id)
    if plan is None or plan.status in ENDED:
        raise Refused("schedule_over")
    kept = keep(ports, organisation_id, plan.account_id, card.nonce)
    failpoint("card.after_keep")

    def work(session: Session) -> list[str]:
        now = ports.clock.now()
        visit = visits.lock(session, accepted.visit_id) if accepted.visit_id else None
        if visit is not None and visit.agreement_id is not None:
            return []
        lock_schedule(session, schedule_id)
        if kept.card.last4 != card.last4:
            raise Refused("agreement_changed")
        paid_to = organisations.by_id(session, organisation_id)
        method = add_method(session, plan.customer_id, kept, keep_words(paid_to.name, accepted.locale), now)
        sealed_id, retried = put_in(session, schedule_id, card, method, shown_digest, accepted, now)
        if visit is not None:
            visit.agreement_id, visit.card_nonce = sealed_id, None
            visit.version += 1
        session.flush()
        failpoint("card.before_commit")
        return retried

    retried = ports.database.run(organisation_id, work)
    failpoint("card.after_commit")
    return [charge_obligation(ports, organisation_id, each, ports.timing.page_timeout) for each in retried]


def put_in(
    session: Session,
    schedule_id: str,
    card: CardChoice,
    method: PaymentMethod,
    shown_digest: str,
    accepted: Accepted,
    now: datetime,
) -> tuple[str, list[str]]:
    """Seals the authorization and puts a card in place of the schedule's: (the agreement, payments to charge at once).

    In the caller's transaction. Refused `schedule_over`, `agreement_changed` when it is not the text that was shown.
    """
    plan, account = lock_schedule(session, schedule_id)
    text = card_change_shown(session, schedule_id, card, accepted.locale, now)
    if text.digest != shown_digest:
        raise Refused("agreement_changed")
    sealed = seal_text(
        session, plan.customer_id, account.id, accepted.visit_id, KIND, text,
        ip=accepted.ip, user_agent=accepted.user_agent, now=now,
    )  # fmt: skip
    standing = autopays.on_schedule(session, plan.id)
    if standing is None:
        return sealed.id, go_on_with(session, plan, method, sealed.id, accepted, now)
    return sealed.id, stand_on(session, standing, method, sealed.id, accepted, now)


def stand_on(
    session: Session, row: Autopay, method: PaymentMethod, sealed_id: str, accepted: Accepted, now: datetime
) -> list[str]:
    """Puts an AutoPay and all it has announced on a card, under a new authorization; payments to charge at once.

    The same card as before is not tried again for what it had failed for (C34).
    """
    is_another = row.payment_method_id != method.id
    row.payment_method_id, row.agreement_id, row.locale = method.id, sealed_id, accepted.locale
    row.notice_days = settings_of(session, organisations.by_id(session, row.organisation_id)).number(NOTICE_SETTING)
    row.next_look_at = now
    row.version += 1
    record(session, accepted.by, "autopay_card_replaced", row.id, now, payment_method_id=method.id)
    retried = []
    for plan in autopays.schedules_of(session, row.id):
        _end_above_limit(session, row, plan, accepted, now, is_another=is_another)
        if plan.status in ENDED:
            continue
        if is_another:
            retried += go_on_with(session, plan, method, sealed_id, accepted, now)
            continue
        plan.agreement_id, plan.locale = sealed_id, accepted.locale
        for due in obligations.of_subject(session, plan.id):
            due.agreement_id = sealed_id if due.status in REPLACEABLE else due.agreement_id
    return retried


def _end_above_limit(
    session: Session, row: Autopay, plan: Schedule, accepted: Accepted, now: datetime, *, is_another: bool
) -> None:
    """Ends what waits above the limit. What this same card was declined for stays: it is what nothing new waits for."""
    for due in obligations.of_subject(session, plan.id):
        waits = due.status in REPLACEABLE and (is_another or not has_failed(due))
        if waits and due.amount_cents > row.limit_cents:
            end_payment(session, due, "above_limit", now, accepted.by)
            go_on(session, plan, accepted.by, now, agreed=True)
            complete(session, plan, now)


def go_on_with(
    session: Session, plan: Schedule, method: PaymentMethod, sealed_id: str, accepted: Accepted, now: datetime
) -> list[str]:
    """Puts a card in place of a schedule's, under an authorization sealed for it; payments to charge at once."""
    plan.payment_method_id, plan.agreement_id, plan.locale = method.id, sealed_id, accepted.locale
    plan.version += 1
    go_on(session, plan, accepted.by, now, agreed=True)  # which is in the text, each with its date
    record(session, accepted.by, "schedule_card_replaced", plan.id, now, payment_method_id=method.id)
    retried = []
    for due in obligations.of_subject(session, plan.id):
        if due.status not in REPLACEABLE:
            continue
        if has_failed(due):
            due.status, due.refused_code, due.retries, due.due_at = "due", None, 0, now
            due.source = source_of(plan.series, customer_present=accepted.by == CUSTOMER)
            retried.append(due.id)
        due.payment_method_id, due.agreement_id = method.id, sealed_id
        due.card_brand, due.card_last4 = method.brand, method.last4
        due.hold_reason = due.hold_until = due.handed_at = None
        due.version += 1
    return retried
