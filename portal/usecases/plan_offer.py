"""An offer on its way: the links that open it, what they are good for, reminders before its end, the end, a fresh one.

Called by the agreement's pages, the outbox and the clock. Looking never changes anything; a token is known only when
its link is made.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import partial

from portal.domain.due_date import Frequency, local_date, nominal_dates
from portal.domain.payment_link import digest, new_token
from portal.domain.plan import OPEN, REMINDERS_MAX, PlanState, PlanWish, reminder_days, reminder_of, wish_of
from portal.domain.refusal import Refused
from portal.storage import Session, message
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import limit as limits
from portal.storage import organisation as organisations
from portal.storage import plan as plans
from portal.storage.customer import Customer
from portal.storage.organisation import Organisation
from portal.storage.plan import Plan, PlanLink
from portal.usecases.alarm import raise_alarm
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import record, settings_of
from portal.usecases.payment_link import FRESH_PER_HOUR, home
from portal.usecases.plan import PlanOrder, draft, fits, least_cents, locked, move, payable_cents, put
from portal.usecases.plan_life import end_change
from portal.usecases.plan_promise import tell_offer
from portal.usecases.ports import Ports
from portal.usecases.row_of_sweep import try_row

BATCH = 200
COPIES_DAYS = 366  # how long the link in the completion email opens the signed copies
REMIND_AHEAD = timedelta(days=180)  # no offer stands longer


class OfferState(StrEnum):
    """What a plan's link is good for now."""

    open = "open"
    signed = "signed"  # opens the signed copies, whatever became of the plan since
    expired = "expired"
    over = "over"  # cancelled, or another edition took its place


@dataclass(frozen=True, slots=True)
class FoundOffer:
    """A link that exists, its plan, and what it is good for."""

    link: PlanLink
    plan: Plan
    state: OfferState
    customer: Customer
    organisation: Organisation


def make_link(session: Session, plan: Plan, *, expires_at: datetime, now: datetime, made_by: str) -> str:
    """Makes a link to an edition and returns its token, the only time it is known."""
    token = new_token()
    session.add(
        PlanLink(
            plan_id=plan.id,
            customer_id=plan.customer_id,
            token_sha256=digest(token),
            expires_at=expires_at,
            created_at=now,
            made_by=made_by,
        )
    )
    session.flush()
    return token


def offer_address(portal_url: str, organisation: Organisation, token: str) -> str:
    """The address of a plan's link."""
    return f"{home(portal_url, organisation)}/agreement/{token}"


def find(session: Session, token: str, now: datetime) -> FoundOffer | None:
    """The offer of exactly this token in this organisation; None for every other string, other links' tokens too."""
    link = plans.link_of_token(session, digest(token))
    return found(session, link, now) if link is not None else None


def found(session: Session, link: PlanLink, now: datetime) -> FoundOffer:
    """A link with its plan and what it is good for."""
    plan, payer = plans.by_id(session, link.plan_id), customers.by_id(session, link.customer_id)
    if plan is None or payer is None:
        raise AssertionError(f"link {link.id} leads nowhere")
    paid_to = organisations.by_id(session, link.organisation_id)
    return FoundOffer(link, plan, state_of(plan, link, now), payer, paid_to)


def state_of(plan: Plan, link: PlanLink, now: datetime) -> OfferState:
    """What a link is good for. An offer ends by the clock, also before the clock process has noted it."""
    state = PlanState(plan.state)
    if plan.signed_at is not None:
        return OfferState.signed if now < link.expires_at else OfferState.over
    if state is PlanState.offered:
        return OfferState.open if plan.expires_at is not None and now < plan.expires_at else OfferState.expired
    return OfferState.expired if state is PlanState.expired else OfferState.over


def is_open(plan: Plan, now: datetime) -> bool:
    """Whether an offer may still be signed, and reminded of (N4)."""
    return plan.state == PlanState.offered and plan.expires_at is not None and now < plan.expires_at


def is_owed(session: Session, plan: Plan) -> bool:
    """Whether its debt still stands, as the books say: nobody is asked for what was paid."""
    owed_on = accounts.by_id(session, plan.account_id)
    return owed_on is not None and owed_on.status != "closed" and owed_on.balance_cents >= least_cents(plan)


# --- the clock: reminders, and the end ------------------------------------------------------------------------------


def remind(ports: Ports) -> int:
    """Promises every reminder whose time has come, each once by its key; how many."""
    promised, after = 0, None
    while True:
        now = ports.clock.now()
        with ports.database.across() as session:
            rows = plans.offered_until(session, now + REMIND_AHEAD, after, BATCH)
        for row in rows:
            promised += try_row(ports, row.organisation_id, row.id, partial(_reminded, plan_id=row.id, ports=ports))
        if len(rows) < BATCH or rows[-1].expires_at is None:
            return promised
        after = (rows[-1].expires_at, rows[-1].id)


def _reminded(session: Session, plan_id: str, ports: Ports) -> list[str]:
    now = ports.clock.now()
    row = locked(session, plan_id)
    if not is_open(row, now) or row.offered_at is None or row.expires_at is None:
        return []
    rules = settings_of(session, organisations.by_id(session, row.organisation_id))
    days = reminder_of(row.offered_at, row.expires_at, reminder_days(rules.words("plan_reminder_days")), now)
    if not days or message.times_told(session, "plan_reminder", row.customer_id, row.id) >= REMINDERS_MAX:
        return []  # counted, for the days may have been set anew meanwhile
    replaces = plans.fresh(session, row.replaces_id) if row.replaces_id else None
    owed_on = accounts.lock(session, row.account_id)
    payable = payable_cents(session, owed_on, replaces.schedule_id if replaces is not None else None)
    if not fits(row, replaces, owed_on, payable):
        return []  # its page would not let them sign; fits it again, its turn comes with the next look
    return tell_offer(session, "plan_reminder", row, f"plan_reminder:{row.id}:{days}", now)


def expire(ports: Ports) -> int:
    """Ends every offer whose time is over and tells its customer, once (S1:40); how many were looked at."""
    seen, after = 0, None
    while True:
        with ports.database.across() as session:
            rows = plans.offered_until(session, ports.clock.now(), after, BATCH)
        for row in rows:
            try_row(ports, row.organisation_id, row.id, partial(_run_out, plan_id=row.id, now=ports.clock.now()))
            failpoint("plan.expire.after_commit")
        seen += len(rows)
        if len(rows) < BATCH or rows[-1].expires_at is None:
            return seen
        after = (rows[-1].expires_at, rows[-1].id)


def _run_out(session: Session, plan_id: str, now: datetime) -> list[str]:
    promised = _expired(session, plan_id, now)
    session.flush()
    failpoint("plan.expire.before_commit")
    return promised


def _expired(session: Session, plan_id: str, now: datetime) -> list[str]:
    row = locked(session, plan_id)
    if row.state != PlanState.offered or row.expires_at is None or row.expires_at > now:
        return []
    move(row, PlanState.expired)
    row.ended_at, row.ended_by = now, "clock"
    session.flush()
    record(session, "clock", "plan_expired", row.id, now)
    promised = tell_offer(session, "plan_expired", row, f"plan_expired:{row.id}", now)
    return promised + end_change(session, row, "clock", now)


# --- a fresh one ----------------------------------------------------------------------------------------------------


def send_fresh(ports: Ports, organisation_id: str, token: str) -> None:
    """Offers an expired plan once more, with the next dates of its rhythm, to the address on file.

    Says nothing of what it did: with or without an address, capped or not, the caller shows the same page. Refused
    `link_not_expired` where the organisation allows no fresh offer, or the offer is not an expired one; `plan_disputed`
    while the customer says that they do not owe it (C25).
    """

    def work(session: Session) -> list[str]:
        now = ports.clock.now()
        offer = find(session, token, now)
        rules = settings_of(session, organisations.by_id(session, organisation_id))
        if offer is None or offer.state is not OfferState.expired or not rules.is_on("plan_fresh_offer"):
            raise Refused("link_not_expired")
        if limits.count_up(session, "fresh_plan", offer.plan.account_id, timedelta(hours=1), now) > FRESH_PER_HOUR:
            return []
        return _renewed(session, offer.plan.id, now)

    for message_id in ports.database.run(organisation_id, work):
        ports.doorbell.ring_message(organisation_id, message_id)


def _renewed(session: Session, plan_id: str, now: datetime) -> list[str]:
    """The next edition of an expired first offer; nothing when there is one already, or it does not fit any more."""
    old = locked(session, plan_id)
    account = accounts.lock(session, old.account_id)
    if account.disputed_at is not None:
        raise Refused("plan_disputed")
    late = _expired(session, plan_id, now)  # over by the clock, and the clock process has not come by yet
    standing = [each for each in plans.of_account(session, account.id) if each.state in OPEN]
    newest = plans.editions(session, old.reference)[-1]
    if newest.id != old.id or old.replaces_id or standing or account.status != "open":
        return late
    paid_to = organisations.by_id(session, old.organisation_id)
    wish = moved_on(wish_of(old.wish), local_date(now, paid_to.timezone))
    order = PlanOrder(account.id, wish, old.channels, old.offer_days)
    try:
        row = draft(session, account, order, payable_cents(session, account), "customer", now)
    except Refused as refused:
        record(session, "customer", "plan_not_renewed", old.id, now, reason=refused.code)
        raise_alarm(session, "plan_not_renewed", old.id, now, reason=refused.code)
        return late
    row.reference, row.edition = old.reference, old.edition + 1
    session.add(row)
    move(old, PlanState.superseded)
    session.flush()
    put(session, row, "customer", now)
    return late + tell_offer(session, "plan_offer", row, f"plan_offer:{row.id}", now, is_answer=True)


def moved_on(wish: PlanWish, today: date) -> PlanWish:
    """The same plan from its next date after today on; one that begins later begins then."""
    if wish.rhythm.start_on > today:
        return wish
    tomorrow = today + timedelta(days=1)
    if wish.rhythm.frequency is Frequency.once:
        return replace(wish, rhythm=replace(wish.rhythm, start_on=tomorrow))
    rhythm, start_on = wish.rhythm, next(each for each in nominal_dates(wish.rhythm) if each >= tomorrow)
    if rhythm.frequency is Frequency.monthly:  # from 28 February on, the 31st is still the 31st
        meant = rhythm.days[0] if len(rhythm.days) == 1 else rhythm.start_on.day
        rhythm = replace(rhythm, days=(meant,) if meant != start_on.day else ())
    return replace(wish, rhythm=replace(rhythm, start_on=start_on))
