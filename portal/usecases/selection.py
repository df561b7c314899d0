"""Paying for services: some are chosen, their figures quoted, an amount and a card taken, and one charge is made.

Called by the pages behind the sign-in. A page carries the name of the figures it showed (`version`): other figures are
shown first and nothing is charged (M8). One service may be paid in part, several only whole (S2:10).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.domain.agreement import Text, save_consent
from portal.domain.card import CardFacts, GatewayRefused, GatewayUnreachable
from portal.domain.money import CENTS_MAX, parse_amount
from portal.domain.offer import AmountRules, quote_version, within
from portal.domain.payment_method import brand_name, has_expired, holds_card_number, is_nonce
from portal.domain.refusal import Refused
from portal.domain.service import Share, require_shares
from portal.domain.service_agreement import authorization
from portal.storage import Session, selection
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import limit as limits
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import payment_method as methods
from portal.storage import service as services
from portal.storage.account import Account
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.payment_method import PaymentMethod
from portal.storage.selection import Selection
from portal.usecases.agreement import seal_text
from portal.usecases.checkout import ATTEMPT_WINDOW, TRIES_PER_HOUR_AND_ADDRESS, require_rested
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import OrganisationSettings, record, settings_of
from portal.usecases.payment_method import NEW
from portal.usecases.ports import Ports
from portal.usecases.service import ServiceLine, own_services, with_figures
from portal.usecases.share import for_obligation

SERVICES_MAX = 200  # of one payment
NOTE_LENGTH_MAX = 500
SELECTIONS_PER_HOUR = 60
KIND = "services"
LIVE = frozenset({"due", "charging", "paid", "review"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection with everything its pages show. `lines` are its services as they stand now."""

    row: Selection
    account: Account
    paid_to: Organisation
    settings: OrganisationSettings
    lines: tuple[ServiceLine, ...]
    obligation: Obligation | None

    @property
    def total_cents(self) -> int:
        """What may be paid now: all that is left of these services."""
        return sum(line.free_cents for line in self.lines)

    @property
    def is_single(self) -> bool:
        """One service, and not by Check All: its amount can be edited (S2:10)."""
        return len(self.lines) == 1 and not self.row.is_whole

    @property
    def is_gone(self) -> bool:
        """One of its services was paid, or is being paid, by something else: it has to be chosen anew."""
        return any(line.free_cents <= 0 for line in self.lines)

    @property
    def version(self) -> str:
        """Changes with what is left of any of them, for pages on which the amount is still open."""
        return quote_version(*((line.row.id, line.free_cents) for line in self.lines))

    @property
    def amount_version(self) -> str:
        """Changes with the amount as well, for pages that show it as settled."""
        return quote_version(self.version, self.row.amount_cents)

    @property
    def is_under_way(self) -> bool:
        """Whether it was paid or is being paid: it has a result, and takes no second payment."""
        return self.obligation is not None and self.obligation.status in LIVE


@dataclass(frozen=True, slots=True)
class CardChoice:
    """How it is paid: `method` is "new", or the id of one of the customer's own cards."""

    method: str
    nonce: str = ""
    save_card: bool = False


def open_selection(
    session: Session,
    customer_id: str,
    service_ids: Collection[str],
    locale: str,
    now: datetime,
    *,
    is_whole: bool = False,
) -> str:
    """Keeps what was chosen and returns its id. Each service once, all on one account of this customer. `is_whole`: by
    Check All, so the amount is fixed.

    Refused: `services_off`, `services_missing`, `services_too_many`, `service_unknown` (also another's),
    `services_of_two_accounts`, `services_paid`, `services_above_maximum` (several, for one payment), `too_many_visits`.
    """
    owed_on, found = own_services(session, customer_id, service_ids, SERVICES_MAX)
    rules = settings_of(session, organisations.by_id(session, owed_on.organisation_id))
    require_on(rules, owed_on)
    lines = with_figures(session, owed_on, found)
    if any(line.free_cents <= 0 for line in lines):
        raise Refused("services_paid")
    if is_whole or len(lines) > 1:
        _require_one_payment(sum(line.free_cents for line in lines), rules)
    if limits.count_up(session, "selection", customer_id, timedelta(hours=1), now) > SELECTIONS_PER_HOUR:
        raise Refused("too_many_visits")
    wanted = list(dict.fromkeys(service_ids))
    row = Selection(
        customer_id=customer_id, account_id=owed_on.id, services=wanted, is_whole=is_whole, locale=locale, opened_at=now
    )
    session.add(row)
    session.flush()
    return row.id


def look(session: Session, selection_id: str, customer_id: str, *, locked: bool = False) -> Chosen | None:
    """The selection for the customer who made it; None for everybody else. `locked` holds it, then its account."""
    row = selection.owned_by(session, selection_id, customer_id)
    if row is None:
        return None
    if locked:
        row = selection.lock(session, selection_id)
        owed_on = accounts.lock(session, row.account_id)
    else:
        found = accounts.by_id(session, row.account_id)
        if found is None:
            raise AssertionError(f"selection {row.id} has no account")
        owed_on = found
    paid_to = organisations.by_id(session, row.organisation_id)
    lines = with_figures(session, owed_on, services.lines_of(session, row.services))
    due = obligations.by_id(session, row.obligation_id) if row.obligation_id else None
    return Chosen(row, owed_on, paid_to, settings_of(session, paid_to), tuple(lines), due)


def require_on(rules: OrganisationSettings, owed_on: Account) -> None:
    """Refused `services_off` where the practice takes no payments here (S2:2), or none at all."""
    if not takes_payments(rules) or owed_on.status != "open":
        raise Refused("services_off")


def takes_payments(rules: OrganisationSettings) -> bool:
    """Whether anything can be paid here now: where not, the pages say whom to ask instead."""
    return rules.is_on("pay_services") and rules.is_on("charging_enabled")


def amount_rules(chosen: Chosen) -> AmountRules:
    """What may be paid: the organisation's limits, and what is left."""
    return AmountRules(
        payable_cents=chosen.total_cents,
        minimum_cents=chosen.settings.number("minimum_payment_cents"),
        maximum_cents=chosen.settings.number("maximum_payment_cents"),
        other_allowed=True,
    )


def enter(session: Session, chosen: Chosen, typed_amount: str | None, note: str, version: str) -> dict[str, Refused]:
    """Stores amount and note; or says which field is wrong, and stores nothing. The selection is locked.

    `typed_amount` is looked at for a single service only: the amount of several is their sum, whatever a form says
    (attack 62). Refused `quote_changed` when the page showed other figures.
    """
    if version != chosen.version:
        raise Refused("quote_changed")
    require_on(chosen.settings, chosen.account)
    refusals: dict[str, Refused] = {}
    amount_cents = 0
    try:
        amount_cents = _amount(chosen, typed_amount)
    except Refused as refused:
        refusals["amount"] = refused
    try:
        note = _note(note)
    except Refused as refused:
        refusals["note"] = refused
    if not refusals:
        chosen.row.amount_cents, chosen.row.note = amount_cents, note
        chosen.row.version += 1
    return refusals


def _amount(chosen: Chosen, typed: str | None) -> int:
    rules = amount_rules(chosen)
    if chosen.is_gone:
        raise Refused("services_paid")
    if chosen.is_single:
        return within(parse_amount(typed or ""), rules)
    _require_one_payment(rules.payable_cents, chosen.settings)
    return rules.payable_cents


def _require_one_payment(total_cents: int, rules: OrganisationSettings) -> None:
    """What is only paid whole must fit into a payment. Refused `services_above_maximum`."""
    maximum_cents = min(rules.number("maximum_payment_cents"), CENTS_MAX)
    if total_cents > maximum_cents:
        raise Refused("services_above_maximum", total_cents=total_cents, maximum_cents=maximum_cents)


def _note(note: str) -> str:
    """A note for the practice. A card number in it is refused, kindly, before it is stored (C47)."""
    said = note.replace("\r\n", "\n").strip()
    if len(said) > NOTE_LENGTH_MAX:
        raise Refused("note_too_long", most=NOTE_LENGTH_MAX)
    if holds_card_number(said):
        raise Refused("holds_card_number")
    return said


def pay(
    ports: Ports,
    organisation_id: str,
    customer_id: str,
    selection_id: str,
    card: CardChoice,
    version: str,
    *,
    ip: str,
    user_agent: str,
) -> dict[str, Refused]:
    """Makes the payment's obligation, once, and leaves charging it to the caller; or says which field is wrong.

    Empty when there is one to charge or to show: whoever comes second finds the first one's (attack 65). Refused
    `selection_unknown`, `quote_changed` (version is `Chosen.amount_version`), `services_off`, `cards_resting`.
    """
    now = ports.clock.now()
    with ports.database.transaction(organisation_id) as session:
        chosen = _own(session, selection_id, customer_id)
        if chosen.is_under_way:
            return {}
        refusals = _refused(session, chosen, card, version, ip, now)
    if refusals:
        return refusals
    facts: CardFacts | None = None
    if card.method == NEW:
        try:
            facts = ports.gateways.of(organisation_id).card_behind(card.nonce)
        except GatewayUnreachable:
            return {"card-number": Refused("gateway_unreachable")}
        except GatewayRefused:
            return {"card-number": Refused("payments_off")}

    def work(session: Session) -> dict[str, Refused]:
        chosen = _own(session, selection_id, customer_id)
        if chosen.is_under_way:
            return {}
        if card.method == NEW and facts is None:
            return {"card-number": Refused("card_not_usable")}
        _require_figures(chosen, version)
        _oblige(session, chosen, card, facts, ip=ip, user_agent=user_agent, now=now)
        failpoint("selection.before_commit")
        return {}

    return ports.database.run(organisation_id, work)


def _own(session: Session, selection_id: str, customer_id: str) -> Chosen:
    chosen = look(session, selection_id, customer_id, locked=True)
    if chosen is None:
        raise Refused("selection_unknown")
    return chosen


def _refused(
    session: Session, chosen: Chosen, card: CardChoice, version: str, ip: str, now: datetime
) -> dict[str, Refused]:
    _require_figures(chosen, version)
    require_rested(session, chosen, now)
    if card.method != NEW:
        kept = methods.owned_by(session, card.method, chosen.row.customer_id) if card.method else None
        return {} if kept is not None and not is_over(kept, now) else {"method-new": Refused("method_missing")}
    if not is_nonce(card.nonce):
        return {"card-number": Refused("card_missing")}
    if limits.count_up(session, "new_card", ip, ATTEMPT_WINDOW, now) > TRIES_PER_HOUR_AND_ADDRESS:
        raise Refused("cards_resting")
    return {}


def _require_figures(chosen: Chosen, version: str) -> None:
    """Exactly what the page showed, or nothing (M8)."""
    require_on(chosen.settings, chosen.account)
    amount_cents = chosen.row.amount_cents
    fits = amount_cents is not None and (
        amount_cents <= chosen.total_cents if chosen.is_single else amount_cents == chosen.total_cents
    )
    if version != chosen.amount_version or not fits:
        raise Refused("quote_changed")


def _oblige(
    session: Session,
    chosen: Chosen,
    card: CardChoice,
    facts: CardFacts | None,
    *,
    ip: str,
    user_agent: str,
    now: datetime,
) -> None:
    row, amount_cents = chosen.row, chosen.row.amount_cents or 0
    shares = [Share(line.row.id, amount_cents if chosen.is_single else line.free_cents) for line in chosen.lines]
    require_shares(shares, amount_cents)
    kept = methods.owned_by(session, card.method, row.customer_id) if card.method != NEW else None
    if kept is None and facts is None:
        raise Refused("method_missing")
    text = authorization_of(chosen.paid_to, row.locale)
    sealed = seal_text(
        session, row.customer_id, row.account_id, None, KIND, text, ip=ip, user_agent=user_agent, now=now
    )
    saves = facts is not None and card.save_card and chosen.settings.is_on("save_card")
    due = Obligation(
        customer_id=row.customer_id,
        account_id=row.account_id,
        kind="checkout",
        subject_id=row.id,
        seq=len(obligations.of_subject(session, row.id)) + 1,
        amount_cents=amount_cents,
        currency=chosen.account.currency,
        due_at=now,
        created_at=now,
        agreement_id=sealed.id,
        payment_method_id=kept.id if kept else None,
        card_nonce=card.nonce if facts else None,
        card_brand=kept.brand if kept else brand_name(facts.brand if facts else ""),
        card_last4=kept.last4 if kept else facts.last4 if facts else None,
        keep_card_consent=save_consent(chosen.paid_to.name, row.locale) if saves else None,
    )
    session.add(due)
    session.flush()
    for_obligation(session, due.id, shares, now)
    row.obligation_id = due.id
    row.version += 1
    payer = customers.by_id(session, row.customer_id)
    if payer is not None:
        payer.locale = row.locale  # the receipt comes in the language of these pages
    session.flush()
    record(session, "customer", "services_chosen", due.id, now, services=len(shares), amount_cents=amount_cents)


def authorization_of(paid_to: Organisation, locale: str) -> Text:
    """The words above the button, as they are sealed."""
    return authorization(paid_to.name, paid_to.support_phone, paid_to.support_email, locale)


def is_over(card: PaymentMethod, now: datetime) -> bool:
    """Whether a card on file has expired."""
    return has_expired(card.expires_year, card.expires_month, now)
