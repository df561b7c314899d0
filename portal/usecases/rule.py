"""Asks the rules: what keeps an obligation from being charged now, and until when.

The claim takes the first answer, `explain` all of them. Reads only; changes nothing and sends nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

from portal.domain.autopay import is_stale, is_told_in_time
from portal.domain.charge import DEFINITE_FAILURES
from portal.domain.due_date import local_date, moment_of
from portal.domain.plan import SIGNED, PlanState
from portal.domain.retry import CARD_DECLINES_MAX
from portal.domain.rule import RULES, SCHEDULED, Rule
from portal.domain.schedule import ENDED, STANDING_STILL
from portal.domain.subscription import SERIES, SubscriptionState
from portal.storage import (
    Session,
    agreement,
    autopay,
    charge,
    hold,
    limit,
    message,
    obligation,
    organisation,
    payment_method,
    plan,
    schedule,
    subscription,
)
from portal.storage.account import Account
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.payment_method import PaymentMethod
from portal.storage.plan import Plan
from portal.storage.schedule import Schedule
from portal.storage.subscription import Subscription
from portal.usecases.ledger import free_cents
from portal.usecases.organisation import OrganisationSettings, settings_of
from portal.usecases.share import Wanted, first_without_room, wanted_of

CATCH_UP = "catch_up"  # counts a customer's missed payments of one local day; the claim counts, the rule reads
DAY = timedelta(days=1)
AFTER_OLDER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Standing:
    """A rule that stands. `until`: when it falls by itself, where that is known; `facts` fill its sentence."""

    rule: Rule
    until: datetime | None = None
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What it says, for staff."""
        return self.rule.sentence.format(**self.facts)


@dataclass
class Case:
    """One obligation before its rules. What a rule looks at is read when it is first looked at."""

    session: Session
    due: Obligation
    owed_on: Account
    now: datetime

    @cached_property
    def settings(self) -> OrganisationSettings:
        return settings_of(self.session, self.organisation)

    @cached_property
    def attempts(self) -> list[Charge]:
        return charge.of_obligation(self.session, self.due.id)

    @cached_property
    def method(self) -> PaymentMethod | None:
        """The customer's own card on file that it is to be paid with, if it still is there (M12)."""
        if self.due.payment_method_id is None:
            return None
        return payment_method.owned_by(self.session, self.due.payment_method_id, self.due.customer_id)

    @cached_property
    def plan(self) -> Schedule | None:
        """The schedule of a scheduled payment, read again under the lock."""
        return schedule.fresh(self.session, self.due.subject_id) if self.is_scheduled else None

    @cached_property
    def payment_plan(self) -> Plan | None:
        """The payment plan whose signature made the schedule, if one did."""
        return plan.of_schedule(self.session, self.due.subject_id) if self.is_scheduled else None

    @cached_property
    def subscription(self) -> Subscription | None:
        """The subscription whose activation made the schedule, if one did."""
        if self.plan is None or self.plan.series != SERIES:
            return None
        return subscription.of_schedule(self.session, self.plan.id)

    @cached_property
    def organisation(self) -> Organisation:
        return organisation.by_id(self.session, self.due.organisation_id)

    @cached_property
    def free_cents(self) -> int:
        return free_cents(self.session, self.owed_on)

    @property
    def is_scheduled(self) -> bool:
        return self.due.kind == SCHEDULED

    @cached_property
    def services(self) -> Wanted | None:
        """What an AutoPay payment wants of its services, and what they can give; nothing for any other payment."""
        return wanted_of(self.session, self.owed_on, self.due.id) if self.is_scheduled else None

    @property
    def today(self) -> date:
        """The date on the organisation's wall."""
        return local_date(self.now, self.organisation.timezone)

    @property
    def is_missed(self) -> bool:
        """Whether its date went by without a try: the run was down, or held."""
        return self.due.due_on is not None and self.due.due_on < self.today and not self.attempts

    @property
    def amount_cents(self) -> int:
        """What is charged: never above what was authorised, and a scheduled payment never above what is owed."""
        if self.services is not None:  # nor above what is left of each of its services
            return min(self.services.owed_cents, self.owed_on.balance_cents)
        if self.is_scheduled and self.settings.is_on("lower_to_balance"):
            return min(self.due.amount_cents, self.owed_on.balance_cents)
        return self.due.amount_cents

    @property
    def held_cents(self) -> int:
        """What the charge keeps others from paying: its amount, and what is forgiven with it."""
        return self.amount_cents + self.due.forgiven_cents

    @property
    def source(self) -> str | None:
        """What the charge is called at the gateway (C33): a second try of a scheduled payment is off its schedule."""
        return "unscheduled" if self.is_scheduled and self.due.retries else self.due.source

    def standing(self) -> Iterator[Standing]:
        """Every rule that stands against charging it now, in the order of the table."""
        for check in CHECKS:
            found = check(self)
            if found is None:
                continue
            yield found
            if found.rule.code == "obligation_not_due":
                return  # it is not waiting for anything, so nothing else keeps it

    def first_standing(self) -> Standing | None:
        """The rule that decides."""
        return next(self.standing(), None)


def midnight(day: date) -> datetime:
    """A moment that stands for a date wherever something is counted by the day."""
    return datetime.combine(day, time(), UTC)


def _not_due(case: Case) -> Standing | None:
    if case.due.status == "due":
        return None
    return Standing(RULES["obligation_not_due"], facts={"status": case.due.status})


def _early(case: Case) -> Standing | None:
    if case.due.due_at <= case.now:
        return None
    return Standing(RULES["obligation_early"], case.due.due_at, {"due_at": case.due.due_at})


def _live(case: Case) -> Standing | None:
    live = [attempt for attempt in case.attempts if attempt.state not in DEFINITE_FAILURES]
    return Standing(RULES["charge_live"], live[0].lease_until) if live else None


def _held(case: Case) -> Standing | None:
    held = hold.standing(case.session)
    return Standing(RULES["charging_held"], facts={"reason": held.reason}) if held else None


def _switched_off(case: Case) -> Standing | None:
    return None if case.settings.is_on("charging_enabled") else Standing(RULES["charging_off"])


def _organisation_closed(case: Case) -> Standing | None:
    return None if case.organisation.is_active else Standing(RULES["organisation_closed"])


def _account_not_open(case: Case) -> Standing | None:
    if case.owed_on.status == "open":
        return None
    return Standing(RULES["account_not_open"], facts={"status": case.owed_on.status})


def _debt_disputed(case: Case) -> Standing | None:
    """C25. What the customer does themselves, at a page, is theirs to do."""
    if not case.is_scheduled or case.owed_on.disputed_at is None:
        return None
    day = local_date(case.owed_on.disputed_at, case.organisation.timezone)
    return Standing(RULES["debt_disputed"], facts={"day": day.isoformat()})


def _authorization_missing(case: Case) -> Standing | None:
    """C1: asked first, so that nothing else can hide it."""
    is_sealed = case.plan is not None and agreement.is_sealed(case.session, case.due.agreement_id or "")
    return Standing(RULES["authorization_missing"]) if case.is_scheduled and not is_sealed else None


def _schedule_ended(case: Case) -> Standing | None:
    if case.plan is None or case.plan.status not in ENDED:
        return None
    return Standing(RULES["schedule_ended"], facts={"status": case.plan.status})


def _schedule_waits(case: Case) -> Standing | None:
    if case.plan is None or case.plan.status not in STANDING_STILL:
        return None
    return Standing(RULES["schedule_waits"], facts={"status": case.plan.status})


def _plan_waits(case: Case) -> Standing | None:
    """P9: from the moment a plan is paused, or put to the customer anew, the old edition charges nothing."""
    if case.payment_plan is None or case.payment_plan.state != PlanState.paused:
        return None
    return Standing(RULES["plan_waits"], facts={"state": case.payment_plan.state})


def _plan_ended(case: Case) -> Standing | None:
    """P3: only under a signature that holds."""
    if case.payment_plan is None or case.payment_plan.state in SIGNED:
        return None
    return Standing(RULES["plan_ended"], facts={"state": case.payment_plan.state})


def _subscription_waits(case: Case) -> Standing | None:
    """From the moment it is paused, or its participant asks to stop, nothing is charged (Reg E 1005.10(c))."""
    if case.subscription is None or case.subscription.state != SubscriptionState.paused:
        return None
    return Standing(RULES["subscription_waits"], facts={"why": case.subscription.paused_for})


def _autopay_off(case: Case) -> Standing | None:
    if case.services is None or (case.settings.is_on("autopay") and case.settings.is_on("pay_services")):
        return None
    return Standing(RULES["autopay_off"])


def _notice_missing(case: Case) -> Standing | None:
    """C3: once it is being tried, its notice has been looked at."""
    if case.services is None or case.due.due_on is None or case.attempts:
        return None
    told = message.by_dedupe_key(case.session, notice_key(case.due.id))
    sent_at = told.sent_at if told is not None else None
    is_told = sent_at is not None and is_told_in_time(local_date(sent_at, case.organisation.timezone), case.due.due_on)
    return None if is_told else Standing(RULES["notice_missing"])


def _notice_stale(case: Case) -> Standing | None:
    if case.services is None or case.due.due_on is None or case.attempts:
        return None
    return Standing(RULES["notice_stale"]) if is_stale(case.due.due_on, case.today) else None


def _above_limit(case: Case) -> Standing | None:
    """A lower limit also holds for what was being sent, or waited to be tried again, when it was set."""
    standing = autopay.on_schedule(case.session, case.due.subject_id) if case.services is not None else None
    return Standing(RULES["above_limit"]) if standing and case.amount_cents > standing.limit_cents else None


def notice_key(obligation_id: str) -> str:
    """Under which the notice of an AutoPay payment is promised, once."""
    return f"autopay_upcoming:{obligation_id}"


def _older_first(case: Case) -> Standing | None:
    """P6: what was missed is charged oldest first."""
    if not case.is_scheduled or case.due.due_on is None or case.attempts:
        return None
    older = obligation.older_untried(case.session, case.due.subject_id, min(case.due.due_on, case.today))
    if not older:
        return None
    return Standing(RULES["older_first"], max(older[0], case.now) + AFTER_OLDER, {"older": len(older)})


def _catching_up(case: Case) -> Standing | None:
    """P6: a customer is not charged for three missed months in one day."""
    if not case.is_scheduled or not case.is_missed:
        return None
    day = midnight(case.today)
    charged = limit.current(case.session, CATCH_UP, case.due.customer_id, DAY, day)
    if charged < case.settings.number("catch_up_per_day"):
        return None
    hour = case.settings.number("charge_hour")
    tomorrow = moment_of(case.today + DAY, hour, case.organisation.timezone)
    return Standing(RULES["catching_up"], tomorrow, {"charged": charged})


def _card_resting(case: Case) -> Standing | None:
    if not case.is_scheduled or case.method is None:
        return None
    for window, most in CARD_DECLINES_MAX.items():
        declined = charge.count_card_declined(case.session, case.method.id, case.now - window)
        if declined >= most:
            return Standing(RULES["card_resting"], facts={"declined": declined})
    return None


def _card_stopped(case: Case) -> Standing | None:
    """C11: nothing is charged by itself to a card that its holder had stopped, under what was authorized before."""
    if not case.is_scheduled or case.method is None or case.method.stopped_at is None:
        return None
    sealed = agreement.by_id(case.session, case.due.agreement_id or "")
    if sealed is not None and sealed.accepted_at > case.method.stopped_at:
        return None
    day = local_date(case.method.stopped_at, case.organisation.timezone)
    return Standing(RULES["card_stopped"], facts={"day": day.isoformat()})


def _nothing_owed(case: Case) -> Standing | None:
    is_owed = case.owed_on.balance_cents and (case.services is None or case.services.owed_cents)
    code = case.services.why_nothing if case.services is not None else "nothing_owed"
    return None if is_owed or not case.is_scheduled else Standing(RULES[code])


def _payment_under_way(case: Case) -> Standing | None:
    """Enough is owed, but another attempt may take it: a scheduled payment waits to see."""
    if case.services is not None and case.services.free_cents < case.services.owed_cents:
        return Standing(RULES["payment_under_way"], facts={"free_cents": case.services.free_cents})
    if not case.is_scheduled or not case.free_cents < case.amount_cents <= case.owed_on.balance_cents:
        return None
    return Standing(RULES["payment_under_way"], facts={"free_cents": case.free_cents})


def _balance_too_low(case: Case) -> Standing | None:
    if case.held_cents <= case.free_cents:
        return None
    return Standing(RULES["balance_too_low"], facts={"free_cents": case.free_cents})


def _service_balance_too_low(case: Case) -> Standing | None:
    """M7 for each service: what was chosen to be paid is paid to it, or nothing is."""
    if case.is_scheduled:
        return None  # one that has services is lowered to what they still take
    full = first_without_room(case.session, case.owed_on, case.due.id)
    return Standing(RULES["service_balance_too_low"], facts={"service_id": full}) if full else None


def _method_gone(case: Case) -> Standing | None:
    return Standing(RULES["method_gone"]) if case.method is None and case.due.card_nonce is None else None


CHECKS: tuple[Callable[[Case], Standing | None], ...] = (
    _not_due,
    _early,
    _live,
    _authorization_missing,
    _held,
    _switched_off,
    _organisation_closed,
    _account_not_open,
    _debt_disputed,
    _schedule_ended,
    _schedule_waits,
    _plan_waits,
    _plan_ended,
    _subscription_waits,
    _nothing_owed,
    _autopay_off,
    _notice_missing,
    _notice_stale,
    _above_limit,
    _older_first,
    _catching_up,
    _card_resting,
    _card_stopped,
    _payment_under_way,
    _balance_too_low,
    _service_balance_too_low,
    _method_gone,
)


def is_stopped(session: Session, due: Obligation, owed_on: Account, now: datetime) -> bool:
    """Whether somebody has stopped all charging since it was claimed, so that nothing lost is sent again either."""
    case = Case(session, due, owed_on, now)
    stops = (_switched_off, _organisation_closed, _plan_waits, _subscription_waits, _autopay_off)
    return any(check(case) is not None for check in stops)
