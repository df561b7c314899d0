"""The visit of a schedule link: every payment as it stands, and what the customer may change about it.

Called by the schedule link's pages, read only; the changes are made by `portal.usecases.schedule_change`, which asks
the same rules again under the account's lock. Shows one schedule and nothing else of its customer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from portal.domain.due_date import WeekendRule, local_date
from portal.domain.payment_link import LinkState, Purpose
from portal.domain.schedule import ENDED, move_dates
from portal.domain.subscription import SERIES
from portal.storage import Session, hold
from portal.storage import agreement as agreements
from portal.storage import obligation as obligations
from portal.storage import plan as plans
from portal.storage.account import Account
from portal.storage.agreement import Agreement
from portal.storage.customer import Customer
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.payment_link import PaymentLink
from portal.storage.visit import Visit
from portal.usecases import payment_status
from portal.usecases.organisation import OrganisationSettings, settings_of
from portal.usecases.payment_link import state_of
from portal.usecases.payment_status import ScheduleShown
from portal.usecases.plan_outcome import is_put_off
from portal.usecases.schedule_change import left_out
from portal.usecases.visit import rows_of


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the customer may do with one payment now; `dates` are those it may be moved to, `until` when that ends."""

    cancel: bool
    skip: bool
    dates: Sequence[date]
    until: datetime


@dataclass(frozen=True, slots=True)
class ScheduleVisit:
    """A visit of a schedule link and everything its pages read. `is_held`: nothing is charged here at the moment."""

    visit: Visit
    link: PaymentLink
    link_state: LinkState
    account: Account
    customer: Customer
    organisation: Organisation
    settings: OrganisationSettings
    plan: ScheduleShown
    payments: Sequence[Obligation]
    allowed: Mapping[int, Allowed]  # by the number of the payment
    skips_left: int
    is_of_plan: bool  # an instalment is put off to the end of its plan, never left out
    is_held: bool

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will be charged any more."""
        return self.plan.schedule.status in ENDED

    @property
    def left(self) -> list[Obligation]:
        """What is still to be charged, in order."""
        return [] if self.is_over else [each for each in self.payments if each.status == "due"]

    @property
    def left_cents(self) -> int:
        """How much that is."""
        return sum(each.amount_cents for each in self.left)

    @property
    def card(self) -> tuple[str, str]:
        """(brand, last four digits) of the card that is charged."""
        last = self.payments[-1]
        return last.card_brand or "", last.card_last4 or ""


def look(session: Session, visit_id: str, secret: str, now: datetime) -> ScheduleVisit | None:
    """The visit for whoever holds its secret, or None: unknown, another's, another purpose's and over are the same."""
    rows = rows_of(session, visit_id, secret, now, Purpose.schedule)
    if rows is None:
        return None
    visit, link, account, customer, organisation, *_rest = rows
    shown = payment_status.of_schedule(session, link.subject_id or "", organisation)
    if shown is None:
        return None
    rules = settings_of(session, organisation)
    payments = obligations.of_subject(session, shown.schedule.id)
    of_plan = plans.of_schedule(session, shown.schedule.id) is not None
    is_subscription = shown.schedule.series == SERIES
    if is_subscription:  # its months are stopped all together, or changed by the case manager
        rules = rules.with_(customer_may_move=False, skip_max=0)
    as_a_whole = of_plan or is_subscription
    skips_left = max(rules.number("skip_max") - left_out(payments), 0)
    is_over = shown.schedule.status in ENDED
    return ScheduleVisit(
        visit=visit,
        link=link,
        link_state=state_of(link, account, now),
        account=account,
        customer=customer,
        organisation=organisation,
        settings=rules,
        plan=shown,
        payments=payments,
        allowed={
            each.seq: _allowed(
                each,
                payments,
                rules,
                organisation.timezone,
                now,
                skips_left > 0 and not is_put_off(session, each, now),
                as_a_whole,
            )
            for each in payments
            if not is_over
        },
        skips_left=skips_left,
        is_of_plan=of_plan,
        is_held=not rules.is_on("charging_enabled") or hold.standing(session) is not None,
    )


def authorization(session: Session, seen: ScheduleVisit) -> Agreement:
    """The sealed authorization that holds now, to read and to keep (C2)."""
    sealed = agreements.by_id(session, seen.plan.schedule.agreement_id)
    if sealed is None:
        raise AssertionError(f"schedule {seen.plan.schedule.id} has no authorization")
    return sealed


def _allowed(
    due: Obligation,
    payments: Sequence[Obligation],
    rules: OrganisationSettings,
    zone: str,
    now: datetime,
    may_skip: bool,
    of_plan: bool,
) -> Allowed:
    until = due.due_at - timedelta(hours=rules.number("cutoff_hours"))
    waits = due.status == "due"
    in_time = waits and now <= until
    may_cancel = rules.is_on("customer_may_cancel")
    dates: list[date] = []
    if in_time and not due.retries and due.due_on is not None and rules.is_on("customer_may_move"):
        taken = {each.due_on for each in payments if each.status == "due" and each.due_on is not None}
        dates = move_dates(
            due.moved_from or due.due_on,
            rules.number("move_days_max"),
            WeekendRule(rules.words("weekend_rule")),
            local_date(now, zone),
            taken,
        )
    return Allowed(
        cancel=waits and may_cancel and not of_plan,
        skip=in_time and may_cancel and may_skip,
        dates=dates,
        until=until,
    )
