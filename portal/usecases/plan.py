"""Making a payment plan and offering it: the terms worked out and kept, the offer promised by email, text or both.

Called by the command line, by staff and by seeds. What becomes of an offer is in `portal.usecases.plan_offer`, of a
signed plan in `portal.usecases.plan_life`; the signature itself is `portal.usecases.sign`. Charges nothing.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from portal.domain.due_date import DAYS_APART_MIN, Frequency, Rhythm, WeekendRule, local_date
from portal.domain.money import percent_of
from portal.domain.plan import (
    OPEN,
    PlanKind,
    PlanLimits,
    PlanState,
    PlanTerms,
    PlanWish,
    is_replaceable,
    new_reference,
    offer_until,
    require_move,
    terms_of,
)
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind, Payment
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import plan as plans
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.plan import Plan, PlanPreset
from portal.usecases.contact_wish import may_text
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import OrganisationSettings, record, settings_of
from portal.usecases.plan_promise import tell_offer
from portal.usecases.ports import Ports

CHANNELS = ("email", "sms", "both")


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """What staff want: on which account, which wish, by which channels (none: whatever is on file), for how long."""

    account_id: str
    wish: PlanWish
    channels: str | None = None
    offer_days: int | None = None


def make(session: Session, order: PlanOrder, by: str, now: datetime) -> Plan:
    """A draft: worked out to the day and the cent, told to nobody yet.

    Refused: `account_unknown`, `account_not_open`, `plan_exists`, `plan_no_email`, `plan_no_phone`,
    `plan_offer_days_wrong`, and every rule of `portal.domain.plan.terms_of`.
    """
    if accounts.by_id(session, order.account_id) is None:
        raise Refused("account_unknown")
    account = accounts.lock(session, order.account_id)
    if account.status != "open":
        raise Refused("account_not_open", status=account.status)
    standing = next((each for each in plans.of_account(session, account.id) if each.state in OPEN), None)
    if standing is not None:
        raise Refused("plan_exists", reference=standing.reference, state=standing.state)
    row = draft(session, account, order, payable_cents(session, account), by, now)
    row.reference = new_reference()
    session.add(row)
    session.flush()
    record(session, by, "plan_made", row.id, now, total_cents=row.total_cents, instalments=len(row.instalments))
    return row


def draft(session: Session, account: Account, order: PlanOrder, payable: int, by: str, now: datetime) -> Plan:
    """A row of the wish's terms as they come out now, without a reference and not yet added."""
    paid_to = organisations.by_id(session, account.organisation_id)
    rules = settings_of(session, paid_to)
    payer = payer_of(session, account)
    days = order.offer_days if order.offer_days is not None else rules.number("plan_offer_days")
    if not 1 <= days <= 180:
        raise Refused("plan_offer_days_wrong")
    terms = worked_out(order.wish, payable, rules, local_date(now, paid_to.timezone))
    return Plan(
        customer_id=payer.id,
        account_id=account.id,
        state=PlanState.draft.value,
        kind=terms.kind.value,
        balance_cents=terms.balance_cents,
        total_cents=terms.total_cents,
        down_cents=terms.down_cents,
        instalments=[_plain(each) for each in terms.instalments],
        wish=order.wish.plain(),
        channels=channels_of(session, payer, order.channels),
        offer_days=days,
        made_at=now,
        made_by=by,
    )


def worked_out(wish: PlanWish, payable: int, rules: OrganisationSettings, today: date) -> PlanTerms:
    """A wish under the rules of an organisation."""
    limits = PlanLimits(
        payable_cents=payable,
        number_max=rules.number("plan_number_max"),
        days_max=rules.number("plan_days_max"),
        minimum_cents=rules.number("schedule_minimum_cents"),
        maximum_cents=rules.number("maximum_payment_cents"),
    )
    return terms_of(wish, limits, WeekendRule(rules.words("weekend_rule")), today)


def offer(ports: Ports, organisation_id: str, plan_id: str, by: str) -> Plan:
    """Puts a draft to the customer and promises the message; offering it again changes nothing.

    Refused: `plan_unknown`, `plan_state`, `schedule_date_past`; what it asks for is owed no more (`account_not_open`,
    `plan_above_balance`, `plan_settles_nothing`), or its way is closed (`plan_no_email`, `plan_no_phone`).
    """

    def work(session: Session) -> tuple[Plan, list[str]]:
        now = ports.clock.now()
        row = locked(session, plan_id)
        if row.state == PlanState.offered:
            return row, []
        if row.state != PlanState.draft:
            raise Refused("plan_state", reference=row.reference, state=row.state)
        _require_offerable(session, row)
        put(session, row, by, now)
        promised = tell_offer(session, "plan_offer", row, f"plan_offer:{row.id}", now)
        session.flush()
        failpoint("plan.offer.before_commit")
        return row, promised

    row, promised = ports.database.run(organisation_id, work)
    failpoint("plan.offer.after_commit")
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return row


def _require_offerable(session: Session, row: Plan) -> None:
    """A draft may have lain for long: nobody is asked for what was paid since, or written to where they are no more."""
    account = accounts.lock(session, row.account_id)
    if account.status != "open":
        raise Refused("account_not_open", status=account.status)
    payable = payable_cents(session, account)
    if not fits(row, None, account, payable):
        code = "plan_above_balance" if payable < row.total_cents else "plan_settles_nothing"
        raise Refused(code, payable_cents=payable)
    channels_of(session, payer_of(session, account), row.channels)


def put(session: Session, row: Plan, by: str, now: datetime) -> None:
    """The move from draft to offered, with the moment the offer ends."""
    paid_to = organisations.by_id(session, row.organisation_id)
    first_on = listed(row)[0].due_on
    if first_on < local_date(now, paid_to.timezone):
        raise Refused("schedule_date_past")
    move(row, PlanState.offered)
    row.offered_at, row.expires_at = now, offer_until(now, row.offer_days, first_on, paid_to.timezone)
    session.flush()
    record(session, by, "plan_offered", row.id, now, expires_at=row.expires_at.isoformat())


def move(row: Plan, state: PlanState) -> None:
    """The only way a plan's state is written: by a move that is in the table."""
    require_move(PlanState(row.state), state)
    row.state = state.value


def locked(session: Session, plan_id: str) -> Plan:
    """The edition under its account's lock, read again after the lock. Refused `plan_unknown`."""
    found = plans.by_id(session, plan_id)
    if found is None:
        raise Refused("plan_unknown")
    accounts.lock(session, found.account_id)
    row = plans.fresh(session, plan_id)
    if row is None:
        raise Refused("plan_unknown")
    return row


def listed(row: Plan) -> list[Payment]:
    """The instalments of an edition without the down payment, as they were put to the customer."""
    return [
        Payment(
            each["number"],
            date.fromisoformat(each["due_on"]),
            each["amount_cents"],
            date.fromisoformat(each["moved_from"]) if each["moved_from"] else None,
        )
        for each in row.instalments
    ]


def terms(row: Plan) -> PlanTerms:
    """An edition as the domain knows it."""
    return PlanTerms(PlanKind(row.kind), row.balance_cents, row.total_cents, row.down_cents, tuple(listed(row)))


def payable_cents(session: Session, account: Account, without_subject: str | None = None) -> int:
    """What can be put into a plan: the balance less what other payments will take.

    Those of `without_subject` are left out, but for one that is on its way: it takes its money, whatever they become.
    """
    promised = sum(
        each.amount_cents + each.forgiven_cents
        for each in obligations.live_of_account(session, account.id)
        if each.subject_id != without_subject or each.status != "due"
    )
    return max(account.balance_cents - promised, 0)


def fits(plan: Plan, replaces: Plan | None, owed_on: Account, payable: int) -> bool:
    """Whether as much is owed as the plan takes: a settlement that forgives nothing is none. A change needs the
    edition whose place it takes: one that was kept meanwhile, or cancelled, is not replaced.
    """
    if replaces is not None and not is_replaceable(PlanState(replaces.state)):
        return False
    return payable >= least_cents(plan) and owed_on.status == "open"


def least_cents(plan: Plan) -> int:
    """What must be owed for it to be signed."""
    return plan.total_cents + (plan.kind == PlanKind.settlement)


def wish_of_preset(preset: PlanPreset, payable: int, today: date) -> PlanWish:
    """A preset on what is owed now. Rhythms that need a payday or two days of the month take the usual ones."""
    total = payable
    if preset.settlement_basis_points is not None:
        total = percent_of(payable, preset.settlement_basis_points)
    frequency = Frequency(preset.frequency)
    start_on = today + timedelta(days=preset.first_in_days)
    days = (1, 1 + DAYS_APART_MIN + 4) if frequency in {Frequency.twice_a_month, Frequency.payday_twice_a_month} else ()
    return PlanWish(
        kind=PlanKind.total if preset.settlement_basis_points is None else PlanKind.settlement,
        rhythm=Rhythm(frequency, start_on, weekday=4, payday_on=start_on, days=days),
        amounts=Amounts(AmountsKind.evenly, preset.number),
        total_cents=None if preset.settlement_basis_points is None else total,
        down_cents=percent_of(total, preset.down_basis_points),
    )


def channels_of(session: Session, payer: Customer, asked: str | None) -> str:
    """By which ways the offer goes. Refused when the address is missing, or texts were never agreed to."""
    by_text = may_text(session, payer)
    if asked is None:
        if not payer.email and not by_text:
            raise Refused("plan_no_email")
        return "email" if payer.email else "sms"
    if asked not in CHANNELS:
        raise Refused("plan_channels_wrong")
    if asked != "sms" and not payer.email:
        raise Refused("plan_no_email")
    if asked != "email" and not by_text:
        raise Refused("plan_no_phone")
    return asked


def payer_of(session: Session, account: Account) -> Customer:
    """Whose account it is."""
    payer = customers.by_id(session, account.customer_id)
    if payer is None:
        raise AssertionError(f"account {account.id} has no customer")
    return payer


def _plain(payment: Payment) -> dict[str, Any]:
    return {
        "number": payment.number,
        "due_on": payment.due_on.isoformat(),
        "amount_cents": payment.amount_cents,
        "moved_from": payment.moved_from.isoformat() if payment.moved_from else None,
    }
