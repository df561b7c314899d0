"""AutoPay by the customer's own choice: what its page shows; turned on, changed, turned off, one payment left out.

Called by the pages behind the sign-in, by staff's commands (off only), any number of times and by several at once.
Every change commits under the account's lock. What is announced, and when, is in `portal.usecases.autopay_announce`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from portal.domain.agreement import Text
from portal.domain.autopay import limit_of
from portal.domain.due_date import local_date
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import autopay as autopays
from portal.storage import customer as customers
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import patient as patients
from portal.storage import payment_method as methods
from portal.storage import schedule as schedules
from portal.storage import service as services
from portal.storage import share as shares
from portal.storage.account import Account
from portal.storage.autopay import Autopay, AutopayPayment
from portal.storage.customer import Customer
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.payment_method import PaymentMethod
from portal.usecases.agreement import seal_text
from portal.usecases.alarm import clear_alarm_of
from portal.usecases.autopay_terms import NOTICE_SETTING, failed_of, is_reached, is_stopped, standing_text
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import OrganisationSettings, record, settings_of
from portal.usecases.plan_life import words_of_staff
from portal.usecases.ports import Ports
from portal.usecases.promise import promise
from portal.usecases.schedule import card_on_file
from portal.usecases.schedule_card import Accepted, stand_on
from portal.usecases.schedule_change import CUSTOMER
from portal.usecases.schedule_outcome import cancel_payment, cancel_rest, complete, tell
from portal.usecases.schedule_payment import has_failed
from portal.usecases.selection import is_over
from portal.usecases.share import wanted_of

T = TypeVar("T")

KIND = "autopay"
NOT_TOLD = "autopay_not_told"  # the alarm: no email address that works, so nothing is announced and nothing charged
UNDER_WAY = frozenset({"charging", "review"})


@dataclass(frozen=True, slots=True)
class Coming:
    """One payment it has announced. `expected_cents` is what would be charged now: never more than was announced."""

    row: Obligation
    expected_cents: int
    given_back_cents: int  # not taken: the customer had it back since, and pays it by hand
    services: tuple[str, ...]

    @property
    def has_failed(self) -> bool:
        return has_failed(self.row)

    @property
    def is_under_way(self) -> bool:
        return self.row.status in UNDER_WAY


@dataclass(frozen=True, slots=True)
class Seen:
    """AutoPay on one account with everything its pages show. `row` is None while it is off."""

    account: Account
    customer: Customer
    paid_to: Organisation
    settings: OrganisationSettings
    row: Autopay | None
    card: PaymentMethod | None
    cards: tuple[PaymentMethod, ...]  # on file, and good today
    coming: tuple[Coming, ...]
    asked: tuple[AutopayPayment, ...]  # above the limit, and still owed
    is_offered: bool
    is_reached: bool  # there is an email address that takes mail
    is_stopped: bool  # its holder had the bank stop charges to this card: it wants a new authorization
    today: date
    now: datetime

    @property
    def most_cents(self) -> int:
        return self.settings.number("maximum_payment_cents")

    @property
    def least_cents(self) -> int:
        return self.settings.number("minimum_payment_cents")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the customer chose: `limit_cents` for one payment, and one of their own cards on file."""

    method: str
    limit_cents: int


def is_offered(rules: OrganisationSettings) -> bool:
    """Whether the practice has AutoPay at all."""
    return rules.is_on("autopay") and rules.is_on("pay_services")


def look(session: Session, account_id: str, customer_id: str, now: datetime, *, locked: bool = False) -> Seen | None:
    """AutoPay on an account of this customer; None for everybody else's. `locked` holds the account."""
    owed_on = accounts.by_id(session, account_id)
    person = customers.by_id(session, customer_id)
    if owed_on is None or person is None or owed_on.customer_id != customer_id:
        return None
    if locked:
        owed_on = accounts.lock(session, account_id)
    paid_to = organisations.by_id(session, owed_on.organisation_id)
    rules = settings_of(session, paid_to)
    row = autopays.on_account(session, account_id)
    own = methods.of_customer(session, customer_id)
    card = next((each for each in own if row is not None and each.id == row.payment_method_id), None)
    return Seen(
        account=owed_on,
        customer=person,
        paid_to=paid_to,
        settings=rules,
        row=row,
        card=card,
        cards=tuple(each for each in own if not is_over(each, now)),
        coming=_coming(session, owed_on, row),
        asked=_asked(session, row),
        is_offered=is_offered(rules) and owed_on.status == "open" and bool(patients.of_customer(session, customer_id)),
        is_reached=is_reached(session, person),
        is_stopped=row is not None and is_stopped(session, row, card),
        today=local_date(now, paid_to.timezone),
        now=now,
    )


def shown(session: Session, seen: Seen, wanted: Wanted, locale: str) -> Text:
    """The authorization as it is shown before it is turned on. Refused `method_missing`."""
    return standing_text(session, seen.account, card_on_file(_card(seen, wanted)), wanted.limit_cents, locale, seen.now)


def failed_cents(seen: Seen, wanted: Wanted) -> int:
    """What is charged to another card at once, because the last one was declined for it."""
    is_another = seen.row is not None and seen.row.payment_method_id != wanted.method
    return failed_of([each.row for each in seen.coming], wanted.limit_cents) if is_another else 0


def chosen(seen: Seen, method: str, typed_limit: str) -> tuple[Wanted, dict[str, Refused]]:
    """A card and a limit as they were typed, and which fields are wrong."""
    refusals: dict[str, Refused] = {}
    limit_cents = 0
    try:
        limit_cents = limit_of(typed_limit, seen.least_cents, seen.most_cents)
    except Refused as refused:
        refusals["limit"] = refused
    if method not in {each.id for each in seen.cards}:
        refusals["method"] = Refused("method_missing")
    return Wanted(method, limit_cents), refusals


def turn_on(
    ports: Ports,
    organisation_id: str,
    customer_id: str,
    account_id: str,
    wanted: Wanted,
    shown_digest: str,
    accepted: Accepted,
    *,
    ticked: bool,
) -> tuple[str, list[str]]:
    """Seals the authorization and turns AutoPay on, or changes card and limit: (its id, payments to charge at once).

    The same press again finds it as it is and does nothing. Refused: `account_unknown`, `autopay_not_offered`,
    `autopay_tick_missing`, `autopay_email_missing`, `method_missing`, `agreement_changed`, and why a limit is not
    taken.
    """

    def work(session: Session) -> tuple[str, list[str], list[str]]:
        now = ports.clock.now()
        seen = _own(session, account_id, customer_id, now)
        if _is_so(seen, wanted):
            return seen.row.id if seen.row else "", [], []
        if not seen.is_offered:
            raise Refused("autopay_not_offered")
        if not seen.least_cents <= wanted.limit_cents <= seen.most_cents:
            raise Refused("amount_above_maximum", maximum_cents=seen.most_cents)
        if not ticked:
            raise Refused("autopay_tick_missing")
        if not seen.customer.email:
            raise Refused("autopay_email_missing")
        text = shown(session, seen, wanted, accepted.locale)
        if text.digest != shown_digest:
            raise Refused("agreement_changed")
        sealed = seal_text(
            session, customer_id, account_id, None, KIND, text, ip=accepted.ip, user_agent=accepted.user_agent, now=now
        )
        row, retried = _put(session, seen, wanted, sealed.id, accepted)
        seen.customer.locale = accepted.locale  # what follows comes in the language of this page
        session.flush()
        record(session, accepted.by, "autopay_on", row.id, now, limit_cents=row.limit_cents, version=row.version)
        told = _tell(session, seen.customer, "autopay_on", row, f"autopay_on:{sealed.id}", now, is_answer=True)
        return row.id, retried, told

    autopay_id, retried, promised = _done(ports, organisation_id, work)
    _ring(ports, organisation_id, promised)
    return autopay_id, retried


def turn_off(
    ports: Ports,
    organisation_id: str,
    customer_id: str,
    account_id: str,
    by: str = CUSTOMER,
    why: str | None = None,
) -> bool:
    """Turns it off at once: nothing not yet sent is charged (P1), what is on its way is given back (P2). False: it was.

    Always allowed, whatever the organisation's settings say (Reg E 1005.10(c)). Staff say `why`, for the record.
    Refused `account_unknown`, `why_...`.
    """
    said = {"why": words} if (words := words_of_staff(why)) else {}

    def work(session: Session) -> tuple[bool, list[str]]:
        now = ports.clock.now()
        seen = _own(session, account_id, customer_id, now)
        row = seen.row
        if row is None:
            return False, []
        code = "cancelled_by_customer" if by == CUSTOMER else "cancelled_by_staff"
        cancelled = under_way = 0
        for plan in autopays.schedules_of(session, row.id):
            one = cancel_rest(session, plan, code, by, now)
            cancelled, under_way = cancelled + one[0], under_way + one[1]
        row.status, row.ended_at, row.ended_by = "off", now, by
        row.version += 1
        clear_alarm_of(session, NOT_TOLD, row.id, now)
        session.flush()
        record(session, by, "autopay_off", row.id, now, cancelled=cancelled, under_way=under_way, **said)
        is_answer = by == CUSTOMER
        return True, _tell(
            session, seen.customer, "autopay_off", row, f"autopay_off:{row.id}", now, is_answer=is_answer
        )

    done, promised = _done(ports, organisation_id, work)
    _ring(ports, organisation_id, promised)
    return done


def leave_out(ports: Ports, organisation_id: str, customer_id: str, account_id: str, obligation_id: str) -> bool:
    """Skip: one payment is not charged, its services stay owed and are the customer's. True when it was still unsent.

    A second press does nothing. Refused `account_unknown`, `payment_unknown`.
    """

    def work(session: Session) -> tuple[bool, list[str]]:
        now = ports.clock.now()
        seen = _own(session, account_id, customer_id, now)
        found = obligations.by_id(session, obligation_id)
        row = seen.row
        if row is None or found is None or found.account_id != account_id:
            raise Refused("payment_unknown")
        due, plan = obligations.fresh(session, obligation_id), schedules.fresh(session, found.subject_id)
        announced = autopays.on_schedule(session, due.subject_id)
        if plan is None or announced is None:
            raise Refused("payment_unknown")
        if due.status not in {"due", *UNDER_WAY}:
            return False, []
        ended = cancel_payment(session, due, "skipped", CUSTOMER, now)
        over = complete(session, plan, now)
        key = f"payment_cancelled:{due.id}"
        session.flush()
        return ended, over + tell(session, "payment_cancelled", plan, due.id, key, now, is_answer=True)

    done, promised = _done(ports, organisation_id, work)
    _ring(ports, organisation_id, promised)
    return done


def owed_of(session: Session, seen: Seen, payment_id: str) -> list[str]:
    """Services of a payment that was announced or asked about that are still owed, to be paid by hand instead."""
    wanted = {each.row.id: each.services for each in seen.coming} | {each.id: each.services for each in seen.asked}
    return [row.id for row in services.fresh(session, wanted.get(payment_id, ())) if row.balance_cents]


def is_on_for(session: Session, customer_id: str, rules: OrganisationSettings) -> bool | None:
    """Whether a customer has it on any account; None where they have not and could not."""
    if autopays.on_of_customer(session, customer_id):
        return True
    return False if is_offered(rules) and patients.of_customer(session, customer_id) else None


def standing_of(session: Session, customer_id: str, now: datetime) -> list[Seen]:
    """AutoPay on each account of a customer where it is on, or could be turned on; the oldest account first."""
    found = [look(session, row.id, customer_id, now) for row in accounts.of_customer(session, customer_id)]
    return [seen for seen in found if seen is not None and (seen.row is not None or seen.is_offered)]


def _put(session: Session, seen: Seen, wanted: Wanted, sealed_id: str, accepted: Accepted) -> tuple[Autopay, list[str]]:
    """The row of a new authorization, or of one that takes the place of the last; payments to charge at once."""
    method, now, row = _card(seen, wanted), seen.now, seen.row
    if row is None:
        row = Autopay(
            customer_id=seen.customer.id,
            account_id=seen.account.id,
            agreement_id=sealed_id,
            payment_method_id=method.id,
            limit_cents=wanted.limit_cents,
            notice_days=seen.settings.number(NOTICE_SETTING),
            covers_from=now,
            next_look_at=now,
            locale=accepted.locale,
            made_at=now,
        )
        session.add(row)
        return row, []
    row.limit_cents = wanted.limit_cents
    return row, stand_on(session, row, method, sealed_id, accepted, now)


def _is_so(seen: Seen, wanted: Wanted) -> bool:
    row = seen.row
    is_same = row is not None and (row.payment_method_id, row.limit_cents) == (wanted.method, wanted.limit_cents)
    return is_same and not seen.is_stopped


def _card(seen: Seen, wanted: Wanted) -> PaymentMethod:
    found = next((each for each in seen.cards if each.id == wanted.method), None)
    if found is None:
        raise Refused("method_missing")
    return found


def _own(session: Session, account_id: str, customer_id: str, now: datetime) -> Seen:
    seen = look(session, account_id, customer_id, now, locked=True)
    if seen is None:
        raise Refused("account_unknown")
    return seen


def _coming(session: Session, owed_on: Account, row: Autopay | None) -> tuple[Coming, ...]:
    if row is None:
        return ()
    plans = [plan.id for plan in autopays.schedules_of(session, row.id)]
    found = []
    for due in autopays.obligations_of(session, plans):
        if due.status not in {"due", "declined", *UNDER_WAY}:
            continue
        wanted = wanted_of(session, owed_on, due.id)
        services = tuple(each.service_id for each in shares.of_obligation(session, due.id))
        expected_cents = wanted.owed_cents if wanted is not None else due.amount_cents
        found.append(Coming(due, expected_cents, wanted.given_back_cents if wanted is not None else 0, services))
    return tuple(found)


def _asked(session: Session, row: Autopay | None) -> tuple[AutopayPayment, ...]:
    if row is None:
        return ()
    return tuple(each for each in autopays.asked_of(session, row.id) if autopays.is_owed(session, each.services))


def _tell(
    session: Session, person: Customer, event: str, row: Autopay, key: str, now: datetime, *, is_answer: bool
) -> list[str]:
    if not person.email:
        record(session, "outbox", "message_without_address", row.id, now, event=event)
        return []
    return [
        promise(session, event, "email", person, person.email, row.id, key, now, locale=row.locale, is_answer=is_answer)
    ]


def _done(ports: Ports, organisation_id: str, work: Callable[[Session], T]) -> T:
    """One commit of a press, with the points where whoever serves it may die."""

    def committed(session: Session) -> T:
        done = work(session)
        session.flush()
        failpoint("autopay.before_commit")
        return done

    done = ports.database.run(organisation_id, committed)
    failpoint("autopay.after_commit")
    return done


def _ring(ports: Ports, organisation_id: str, message_ids: list[str]) -> None:
    for message_id in message_ids:
        ports.doorbell.ring_message(organisation_id, message_id)
