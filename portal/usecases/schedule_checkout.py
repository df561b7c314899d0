"""Scheduling in a visit: the wish chosen, its figures confirmed, the authorization accepted, the schedule made (S1:19).

Called by the link's pages. What is made is always what is stored in the visit and was shown last. What a schedule is
and how it is made is in `portal.usecases.schedule`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from portal.domain.agreement import Text
from portal.domain.due_date import WeekendRule, local_date
from portal.domain.offer import quote_version
from portal.domain.payment_link import Purpose
from portal.domain.refusal import Refused
from portal.domain.schedule import CardEnding, Limits, Payment, Wish, card_ending, wish_of
from portal.domain.schedule_agreement import schedule_text
from portal.domain.schedule_wish import Errors, Typed, read
from portal.storage import Session
from portal.storage import limit as counts
from portal.storage import schedule as schedules
from portal.usecases.checkout import ATTEMPT_WINDOW, CARD_REFUSED, forget_card, require_open, require_rested
from portal.usecases.failpoint import failpoint
from portal.usecases.payment_link import make as make_link
from portal.usecases.ports import Ports
from portal.usecases.schedule import (
    CardChoice,
    Made,
    Order,
    ScheduleQuote,
    keep,
    limits_on,
    make_kept,
    quote_within,
    terms_of,
)
from portal.usecases.visit import Walk, look

LINKS_PER_HOUR = 20  # of one schedule, from the page that says it is made
CARD_IS_NO_GOOD = frozenset({"card_declined", "card_unusable"})


@dataclass(frozen=True, slots=True)
class Shown:
    """The figures of a schedule as a page shows them. `version` changes with whatever of them changes."""

    quote: ScheduleQuote
    left_cents: int
    due_today_cents: int
    version: str


def limits(walk: Walk) -> Limits:
    """What may be scheduled in this visit."""
    return limits_on(walk.account, walk.settings, walk.schedulable_cents)


def rule_of(walk: Walk) -> WeekendRule:
    """What the organisation does about weekends and holidays."""
    return WeekendRule(walk.settings.words("weekend_rule"))


def today(walk: Walk, now: datetime) -> date:
    """The date on the organisation's wall."""
    return local_date(now, walk.organisation.timezone)


def choose(
    ports: Ports, organisation_id: str, visit_id: str, secret: str, typed: Typed
) -> tuple[list[Payment], Errors]:
    """Stores what was wished for, or returns which field was refused and why; nothing is stored then."""
    now = ports.clock.now()

    def work(session: Session) -> tuple[list[Payment], Errors]:
        walk = look(session, visit_id, secret, now, locked=True)
        if walk is None or walk.progress.agreed:
            raise Refused("visit_over")
        wish, listed, errors = read(typed, limits(walk), rule_of(walk), today(walk, now))
        if wish is not None:
            walk.visit.schedule_wish = wish.plain()
            walk.visit.confirmed_at = walk.visit.quote_version = None
            walk.visit.version += 1
        return listed, errors

    return ports.database.run(organisation_id, work)


def wish(walk: Walk) -> Wish | None:
    """What was wished for in this visit, if anything was."""
    return wish_of(walk.visit.schedule_wish) if walk.visit.schedule_wish is not None else None


def card(walk: Walk) -> CardChoice | None:
    """The card of this visit, as it is stored and was shown."""
    visit = walk.visit
    if visit.card_last4 is None or visit.card_expires_month is None or visit.card_expires_year is None:
        return None
    return CardChoice(
        visit.card_brand or "Card",
        visit.card_last4,
        visit.card_expires_month,
        visit.card_expires_year,
        payment_method_id=visit.payment_method_id,
        nonce=visit.card_nonce,
    )


def ending(walk: Walk, listed: Sequence[Payment]) -> CardEnding | None:
    """The payment that the card of this visit does not live to see."""
    paid_with = card(walk)
    if paid_with is None:
        return None
    return card_ending(paid_with.expires_month, paid_with.expires_year, [each.due_on for each in listed])


def quote(walk: Walk, now: datetime) -> Shown:
    """Every date and amount as they would be authorised now, or Refused with the rule that forbids it."""
    wanted, paid_with = wish(walk), card(walk)
    if wanted is None:
        raise Refused("schedule_missing")
    if paid_with is None:
        raise Refused("method_missing")
    day = today(walk, now)
    found = quote_within(limits(walk), walk.settings, wanted, paid_with, day)
    left_cents = walk.payable_cents - walk.promised_cents - found.total_cents
    due_today_cents = sum(each.amount_cents for each in found.payments if each.due_on == day)
    return Shown(found, left_cents, due_today_cents, quote_version(found.version, left_cents, due_today_cents))


def confirm(walk: Walk, version: str, now: datetime) -> None:
    """The person has checked exactly these dates and amounts. Refused `quote_changed` when they are others now."""
    if quote(walk, now).version != version:
        raise Refused("quote_changed")
    walk.visit.quote_version, walk.visit.confirmed_at = version, now
    walk.visit.version += 1


def require_quote(walk: Walk, now: datetime) -> Shown:
    """The figures that were confirmed, if they still hold; Refused `quote_changed` otherwise."""
    found = quote(walk, now)
    if found.version != walk.visit.quote_version:
        raise Refused("quote_changed")
    return found


def text(walk: Walk, found: ScheduleQuote, now: datetime) -> Text:
    """The authorization as it is shown and then sealed, in the visit's language."""
    paid_with = card(walk)
    if paid_with is None:
        raise Refused("method_missing")
    locale = walk.visit.locale
    return schedule_text(
        terms_of(walk.settings, walk.organisation, walk.customer, walk.account, found.payments, paid_with, locale, now),
        locale,
    )


def accept(
    ports: Ports, organisation_id: str, visit_id: str, secret: str, shown_digest: str, *, ip: str, user_agent: str
) -> Made | None:
    """Keeps the card, then seals the authorization and makes the schedule in one transaction; None when the visit
    has its agreement already: whoever comes second is shown the first one's result.

    Refused: `quote_changed`, `agreement_changed`, `payment_under_way`, `cards_resting`, `link_not_open`,
    `visit_over`, `card_declined`, `card_unusable`, `gateway_unreachable`, `payments_off`, and every rule of `quote`.
    """

    def order_of(session: Session, walk: Walk, now: datetime) -> Order:
        if walk.is_paying:
            raise Refused("payment_under_way")
        require_open(walk, now)
        require_rested(session, walk, now)
        found, wanted, paid_with = require_quote(walk, now), wish(walk), card(walk)
        if wanted is None or paid_with is None:
            raise Refused("quote_changed")
        if text(walk, found.quote, now).digest != shown_digest:
            raise Refused("agreement_changed")
        return Order(
            account_id=walk.account.id,
            wish=wanted,
            card=paid_with,
            locale=walk.visit.locale,
            quote_version=found.quote.version,
            shown_digest=shown_digest,
            ip=ip,
            user_agent=user_agent,
            visit_id=visit_id,
        )

    def look_at(session: Session, *, locked: bool) -> Walk:
        walk = look(session, visit_id, secret, ports.clock.now(), locked=locked)
        if walk is None:
            raise Refused("visit_over")
        return walk

    with ports.database.read(organisation_id) as session:
        walk = look_at(session, locked=False)
        if walk.progress.agreed:
            return None
        nonce = order_of(session, walk, ports.clock.now()).card.nonce
        account_id = walk.account.id
    kept = None
    if nonce is not None:
        try:
            kept = keep(ports, organisation_id, account_id, nonce)
        except Refused as refused:
            if refused.code in CARD_IS_NO_GOOD:
                _count_refused(ports, organisation_id, visit_id, secret)
            raise
    failpoint("schedule.after_keep")

    def work(session: Session) -> tuple[Made | None, list[str]]:
        walk = look_at(session, locked=True)
        if walk.progress.agreed:
            return None, []
        now = ports.clock.now()
        order = order_of(session, walk, now)
        if order.card.nonce != nonce:
            raise Refused("quote_changed")  # another card was typed in another tab
        made = make_kept(session, order, kept, now)
        walk.customer.locale = walk.visit.locale  # what follows comes in the language of this walk
        session.flush()
        failpoint("schedule.before_commit")
        return made

    made, promised = ports.database.run(organisation_id, work)
    failpoint("schedule.after_commit")
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return made


def link_of(ports: Ports, organisation_id: str, visit_id: str, secret: str, purpose: Purpose) -> str:
    """A new link to the schedule of a visit, for whoever made it: to look after it, or to change its card; its token.

    Refused `visit_over`, `too_many_visits`.
    """
    now = ports.clock.now()
    with ports.database.transaction(organisation_id) as session:
        walk = look(session, visit_id, secret, now)
        plan = schedules.of_visit(session, visit_id)
        if walk is None or plan is None:
            raise Refused("visit_over")
        if counts.count_up(session, "schedule_link", plan.id, ATTEMPT_WINDOW, now) > LINKS_PER_HOUR:
            raise Refused("too_many_visits")
        days = walk.settings.number("link_days")
        return make_link(
            session, walk.account, days=days, now=now, made_by="customer", purpose=purpose, subject_id=plan.id
        )


def _count_refused(ports: Ports, organisation_id: str, visit_id: str, secret: str) -> None:
    """A card that could not be kept counts like a declined one (card testing), and is not shown again."""
    now = ports.clock.now()

    def work(session: Session) -> None:
        walk = look(session, visit_id, secret, now, locked=True)
        if walk is None or walk.progress.agreed:
            return
        counts.count_up(session, CARD_REFUSED, walk.account.id, ATTEMPT_WINDOW, now)
        forget_card(walk)
        walk.visit.confirmed_at = walk.visit.quote_version = None

    ports.database.run(organisation_id, work)
