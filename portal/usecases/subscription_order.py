"""Pay Now: what a participant is shown of a subscription, and its activation: authorization, schedule, first payment.

Called by the pages behind the sign-in, any number of times and by several at once: one activates, who comes second is
shown what was made. A typed card is kept at the gateway before; the first payment is charged after, by
`portal.usecases.charge`, like every later one.
"""

from dataclasses import dataclass
from datetime import date, datetime

from portal.domain.agreement import Text
from portal.domain.due_date import Frequency, Rhythm, local_date
from portal.domain.offer import quote_version
from portal.domain.payment_method import brand_name, is_nonce
from portal.domain.refusal import Refused
from portal.domain.schedule import CardEnding, card_ending
from portal.domain.schedule_agreement import keep_words
from portal.domain.subscription import LIVE, SERIES, Feature, Period, SubscriptionState, period_of, periods
from portal.domain.subscription_agreement import SubscriptionTerms, subscription_text, with_card
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import limit as limits
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import payment_method as methods
from portal.storage import schedule as schedules
from portal.storage import subscription as subscriptions
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.payment_method import PaymentMethod
from portal.storage.schedule import Schedule
from portal.storage.subscription import Subscription
from portal.usecases.agreement import card_named, seal_text
from portal.usecases.checkout import ATTEMPT_WINDOW, CARD_REFUSED, TRIES_PER_HOUR_AND_ADDRESS, require_rested
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import OrganisationSettings, record, settings_of
from portal.usecases.payment_method import NEW
from portal.usecases.ports import Ports
from portal.usecases.schedule import KeptCard, add_method, keep
from portal.usecases.schedule_outcome import tell
from portal.usecases.schedule_payment import add_payments
from portal.usecases.selection import is_over
from portal.usecases.subscription import features_of, locked, move, terms_of

KIND = "subscription"
CARD_IS_NO_GOOD = frozenset({"card_declined", "card_unusable"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A subscription with everything its pages show. `periods` are those of today until it is activated."""

    row: Subscription
    customer: Customer
    account: Account
    paid_to: Organisation
    settings: OrganisationSettings
    features: tuple[Feature, ...]
    periods: tuple[Period, ...]
    schedule: Schedule | None
    payments: tuple[Obligation, ...]
    cards: tuple[PaymentMethod, ...]  # on file, and good today
    today: date
    now: datetime

    @property
    def is_open(self) -> bool:
        """Whether it can be activated now; it ends by the clock, also before the clock process has noted it."""
        return self.row.state == SubscriptionState.assigned and self.now < self.row.activate_by and bool(self.periods)

    @property
    def is_live(self) -> bool:
        return self.row.state in LIVE

    @property
    def total_cents(self) -> int:
        """All payments until the end."""
        return sum(each.amount_cents for each in self.periods)

    @property
    def version(self) -> str:
        """Changes with any date, amount, or feature."""
        return quote_version(
            self.row.version,
            [(each.due_on, each.amount_cents) for each in self.periods],
            [(each.name, each.share_cents) for each in self.features],
        )

    @property
    def failed(self) -> list[Obligation]:
        """Payments that did not go through, given up or waiting to be tried again."""
        return [each for each in self.payments if each.status == "declined" or (each.status == "due" and each.retries)]

    def ending(self, card: PaymentMethod) -> CardEnding | None:
        """The payment that a card does not live to see."""
        return card_ending(card.expires_month, card.expires_year, [each.due_on for each in self.periods])


@dataclass(frozen=True, slots=True)
class Pressed:
    """What the page posts with Pay Now. `method` is "new", or the id of one of the participant's own cards."""

    method: str
    nonce: str
    ticked: bool
    version: str
    shown_digest: str
    locale: str
    ip: str
    user_agent: str


def look(session: Session, subscription_id: str, customer_id: str, now: datetime, *, lock: bool = False) -> Seen | None:
    """The subscription for the participant it was assigned to; None for everybody else. `lock` holds its account."""
    row = subscriptions.owned_by(session, subscription_id, customer_id)
    if row is None:
        return None
    if lock:
        row = locked(session, subscription_id)
    person, account = customers.by_id(session, customer_id), accounts.by_id(session, row.account_id)
    if person is None or account is None:
        raise AssertionError(f"subscription {row.id} has no account")
    paid_to = organisations.by_id(session, row.organisation_id)
    today = local_date(now, paid_to.timezone)
    schedule = schedules.by_id(session, row.schedule_id) if row.schedule_id else None
    return Seen(
        row=row,
        customer=person,
        account=account,
        paid_to=paid_to,
        settings=settings_of(session, paid_to),
        features=tuple(features_of(row)),
        periods=tuple(period_of(each) for each in row.periods) if schedule else periods(terms_of(row), today),
        schedule=schedule,
        payments=tuple(obligations.of_subject(session, schedule.id)) if schedule else (),
        cards=tuple(each for each in methods.of_customer(session, customer_id) if not is_over(each, now)),
        today=today,
        now=now,
    )


def agreement_shown(seen: Seen, locale: str) -> Text:
    """The authorization as it stands above Pay Now."""
    row, paid_to = seen.row, seen.paid_to
    return subscription_text(
        SubscriptionTerms(
            organisation=paid_to.name,
            support_phone=paid_to.support_phone,
            support_email=paid_to.support_email,
            customer=seen.customer.full_name,
            reference=row.reference,
            program=row.program_name,
            periods=seen.periods,
            end_on=row.end_on,
            price_cents=row.price_cents,
            manager=row.manager_name,
            manager_phone=row.manager_phone,
            manager_email=row.manager_email,
            authorized_on=seen.today,
            own_terms=seen.settings.words("agreement_terms"),
        ),
        locale,
    )


def pay_now(
    ports: Ports, organisation_id: str, customer_id: str, subscription_id: str, pressed: Pressed
) -> dict[str, Refused]:
    """Activates it, once, and leaves charging the first payment to the caller; or says which fields are wrong.

    Empty when it is active: whoever comes second finds the first one's. Refused: `subscription_unknown`,
    `subscription_not_open`, `quote_changed`, `agreement_changed`, `cards_resting`.
    """
    with ports.database.transaction(organisation_id) as session:
        seen = _own(session, subscription_id, customer_id, ports.clock.now())
        if seen.is_live:
            return {}
        refusals = _refused(session, seen, pressed)
    if refusals:
        return refusals
    kept = None
    if pressed.method == NEW:
        try:
            kept = keep(ports, organisation_id, seen.account.id, pressed.nonce)
        except Refused as refused:
            with ports.database.read(organisation_id) as session:
                now_seen = look(session, subscription_id, customer_id, ports.clock.now())
            if now_seen is not None and now_seen.is_live:  # another press activated it meanwhile
                return {}
            if refused.code in CARD_IS_NO_GOOD:
                _count_refused(ports, organisation_id, seen.account.id)
            return {"card-number": refused}
    failpoint("subscription.after_keep")

    def work(session: Session) -> list[str]:
        seen = _own(session, subscription_id, customer_id, ports.clock.now())
        if seen.is_live:
            return []
        _require_shown(seen, pressed)
        promised = _activate(session, seen, pressed, kept)
        session.flush()
        failpoint("subscription.before_commit")
        return promised

    promised = ports.database.run(organisation_id, work)
    failpoint("subscription.after_commit")
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return {}


def due_now(seen: Seen) -> str | None:
    """The first payment's id, if it is still to be charged."""
    return next((each.id for each in seen.payments if each.seq == 1 and each.status == "due"), None)


def _own(session: Session, subscription_id: str, customer_id: str, now: datetime) -> Seen:
    seen = look(session, subscription_id, customer_id, now, lock=True)
    if seen is None:
        raise Refused("subscription_unknown")
    return seen


def _refused(session: Session, seen: Seen, pressed: Pressed) -> dict[str, Refused]:
    """Every field that is wrong, so that a person mends them at once."""
    _require_shown(seen, pressed)
    require_rested(session, seen, seen.now)
    refusals: dict[str, Refused] = {}
    if not pressed.ticked:
        refusals["consent"] = Refused("subscription_tick_missing")
    if pressed.method != NEW:
        if pressed.method not in {each.id for each in seen.cards}:
            refusals["method-new"] = Refused("method_missing")
    elif not is_nonce(pressed.nonce):
        refusals["card-number"] = Refused("card_missing")
    elif (
        not refusals
        and limits.count_up(session, "new_card", pressed.ip, ATTEMPT_WINDOW, seen.now) > TRIES_PER_HOUR_AND_ADDRESS
    ):
        raise Refused("cards_resting")
    return refusals


def _require_shown(seen: Seen, pressed: Pressed) -> None:
    """Exactly what the page showed, or nothing (M8)."""
    if not seen.is_open or seen.account.status != "open":
        raise Refused("subscription_not_open", state=seen.row.state)
    if seen.version != pressed.version:
        raise Refused("quote_changed")
    if agreement_shown(seen, pressed.locale).digest != pressed.shown_digest:
        raise Refused("agreement_changed")


def _activate(session: Session, seen: Seen, pressed: Pressed, kept: KeptCard | None) -> list[str]:
    row, now = seen.row, seen.now
    shown = agreement_shown(seen, pressed.locale)
    method = _method(session, seen, pressed, kept, shown.locale)
    card = card_named(brand_name(method.brand), method.last4, shown.locale, on_file=kept is None)
    sealed = seal_text(
        session, row.customer_id, row.account_id, None, KIND, with_card(shown, card),
        ip=pressed.ip, user_agent=pressed.user_agent, now=now,
    )  # fmt: skip
    schedule = Schedule(
        customer_id=row.customer_id,
        account_id=row.account_id,
        agreement_id=sealed.id,
        payment_method_id=method.id,
        visit_id=None,
        series=SERIES,
        rhythm=Rhythm(Frequency.monthly, seen.periods[0].due_on).plain(),
        locale=shown.locale,
        made_at=now,
        made_by="customer",
    )
    session.add(schedule)
    session.flush()
    listed = [each.payment for each in seen.periods]
    add_payments(session, schedule, method, seen.account, listed, seen.paid_to, now)
    row.schedule_id, row.activated_at = schedule.id, now
    row.periods = [each.plain() for each in seen.periods]
    move(row, SubscriptionState.active)
    seen.customer.locale = shown.locale  # what follows comes in the language of this page
    session.flush()
    record(session, "customer", "subscription_activated", row.id, now, schedule_id=schedule.id, payments=len(listed),
           total_cents=seen.total_cents)  # fmt: skip
    return tell(session, "schedule_made", schedule, schedule.id, f"schedule_made:{schedule.id}", now, is_answer=True)


def _method(session: Session, seen: Seen, pressed: Pressed, kept: KeptCard | None, locale: str) -> PaymentMethod:
    if kept is not None:
        return add_method(session, seen.customer.id, kept, keep_words(seen.paid_to.name, locale), seen.now)
    row = methods.owned_by(session, pressed.method, seen.customer.id)
    if row is None:
        raise Refused("method_missing")
    return row


def _count_refused(ports: Ports, organisation_id: str, account_id: str) -> None:
    """A card that could not be kept counts like a declined one (card testing)."""

    def work(session: Session) -> None:
        limits.count_up(session, CARD_REFUSED, account_id, ATTEMPT_WINDOW, ports.clock.now())

    ports.database.run(organisation_id, work)
