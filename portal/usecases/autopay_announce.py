"""AutoPay's own clock: what new services leave to pay is announced with its amount and date, or the customer is asked.

Called by the clock process; two or more may run: everything is decided under the account's lock. It makes a schedule of
one payment under the standing authorization and promises its notice in the same commit; the run charges it. Sends
nothing, charges nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from portal.domain.autopay import AUTOPAY, LEFT_TO_CUSTOMER, LOOK_AGAIN, charge_on, next_telling
from portal.domain.due_date import Frequency, Rhythm, WeekendRule, local_date
from portal.domain.schedule import Payment
from portal.domain.service import Share
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import autopay as autopays
from portal.storage import customer as customers
from portal.storage import hold as holds
from portal.storage import organisation as organisations
from portal.storage import payment_method as methods
from portal.storage import plan as plans
from portal.storage import service as services
from portal.storage import share as shares
from portal.storage.account import Account
from portal.storage.autopay import Autopay, AutopayPayment
from portal.storage.customer import Customer
from portal.storage.organisation import Organisation
from portal.storage.payment_method import PaymentMethod
from portal.storage.schedule import Schedule
from portal.usecases.alarm import clear_alarm_of, raise_alarm
from portal.usecases.autopay import NOT_TOLD, is_offered
from portal.usecases.autopay_terms import QUIET_SETTING, is_reached, is_stopped
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import OrganisationSettings, record, settings_of
from portal.usecases.ports import Ports
from portal.usecases.promise import promise
from portal.usecases.rule import notice_key
from portal.usecases.schedule_outcome import complete, end_payment, tell_not_charged
from portal.usecases.schedule_payment import add_payments, has_failed
from portal.usecases.share import for_obligation, free, wanted_of

log = structlog.get_logger()

BATCH = 200


@dataclass(frozen=True, slots=True)
class Owing:
    """What AutoPay may charge of an account's new services now, and when the next of the others is quiet."""

    parts: list[Share]
    next_quiet_at: datetime | None

    @property
    def total_cents(self) -> int:
        return sum(each.amount_cents for each in self.parts)


def announce(ports: Ports) -> int:
    """Looks at every AutoPay whose time for it has come; how many were looked at."""
    done = 0
    while True:
        now = ports.clock.now()
        with ports.database.across() as session:
            rows = autopays.to_look_at(session, now, BATCH)
        for organisation_id, autopay_id in rows:
            try:
                _look(ports, organisation_id, autopay_id)
            except Exception as error:
                log.error("autopay_failed", organisation_id=organisation_id, autopay_id=autopay_id, exc_info=error)
                _put_off(ports, organisation_id, autopay_id)
        done += len(rows)
        if len(rows) < BATCH:
            return done


def _look(ports: Ports, organisation_id: str, autopay_id: str) -> None:
    def work(session: Session) -> list[str]:
        now = ports.clock.now()
        found = autopays.by_id(session, autopay_id)
        if found is None:
            return []
        owed_on = accounts.lock(session, found.account_id)
        row = autopays.fresh(session, autopay_id)
        if row is None or row.status != "on" or row.next_look_at > now:
            return []
        row.next_look_at = now + LOOK_AGAIN
        promised = [*_end_paid(session, row, owed_on, now), *_announced(session, row, owed_on, now)]
        session.flush()
        failpoint("autopay.before_announce")
        return promised

    promised = ports.database.run(organisation_id, work)
    failpoint("autopay.after_announce")
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)


def _put_off(ports: Ports, organisation_id: str, autopay_id: str) -> None:
    """One that raised comes again later, so that it keeps none behind it waiting."""

    def work(session: Session) -> None:
        row = autopays.fresh(session, autopay_id)
        if row is not None:
            row.next_look_at = ports.clock.now() + LOOK_AGAIN

    ports.database.run(organisation_id, work)


def _end_paid(session: Session, row: Autopay, owed_on: Account, now: datetime) -> list[str]:
    """What was paid by hand meanwhile is not charged: its announced payment ends at once, not on its date."""
    promised: list[str] = []
    for plan in autopays.schedules_of(session, row.id):
        for due in autopays.obligations_of(session, [plan.id]):
            wanted = wanted_of(session, owed_on, due.id)
            if due.status in {"due", "declined"} and wanted is not None and not wanted.owed_cents:
                end_payment(session, due, wanted.why_nothing, now, AUTOPAY)
                plan.status = "active" if plan.status in {"paused", "broken"} else plan.status
                promised += tell_not_charged(session, plan, due, now) + complete(session, plan, now)
    return promised


def _announced(session: Session, row: Autopay, owed_on: Account, now: datetime) -> list[str]:
    paid_to = organisations.by_id(session, row.organisation_id)
    rules = settings_of(session, paid_to)
    may_be = next_telling(now, paid_to.timezone)
    if may_be > now:
        row.next_look_at = may_be
        return []
    method = methods.owned_by(session, row.payment_method_id, row.customer_id)
    person = customers.by_id(session, row.customer_id)
    if method is None or person is None or not _is_open(session, paid_to, rules, owed_on) or _has_failed(session, row):
        return []
    if is_stopped(session, row, method):
        return []
    owing = owing_now(session, row, owed_on, rules, now)
    if owing.next_quiet_at is not None:
        row.next_look_at = min(row.next_look_at, owing.next_quiet_at)
    can_be_told = is_reached(session, person)
    if can_be_told:
        clear_alarm_of(session, NOT_TOLD, row.id, now)
    if not owing.parts:
        return []
    if not can_be_told:  # one alarm that stands, not a notice that is lost every two weeks
        raise_alarm(session, NOT_TOLD, row.id, now, account_id=row.account_id)
        return []
    most_cents = min(row.limit_cents, rules.number("maximum_payment_cents"))
    if owing.total_cents > most_cents:
        return _ask(session, row, person, owing, most_cents, now)
    return _schedule(session, row, owed_on, person, method, owing, paid_to, rules, now)


def _is_open(session: Session, paid_to: Organisation, rules: OrganisationSettings, owed_on: Account) -> bool:
    """Whether anything may be charged on this account by itself at the moment."""
    return (
        paid_to.is_active
        and is_offered(rules)
        and rules.is_on("charging_enabled")
        and owed_on.status == "open"
        and owed_on.disputed_at is None
        and holds.standing(session) is None
    )


def _has_failed(session: Session, row: Autopay) -> bool:
    """A payment that this card was declined for: nothing new is charged until it is paid, or there is another card."""
    plans = [plan.id for plan in autopays.schedules_of(session, row.id, live=False)]
    failed = [
        each
        for each in autopays.obligations_of(session, plans)
        if has_failed(each) and each.payment_method_id == row.payment_method_id
    ]
    return any(
        autopays.is_owed(session, [each.service_id for each in shares.of_obligation(session, due.id)]) for due in failed
    )


def owing_now(session: Session, row: Autopay, owed_on: Account, rules: OrganisationSettings, now: datetime) -> Owing:
    """What is left to pay of services recorded since it was turned on, quiet for as long as the practice wants.

    Left out: what is announced already, what the customer said no to or was asked about, what was declined under this
    authorization, what was owed when a payment plan was signed, and whatever money was given back for: nothing given
    back is taken again by itself.
    """
    planned_at = _planned_at(session, owed_on)
    new = [
        each
        for each in services.owed_fresh(session, owed_on.id)
        if each.created_at >= row.covers_from and (planned_at is None or each.created_at > planned_at)
    ]
    if not new:
        return Owing([], None)
    ids = [each.id for each in new]
    changes, moved = services.changes_of(session, ids), autopays.last_moved(session, ids)
    taken = _taken(session, row, ids)
    asked = {each for payment in autopays.asked_of(session, row.id) for each in payment.services}
    room = {each.service_id: each.amount_cents for each in free(session, owed_on, new)}
    quiet_for = timedelta(days=rules.number(QUIET_SETTING))
    parts, next_quiet_at = [], None
    for each in new:
        cents = room[each.id] - taken.get(each.id, 0)
        if cents <= 0 or each.id in asked or "returned" in changes[each.id]:
            continue
        quiet_at = moved[each.id] + quiet_for
        if quiet_at > now:
            next_quiet_at = min(quiet_at, next_quiet_at or quiet_at)
            continue
        parts.append(Share(each.id, cents))
    return Owing(parts, next_quiet_at)


def _planned_at(session: Session, owed_on: Account) -> datetime | None:
    """When a payment plan was signed last: what was owed by then is paid by its instalments, not by AutoPay."""
    signed = [each.signed_at for each in plans.of_account(session, owed_on.id) if each.signed_at is not None]
    return max(signed, default=None)


def _taken(session: Session, row: Autopay, service_ids: Sequence[str]) -> dict[str, int]:
    """Service id -> what of it is announced and waits, or more than all of it where AutoPay leaves it alone."""
    own = {plan.id for plan in autopays.schedules_of(session, row.id, live=False)}
    found: dict[str, int] = {}
    everything = 10**12
    for share, due in autopays.scheduled_shares(session, service_ids):
        is_left = due.status == "cancelled" and due.refused_code in LEFT_TO_CUSTOMER
        if is_left or (due.status == "declined" and due.subject_id in own):
            found[share.service_id] = everything
        elif due.status == "due":
            found[share.service_id] = found.get(share.service_id, 0) + share.amount_cents
    return found


def _ask(session: Session, row: Autopay, person: Customer, owing: Owing, most_cents: int, now: datetime) -> list[str]:
    """Above what one payment may be nothing is charged: the customer is asked, once, and these are theirs to pay."""
    payment = AutopayPayment(
        autopay_id=row.id, amount_cents=owing.total_cents, services=[each.service_id for each in owing.parts],
        made_at=now,
    )  # fmt: skip
    session.add(payment)
    session.flush()
    record(session, AUTOPAY, "autopay_asked", row.id, now, amount_cents=owing.total_cents, limit_cents=most_cents)
    key = f"autopay_above_limit:{payment.id}"
    return [
        promise(session, "autopay_above_limit", "email", person, str(person.email), payment.id, key, now,
                locale=row.locale)
    ]  # fmt: skip


def _schedule(
    session: Session,
    row: Autopay,
    owed_on: Account,
    person: Customer,
    method: PaymentMethod,
    owing: Owing,
    paid_to: Organisation,
    rules: OrganisationSettings,
    now: datetime,
) -> list[str]:
    due_on = _date(local_date(now, paid_to.timezone), row, rules)
    plan = Schedule(
        customer_id=row.customer_id,
        account_id=row.account_id,
        agreement_id=row.agreement_id,
        payment_method_id=method.id,
        visit_id=None,
        series="unscheduled",  # off any rhythm, and without the customer (C33)
        rhythm=Rhythm(Frequency.once, due_on).plain(),
        locale=row.locale,
        made_at=now,
        made_by=AUTOPAY,
    )
    session.add(plan)
    session.flush()
    [due] = add_payments(session, plan, method, owed_on, [Payment(1, due_on, owing.total_cents)], paid_to, now)
    due.noticed_at = now  # by the message below
    for_obligation(session, due.id, owing.parts, now)
    ids = [each.service_id for each in owing.parts]
    session.add(
        AutopayPayment(
            autopay_id=row.id, schedule_id=plan.id, amount_cents=owing.total_cents, services=ids, made_at=now
        )
    )
    record(
        session, AUTOPAY, "autopay_announced", due.id, now, amount_cents=owing.total_cents,
        due_on=due_on.isoformat(), services=len(ids),
    )  # fmt: skip
    return [
        promise(session, "autopay_upcoming", "email", person, str(person.email), due.id, notice_key(due.id), now,
                locale=row.locale)
    ]  # fmt: skip


def _date(today: date, row: Autopay, rules: OrganisationSettings) -> date:
    return charge_on(today, row.notice_days, WeekendRule(rules.words("weekend_rule")))
