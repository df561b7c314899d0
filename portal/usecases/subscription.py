"""Programs, and assigning a subscription to a participant: worked out, kept with an account of its own, told.

Called by the command line, by staff and by seeds. Pay Now is in `portal.usecases.subscription_order`; what becomes of
one that nobody activates in `portal.usecases.subscription_deadline`. Charges nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from portal.domain.due_date import local_date, moment_of
from portal.domain.refusal import Refused
from portal.domain.subscription import (
    Feature,
    SubscriptionState,
    Terms,
    feature_of,
    new_reference,
    require_features,
    require_move,
    require_terms,
    require_words,
)
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import organisation as organisations
from portal.storage import subscription as subscriptions
from portal.storage.organisation import Organisation
from portal.storage.subscription import Program, Subscription
from portal.usecases import contact
from portal.usecases.account import open_account
from portal.usecases.organisation import record, settings_of

ACTIVATION_DAYS_MAX = 180
PRESSED_TWICE = timedelta(minutes=2)  # nobody means the very same a second time so soon


@dataclass(frozen=True, slots=True)
class Manager:
    """The case manager a participant reaches out to (S0:19)."""

    name: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """What staff want: who pays which share of which features, from when to when.

    `shares` names features and what the participant pays of each a month; empty: all of them, whole. Without a
    `billing_day` it is the day of the start.
    """

    customer_id: str
    program_id: str
    start_on: date
    end_on: date
    manager: Manager
    shares: Mapping[str, int]
    billing_day: int | None = None
    activation_days: int | None = None


def set_program(session: Session, name: str, features: Mapping[str, int], by: str, now: datetime) -> Program:
    """Says what a program gives and what each of it costs a month; subscriptions that were assigned stay as they are.

    Refused `subscription_words`, `subscription_features`, `subscription_free`, `holds_card_number`.
    """
    whole = [Feature(each, cents, cents) for each, cents in features.items()]
    require_features(whole)
    row = subscriptions.program_named(session, require_words(name)) or Program(name=name)
    row.features = [{"name": each.name, "monthly_cents": each.monthly_cents} for each in whole]
    row.is_active, row.set_at, row.set_by = True, now, by
    session.add(row)
    session.flush()
    record(session, by, "program_set", row.id, now, features=len(whole))
    return row


def assign(session: Session, order: Assignment, by: str, now: datetime) -> Subscription:
    """Assigns a subscription; the participant is told by `portal.usecases.subscription_promise`.

    Refused: `customer_unknown`, `program_unknown`, `feature_unknown`, `manager_unreachable`, `activation_days_wrong`,
    and every rule of `portal.domain.subscription`.
    """
    if customers.by_id(session, order.customer_id) is None:
        raise Refused("customer_unknown")
    program = subscriptions.program_by_id(session, order.program_id)
    if program is None or not program.is_active:
        raise Refused("program_unknown")
    features = _features(program, order.shares)
    price_cents = require_features(features)
    require_manager(order.manager)
    paid_to = organisations.by_id(session, session.info["organisation_id"])
    rules = settings_of(session, paid_to)
    billing_day = order.billing_day if order.billing_day is not None else order.start_on.day
    prorated = rules.is_on("subscription_prorated")
    terms = Terms(order.start_on, order.end_on, billing_day, price_cents, prorated)
    require_terms(terms, local_date(now, paid_to.timezone))
    if price_cents > rules.number("maximum_payment_cents"):
        raise Refused("amount_above_maximum", maximum_cents=rules.number("maximum_payment_cents"))
    reference = new_reference()
    account = open_account(
        session, order.customer_id, reference=reference, label=program.name, balance_cents=0, now=now, by=by
    )
    row = Subscription(
        customer_id=order.customer_id,
        account_id=account.id,
        program_id=program.id,
        reference=reference,
        program_name=program.name,
        features=[each.plain() for each in features],
        price_cents=price_cents,
        start_on=order.start_on,
        end_on=order.end_on,
        billing_day=billing_day,
        prorated=prorated,
        manager_name=order.manager.name,
        manager_email=order.manager.email,
        manager_phone=order.manager.phone,
        state=SubscriptionState.assigned.value,
        assigned_at=now,
        assigned_by=by,
        activate_by=deadline(
            order.end_on, order.activation_days, rules.number("subscription_activation_days"), paid_to, now
        ),
        periods=[],
    )
    session.add(row)
    session.flush()
    record(session, by, "subscription_assigned", row.id, now, price_cents=price_cents, until=order.end_on.isoformat())
    return row


def just_assigned(session: Session, order: Assignment, by: str, now: datetime) -> Subscription | None:
    """The very same, assigned by the same person a moment ago: a button was pressed twice. The customer is locked."""

    def is_it(row: Subscription) -> bool:
        day = order.billing_day if order.billing_day is not None else order.start_on.day
        shares = {each.name: each.share_cents for each in features_of(row)}
        return (
            (row.program_id, row.start_on, row.end_on, row.billing_day, shares)
            == (order.program_id, order.start_on, order.end_on, day, dict(order.shares))
            and row.assigned_by == by
            and row.state == SubscriptionState.assigned
            and now - row.assigned_at < PRESSED_TWICE
        )

    return next((row for row in subscriptions.of_customer(session, order.customer_id) if is_it(row)), None)


def deadline(end_on: date, days: int | None, usual: int, paid_to: Organisation, now: datetime) -> datetime:
    """Until when it may be activated, at most to the end of its program: after it nobody is reminded of anything.

    Refused `activation_days_wrong`.
    """
    wanted = days if days is not None else usual
    if not 1 <= wanted <= ACTIVATION_DAYS_MAX:
        raise Refused("activation_days_wrong", most=ACTIVATION_DAYS_MAX)
    return min(now + timedelta(days=wanted), moment_of(end_on + timedelta(days=1), 0, paid_to.timezone))


def require_manager(manager: Manager) -> None:
    """Refused `manager_unreachable` unless a participant can reach them by name, and by email and phone."""
    reached = {"email": manager.email, "phone": manager.phone}
    try:
        require_words(manager.name)
    except Refused as refused:
        raise Refused("manager_unreachable") from refused
    if not all(reached.values()) or contact.refused(reached):
        raise Refused("manager_unreachable")


def set_manager(session: Session, row: Subscription, manager: Manager, by: str, now: datetime) -> None:
    """Another case manager from now on. The row is locked. Refused `manager_unreachable`."""
    require_manager(manager)
    row.manager_name, row.manager_email, row.manager_phone = manager.name, manager.email, manager.phone
    row.version += 1
    session.flush()
    record(session, by, "subscription_manager_set", row.id, now)


def terms_of(row: Subscription) -> Terms:
    """What was assigned."""
    return Terms(row.start_on, row.end_on, row.billing_day, row.price_cents, row.prorated)


def features_of(row: Subscription) -> Sequence[Feature]:
    """What it gives, and what the participant pays of each."""
    return [feature_of(each) for each in row.features]


def locked(session: Session, subscription_id: str) -> Subscription:
    """The subscription under its account's lock, read again after it. Refused `subscription_unknown`."""
    found = subscriptions.by_id(session, subscription_id)
    if found is None:
        raise Refused("subscription_unknown")
    accounts.lock(session, found.account_id)
    row = subscriptions.fresh(session, subscription_id)
    if row is None:
        raise Refused("subscription_unknown")
    return row


def move(row: Subscription, state: SubscriptionState) -> None:
    """Moves one by the table."""
    require_move(SubscriptionState(row.state), state)
    row.state = state.value
    row.version += 1


def _features(program: Program, shares: Mapping[str, int]) -> list[Feature]:
    costs = {str(each["name"]): int(each["monthly_cents"]) for each in program.features}
    for name in shares:
        if name not in costs:
            raise Refused("feature_unknown", name=name)
    wanted = shares or costs
    return [Feature(name, cents, wanted[name]) for name, cents in costs.items() if name in wanted]
