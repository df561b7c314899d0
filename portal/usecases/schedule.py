"""Making a schedule: its quote with every date and amount, its authorization as shown, and the sealed series itself.

Called by the link's pages and by staff. What is made is what was shown last: quote version and agreement digest are
compared, never amounts from a form. Changes are in `portal.usecases.schedule_change`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from portal.domain.agreement import Text
from portal.domain.card import CardFacts, GatewayRefused, KeepAnswer, KeepKind
from portal.domain.due_date import Frequency, WeekendRule, local_date
from portal.domain.offer import quote_version
from portal.domain.payment_method import brand_name, is_nonce
from portal.domain.refusal import Refused
from portal.domain.schedule import CardEnding, Limits, Payment, Wish, card_ending, payments
from portal.domain.schedule_agreement import ScheduleTerms, keep_words, schedule_text
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import payment_method as methods
from portal.storage import schedule as schedules
from portal.storage import visit as visits
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.organisation import Organisation
from portal.storage.payment_method import PaymentMethod
from portal.storage.schedule import Schedule
from portal.usecases.agreement import card_named, seal_text
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import OrganisationSettings, record, settings_of
from portal.usecases.ports import Ports
from portal.usecases.schedule_outcome import tell
from portal.usecases.schedule_payment import add_payments

KIND = "schedule"


@dataclass(frozen=True, slots=True)
class ScheduleQuote:
    """Every payment as it would be made now; `version` changes with any date, amount, or the card."""

    payments: tuple[Payment, ...]
    card_ending: CardEnding | None
    version: str

    @property
    def total_cents(self) -> int:
        return sum(each.amount_cents for each in self.payments)


@dataclass(frozen=True, slots=True)
class CardChoice:
    """The card to charge: one on file that was proven, or the nonce of one typed now. `brand` and so on as shown."""

    brand: str
    last4: str
    expires_month: int
    expires_year: int
    payment_method_id: str | None = None
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A schedule to be made, with what was shown when it was agreed to. `made_by`: customer, or the staff member."""

    account_id: str
    wish: Wish
    card: CardChoice
    locale: str
    quote_version: str
    shown_digest: str
    ip: str
    user_agent: str
    visit_id: str | None = None
    made_by: str = "customer"


@dataclass(frozen=True, slots=True)
class Made:
    """A schedule that was made. `due_now_id` is the payment to charge at once, while the customer is present."""

    schedule_id: str
    agreement_id: str
    due_now_id: str | None


def card_on_file(row: PaymentMethod) -> CardChoice:
    """A card on file as a choice; the caller has seen that the person knows it."""
    return CardChoice(row.brand, row.last4, row.expires_month, row.expires_year, payment_method_id=row.id)


def card_typed(card: CardFacts, nonce: str) -> CardChoice:
    """A card typed now, as the gateway described its nonce."""
    return CardChoice(brand_name(card.brand), card.last4, card.expires_month, card.expires_year, nonce=nonce)


def limits_of(session: Session, account: Account, rules: OrganisationSettings) -> Limits:
    """What may be scheduled on an account now: its balance, less payments under way and ones already promised."""
    promised = sum(each.amount_cents + each.forgiven_cents for each in obligations.live_of_account(session, account.id))
    return limits_on(account, rules, max(account.balance_cents - promised, 0))


def limits_on(account: Account, rules: OrganisationSettings, payable_cents: int) -> Limits:
    """What may be scheduled where it is known what can still be promised."""
    return Limits(
        allowed=rules.is_on("schedule_payment") and account.status == "open",
        days_max=rules.number("schedule_days_max"),
        number_max=rules.number("schedule_number_max"),
        minimum_cents=rules.number("schedule_minimum_cents"),
        maximum_cents=rules.number("maximum_payment_cents"),
        payable_cents=payable_cents,
    )


def quote(session: Session, account: Account, wish: Wish, card: CardChoice | None, now: datetime) -> ScheduleQuote:
    """Every date and amount of a wish, or Refused with the rule that forbids it."""
    paid_to = organisations.by_id(session, session.info["organisation_id"])
    rules = settings_of(session, paid_to)
    return quote_within(limits_of(session, account, rules), rules, wish, card, local_date(now, paid_to.timezone))


def quote_within(
    limits: Limits, rules: OrganisationSettings, wish: Wish, card: CardChoice | None, today: date
) -> ScheduleQuote:
    """The quote where limits and settings are in hand already; asks nothing."""
    listed = payments(wish.rhythm, wish.amounts, limits, WeekendRule(rules.words("weekend_rule")), today)
    ending = card_ending(card.expires_month, card.expires_year, [each.due_on for each in listed]) if card else None
    facts = [(each.due_on, each.amount_cents) for each in listed]
    named = (card.brand, card.last4, card.payment_method_id) if card else None
    return ScheduleQuote(tuple(listed), ending, quote_version(facts, named))


def agreement_shown(
    session: Session, account: Account, found: ScheduleQuote, card: CardChoice, locale: str, now: datetime
) -> Text:
    """The authorization of a quote as it is shown, and sealed when it is accepted."""
    payer = _payer(session, account)
    paid_to = organisations.by_id(session, account.organisation_id)
    rules = settings_of(session, paid_to)
    return schedule_text(terms_of(rules, paid_to, payer, account, found.payments, card, locale, now), locale)


def terms_of(
    rules: OrganisationSettings,
    paid_to: Organisation,
    payer: Customer,
    account: Account,
    listed: Sequence[Payment],
    card: CardChoice,
    locale: str,
    now: datetime,
) -> ScheduleTerms:
    """What the words of an authorization depend on."""
    return ScheduleTerms(
        organisation=paid_to.name,
        support_phone=paid_to.support_phone,
        support_email=paid_to.support_email,
        customer=payer.full_name,
        account_reference=account.reference,
        payments=tuple(listed),
        card=card_named(card.brand, card.last4, locale, on_file=card.payment_method_id is not None),
        authorized_on=local_date(now, paid_to.timezone),
        weekend_rule=WeekendRule(rules.words("weekend_rule")),
        cutoff_hours=rules.number("cutoff_hours"),
        own_terms=rules.words("agreement_terms"),
    )


def make(ports: Ports, organisation_id: str, order: Order) -> Made:
    """Makes a schedule: a typed card is kept first, then everything in one transaction; a repeat finds what was made.

    Refused: `quote_changed`, `agreement_changed`, `card_declined`, `card_unusable`, `gateway_unreachable`,
    `method_missing`, and every rule of `quote`.
    """
    kept = keep(ports, organisation_id, order.account_id, order.card.nonce) if order.card.nonce else None
    failpoint("schedule.after_keep")

    def work(session: Session) -> tuple[Made, list[str]]:
        made = make_kept(session, order, kept, ports.clock.now())
        session.flush()
        failpoint("schedule.before_commit")
        return made

    made, promised = ports.database.run(organisation_id, work)
    failpoint("schedule.after_commit")
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return made


@dataclass(frozen=True, slots=True)
class KeptCard:
    """A card the gateway keeps, not yet a row."""

    token: str
    card: CardFacts


def keep(ports: Ports, organisation_id: str, account_id: str, nonce: str) -> KeptCard:
    """Keeps a typed card at the gateway for whoever owes on an account."""
    if not is_nonce(nonce):
        raise Refused("card_missing")
    with ports.database.read(organisation_id) as session:
        account = accounts.by_id(session, account_id)
    if account is None:
        raise Refused("account_unknown")
    return keep_for(ports, organisation_id, account.customer_id, nonce)


def keep_for(ports: Ports, organisation_id: str, customer_id: str, nonce: str) -> KeptCard:
    """Keeps a typed card at the gateway. The token is made from the nonce, so a repeat finds the same card."""
    if not is_nonce(nonce):
        raise Refused("card_missing")
    token = f"s{hashlib.sha256(f'{organisation_id}:{nonce}'.encode()).hexdigest()[:32]}"
    ports.database.require_no_transaction()
    try:
        answer = ports.gateways.of(organisation_id).keep_card(customer_id, token, nonce, ports.timing.page_timeout)
    except GatewayRefused as refused:
        raise Refused("payments_off") from refused
    return KeptCard(token, _kept(answer))


def _kept(answer: KeepAnswer) -> CardFacts:
    if answer.kind is KeepKind.unknown:
        raise Refused("gateway_unreachable")
    if answer.kind is not KeepKind.kept or answer.card is None:
        raise Refused(f"card_{answer.kind.value}", gateway_code=answer.code)
    return answer.card


def add_method(session: Session, customer_id: str, kept: KeptCard, consent: str, now: datetime) -> PaymentMethod:
    """The row of a kept card; the same one when it was added before."""
    known = methods.by_token(session, kept.token)
    if known is not None:
        return known
    row = PaymentMethod(
        customer_id=customer_id,
        token=kept.token,
        brand=brand_name(kept.card.brand),
        last4=kept.card.last4,
        expires_month=kept.card.expires_month,
        expires_year=kept.card.expires_year,
        postal_code=kept.card.postal_code,
        consent_text=consent,
        saved_at=now,
    )
    session.add(row)
    session.flush()
    record(session, "customer", "card_kept", row.id, now)
    return row


def make_kept(session: Session, order: Order, kept: KeptCard | None, now: datetime) -> tuple[Made, list[str]]:
    """Makes a schedule in the caller's transaction; (what was made, ids of the messages to ring for)."""
    visit = visits.lock(session, order.visit_id) if order.visit_id is not None else None
    account = accounts.lock(session, order.account_id)
    known = schedules.of_visit(session, order.visit_id) if order.visit_id else None
    if known is not None:
        return Made(known.id, known.agreement_id, None), []
    if visit is not None and visit.agreement_id is not None:
        raise Refused("visit_over")  # it was paid in another tab
    found = quote(session, account, order.wish, order.card, now)
    if found.version != order.quote_version:
        raise Refused("quote_changed")
    text = agreement_shown(session, account, found, order.card, order.locale, now)
    if text.digest != order.shown_digest:
        raise Refused("agreement_changed")
    payer = _payer(session, account)
    paid_to = organisations.by_id(session, account.organisation_id)
    method = _method(session, order, kept, payer, paid_to, now)
    sealed = seal_text(
        session, payer.id, account.id, order.visit_id, KIND, text, ip=order.ip, user_agent=order.user_agent, now=now
    )
    plan = Schedule(
        customer_id=payer.id,
        account_id=account.id,
        agreement_id=sealed.id,
        payment_method_id=method.id,
        visit_id=order.visit_id,
        series="unscheduled" if order.wish.rhythm.frequency is Frequency.once else "installment",
        rhythm=order.wish.rhythm.plain(),
        locale=text.locale,
        made_at=now,
        made_by=order.made_by,
    )
    session.add(plan)
    session.flush()
    rows = add_payments(session, plan, method, account, found.payments, paid_to, now)
    if visit is not None:
        visit.agreement_id, visit.card_nonce = sealed.id, None
        visit.version += 1
    record(session, order.made_by, "schedule_made", plan.id, now, payments=len(rows), total_cents=found.total_cents)
    due_now = rows[0].id if rows[0].due_at <= now else None
    key, is_answer = f"schedule_made:{plan.id}", order.made_by == "customer"
    return Made(plan.id, sealed.id, due_now), tell(
        session, "schedule_made", plan, plan.id, key, now, is_answer=is_answer
    )


def _method(
    session: Session, order: Order, kept: KeptCard | None, payer: Customer, paid_to: Organisation, now: datetime
) -> PaymentMethod:
    if kept is not None:
        if kept.card.last4 != order.card.last4:
            raise Refused("agreement_changed")
        return add_method(session, payer.id, kept, keep_words(paid_to.name, order.locale), now)
    row = methods.owned_by(session, order.card.payment_method_id or "", payer.id)
    if row is None:
        raise Refused("method_missing")
    return row


def _payer(session: Session, account: Account) -> Customer:
    payer = customers.by_id(session, account.customer_id)
    if payer is None:
        raise AssertionError(f"account {account.id} has no customer")
    return payer
