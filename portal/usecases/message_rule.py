"""Whether a message may leave now: asks each rule of the table about one message, in its transaction.

Called by the outbox when it claims, and by `messages held`. Answers a rule and until when; writes only the day's
counters. The order of `CHECKS` is the order of the table.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from portal.domain.autopay import is_told_in_time
from portal.domain.contact_wish import Standing as Wanted
from portal.domain.contact_wish import address_key, looks_like_work
from portal.domain.due_date import local_date, moment_of
from portal.domain.message import Channel, Event, MessageKind
from portal.domain.message_event import EVENTS
from portal.domain.message_rule import ALL_PER_DAY, ANSWER_FRESH, CONFIRMED_WITHIN, MESSAGE_RULES, PER_DAY, MessageRule
from portal.domain.plan import PlanState
from portal.domain.quiet_hours import Inconvenient, is_inconvenient, is_quiet, next_fitting
from portal.domain.schedule import STANDING_STILL
from portal.domain.time_zone import contiguous, names_of, zones_of
from portal.storage import (
    Session,
    account,
    autopay,
    bounce,
    customer,
    limit,
    obligation,
    organisation,
    payment_link,
    plan,
    schedule,
    subscription,
)
from portal.storage.account import Account
from portal.storage.autopay import Autopay
from portal.storage.customer import Customer
from portal.storage.message import Message
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.payment_link import PaymentLink
from portal.storage.plan import Plan
from portal.usecases import contact_wish
from portal.usecases.organisation import OrganisationSettings, settings_of
from portal.usecases.paper_copy import needs_paper
from portal.usecases.plan_offer import is_open, is_owed
from portal.usecases.rule import DAY, midnight
from portal.usecases.subscription_deadline import is_waiting
from portal.usecases.subscription_message import TO_ACTIVATE
from portal.usecases.subscription_outcome import is_paused

NEVER_FITS = timedelta(days=1)  # how long a message waits when no time in sight suits: then it is looked at again
COUNTED_ALL = "all"
TELLS_OF_DEBIT = frozenset({"payment_upcoming", "payment_moved", "subscription_last", "autopay_upcoming"})
TOLD_OF_STATE = {"plan_paused": PlanState.paused, "plan_resumed": PlanState.signed}


@dataclass(frozen=True, slots=True)
class Held:
    """A rule that stands against a message, until when, and what its sentence needs."""

    rule: MessageRule
    until: datetime | None = None
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """For staff."""
        return self.rule.sentence.format_map(self.facts)


@dataclass
class Letter:
    """One message and all that its rules ask for, read when first needed."""

    session: Session
    row: Message
    now: datetime

    @property
    def event(self) -> Event:
        return EVENTS[self.row.event]

    @property
    def channel(self) -> Channel:
        return Channel(self.row.channel)

    @property
    def address(self) -> str:
        return address_key(self.row.channel, self.row.recipient)

    @property
    def is_for_house(self) -> bool:
        """To the organisation's own mailbox: the law about customers has no say."""
        return self.event.kind is MessageKind.house

    @property
    def answers(self) -> bool:
        """Whether it answers what the person has just done, and is not late for it."""
        return self.row.is_answer and self.now - self.row.created_at <= ANSWER_FRESH

    @property
    def goes_anyhow(self) -> bool:
        """Whether it may be emailed even to who opted out: the law asks for it, or the person did, a moment ago."""
        return self.channel is Channel.email and (bool(self.event.goes_on) or self.answers)

    @cached_property
    def sender(self) -> Organisation:
        return organisation.by_id(self.session, self.row.organisation_id)

    @cached_property
    def settings(self) -> OrganisationSettings:
        return settings_of(self.session, self.sender)

    @cached_property
    def about(self) -> Customer | None:
        return customer.by_id(self.session, self.row.customer_id)

    @cached_property
    def wanted(self) -> Wanted:
        return contact_wish.standing(self.session, self.row.channel, self.row.recipient)

    @cached_property
    def times(self) -> list[Inconvenient]:
        return contact_wish.inconvenient_times(self.session, self.row.customer_id)

    @property
    def is_collector(self) -> bool:
        return self.settings.is_on("debt_collector")

    @property
    def keeps_hours(self) -> bool:
        """A debt collector always does; for others it is a setting."""
        return self.is_collector or self.settings.is_on("quiet_hours")

    @cached_property
    def zones(self) -> tuple[ZoneInfo, ...]:
        """Where the customer may be. Nothing known: anywhere for a debt collector, near the organisation for others."""
        about = self.about
        found = zones_of(about.timezone, about.phone, about.state) if about is not None else ()
        return found or (contiguous() if self.is_collector else (ZoneInfo(self.sender.timezone),))

    @property
    def day(self) -> datetime:
        """What the day's counters are kept by: the date where the customer is."""
        return midnight(local_date(self.now, str(self.zones[0])))


def first_standing(letter: Letter) -> Held | None:
    """The rule that decides, or nothing: then the message has taken its place below the day's cap."""
    return next(standing(letter), None)


def standing(letter: Letter) -> Iterator[Held]:
    """Every rule that stands against sending it now."""
    for check in CHECKS:
        if (found := check(letter)) is not None:
            yield found


def _offer_over(letter: Letter) -> Held | None:
    """N4: nobody is asked to sign what was signed, cancelled, paid or has ended, however long the message waited."""
    if letter.row.event in TO_ACTIVATE:
        waiting = subscription.fresh(letter.session, letter.row.subject_id)
        return None if waiting is not None and is_waiting(waiting, letter.now) else _ends("offer_over")
    if letter.row.event not in {"plan_offer", "plan_reminder", "plan_expired"}:
        return None
    found = plan.fresh(letter.session, letter.row.subject_id)
    if letter.row.event == "plan_expired":  # a fresh one took its place: its link leads nowhere any more
        return None if found is not None and found.state == PlanState.expired else _ends("offer_over")
    stands = found is not None and is_open(found, letter.now) and is_owed(letter.session, found)
    return None if stands else _ends("offer_over")


def _no_address(letter: Letter) -> Held | None:
    """Promised for its paper alone: its customer wants records on paper and has no address for mail of this kind."""
    return None if letter.row.recipient else _ends("no_address")


def _record_on_paper(letter: Letter) -> Held | None:
    """C14: a text holds the record itself and no word of the paper. What asks or answers rests on the yes to texts."""
    is_text = letter.channel is Channel.sms
    return _ends("record_on_paper") if is_text and needs_paper(letter.session, letter.row) else None


def _bounced(letter: Letter) -> Held | None:
    found = bounce.standing(letter.session, letter.row.channel, letter.address)
    return _ends("address_bounced", reason=found.reason) if found else None


def _late_confirmation(letter: Letter) -> Held | None:
    is_late = letter.now - letter.row.created_at > CONFIRMED_WITHIN
    return _ends("late_confirmation") if is_late and letter.event.kind is MessageKind.reply else None


def _no_consent(letter: Letter) -> Held | None:
    """Texts need a yes; mail to the address the customer gave needs none. Answering their own text needs none."""
    if letter.channel is not Channel.sms or letter.event.kind is MessageKind.reply or letter.wanted.granted_at:
        return None
    return None if letter.wanted.revoked_at else _ends("no_consent")


def _opted_out(letter: Letter) -> Held | None:
    """A STOP ends every text. An opt-out of email leaves what the law requires, and answers the person asked for."""
    stopped_at = letter.wanted.stopped_at(letter.event.kind)
    if stopped_at is None or letter.is_for_house or letter.event.kind is MessageKind.reply:
        return None
    if letter.goes_anyhow:
        return None
    return _ends("opted_out", day=local_date(stopped_at, letter.sender.timezone).isoformat())


def _medium_refused(letter: Letter) -> Held | None:
    if letter.is_for_house or letter.event.kind is MessageKind.reply or letter.goes_anyhow:
        return None
    refused = contact_wish.is_refused_medium(letter.session, letter.row.customer_id, letter.row.channel)
    return _ends("medium_refused") if refused else None


def _work_address(letter: Letter) -> Held | None:
    if letter.channel is not Channel.email or letter.is_for_house or not letter.is_collector:
        return None
    known = contact_wish.is_work_address(letter.session, letter.address)
    is_work = looks_like_work(letter.address) if known is None else known
    return _ends("work_address") if is_work and letter.wanted.granted_at is None else None


def _debt_disputed(letter: Letter) -> Held | None:
    """C25: offers, reminders and notices of a disputed debt wait; what answers the customer, and records, go on."""
    if letter.answers:
        return None
    owed_on = _asks_for(letter)
    if owed_on is None or owed_on.disputed_at is None:
        return None
    day = local_date(owed_on.disputed_at, letter.sender.timezone)
    return Held(MESSAGE_RULES["debt_disputed"], None, {"day": day.isoformat()})


def _asks_for(letter: Letter) -> Account | None:
    """The account whose debt a message asks for; none where it asks for no debt."""
    session, subject = letter.session, letter.row.subject_id
    about: Plan | Obligation | PaymentLink | Autopay | None = None
    match letter.row.event:
        case "plan_offer" | "plan_reminder" | "plan_expired":
            about = plan.by_id(session, subject)
        case "payment_upcoming" | "subscription_last" | "payment_declined" | "card_expiring" | "autopay_upcoming":
            about = obligation.by_id(session, subject)
        case "autopay_above_limit":
            asked = autopay.payment_by_id(session, subject)
            about = autopay.by_id(session, asked.autopay_id) if asked is not None else None
        case "payment_link" | "schedule_link":
            about = payment_link.by_id(session, subject)
    return account.by_id(session, about.account_id) if about is not None else None


def _payment_over(letter: Letter) -> Held | None:
    """Nobody is told in the morning of a debit that was cancelled or paused by night, or of a pause that is over."""
    if letter.row.event in TOLD_OF_STATE:
        about = plan.fresh(letter.session, letter.row.subject_id)
        is_so = about is None or about.state == TOLD_OF_STATE[letter.row.event]
        return None if is_so else _ends("payment_over")
    if letter.row.event not in TELLS_OF_DEBIT:
        return None
    due = obligation.by_id(letter.session, letter.row.subject_id)
    if due is None:
        return None
    is_late = letter.row.event == "autopay_upcoming" and not _in_time(letter, due)
    return _ends("payment_over") if is_late or not _comes(letter.session, due) else None


def _in_time(letter: Letter, due: Obligation) -> bool:
    """Whether an AutoPay payment can still come on its date if its notice leaves now: else it is announced anew."""
    today = local_date(letter.now, letter.sender.timezone)
    return due.due_on is not None and is_told_in_time(today, due.due_on)


def _comes(session: Session, due: Obligation) -> bool:
    """Whether a payment is to be charged on its date, as far as anybody knows now."""
    series = schedule.by_id(session, due.subject_id)
    if due.status != "due" or series is None or series.status in STANDING_STILL:
        return False
    agreed = plan.of_schedule(session, series.id)
    return not is_paused(session, series) and (agreed is None or agreed.state != PlanState.paused)


def _capped(letter: Letter) -> Held | None:
    """Counts the message when it first tries to leave; what does not fit is taken off the count again."""
    if letter.row.counted_at is not None:
        return None
    caps = (
        (letter.event.kind.value, PER_DAY.get((letter.event.kind, letter.channel), 0)),
        (COUNTED_ALL, ALL_PER_DAY[letter.channel]),
    )
    counted: list[str] = []
    for name, most in caps:
        if name == COUNTED_ALL and letter.event.kind in {MessageKind.reply, MessageKind.house}:
            continue  # an answer to a text of theirs is not ours to withhold for what we sent before
        count = _count(letter, name, 1)
        counted.append(name)
        if count > most:
            for each in counted:
                _count(letter, each, -1)
            if letter.answers or letter.event.kind is MessageKind.reply:
                return _ends("capped_answer", count=most)
            return Held(MESSAGE_RULES["capped"], _tomorrow(letter), {"count": most})
    letter.row.counted_at = letter.now
    return None


def _quiet(letter: Letter) -> Held | None:
    if letter.is_for_house or letter.answers or letter.event.kind is MessageKind.reply or not letter.keeps_hours:
        return None
    return _wait(letter, "quiet_hours") if is_quiet(letter.now, letter.zones) else None


def _inconvenient(letter: Letter) -> Held | None:
    if letter.is_for_house or letter.answers or letter.event.kind is MessageKind.reply:
        return None
    return _wait(letter, "inconvenient_time") if is_inconvenient(letter.now, letter.zones, letter.times) else None


def _wait(letter: Letter, code: str) -> Held:
    fits = next_fitting(letter.now, letter.zones, letter.times, keeps_hours=letter.keeps_hours)
    return Held(MESSAGE_RULES[code], fits or letter.now + NEVER_FITS, {"zones": names_of(letter.zones)})


def _ends(code: str, **facts: object) -> Held:
    return Held(MESSAGE_RULES[code], None, facts)


def _count(letter: Letter, name: str, by: int) -> int:
    bucket = f"message:{letter.row.channel}:{name}"
    return limit.count_up(letter.session, bucket, letter.address, DAY, letter.day, by)


def _tomorrow(letter: Letter) -> datetime:
    """When a new day begins where the customer is; the rules of hours then say from which minute on."""
    zone = str(letter.zones[0])
    return moment_of(local_date(letter.now, zone) + timedelta(days=1), 0, zone)


CHECKS: tuple[Callable[[Letter], Held | None], ...] = (
    _offer_over,
    _no_address,
    _record_on_paper,
    _bounced,
    _late_confirmation,
    _no_consent,
    _opted_out,
    _medium_refused,
    _work_address,
    _debt_disputed,
    _payment_over,
    _quiet,
    _inconvenient,
    _capped,
)
