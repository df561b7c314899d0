"""Paying in a visit: the amount and the method chosen, the figures confirmed, the agreement accepted, the money
asked for.

Called by the link's pages. What is charged is always what is stored here and was shown last, never what a form carries.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from portal.domain.agreement import save_consent
from portal.domain.card import CardFacts, GatewayRefused, GatewayUnreachable
from portal.domain.offer import AmountChoice, AmountRules, chosen_amount, quote_version
from portal.domain.payment_method import NEW_CARD, brand_name, is_nonce
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import charge as charges
from portal.storage import limit as limits
from portal.storage import obligation as obligations
from portal.storage.account import Account
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.usecases import agreement, payment_method
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import OrganisationSettings
from portal.usecases.payment_method import ENTERED, NEW
from portal.usecases.ports import Ports
from portal.usecases.visit import Walk, look

DECLINES_PER_DAY = 20  # of one account, whichever link
TRIES_PER_HOUR_AND_ADDRESS = 40  # one address may be an office or a carrier, so it is wider than one link's
ATTEMPT_WINDOW = timedelta(hours=1)
CARD_REFUSED = "card_refused"  # cards of an account that the gateway would not keep: as telling as a decline


@dataclass(frozen=True, slots=True)
class Choice:
    """What the amount page posts. `method` is "new", "entered" or the id of a card on file.

    `later`: payments are scheduled, and the amounts are asked for with their dates.
    """

    later: bool
    amount: str
    typed_amount: str
    method: str
    save_card: bool
    nonce: str = ""
    last4: str = ""
    postal_code: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """The figures of a visit now; `version` changes with any of them."""

    amount_cents: int
    forgiven_cents: int
    version: str


def rules(walk: Walk) -> AmountRules:
    """What may be paid in this visit."""
    return AmountRules(
        payable_cents=walk.payable_cents,
        minimum_cents=walk.settings.number("minimum_payment_cents"),
        maximum_cents=walk.settings.number("maximum_payment_cents"),
        other_allowed=walk.settings.is_on("other_amount"),
    )


def choose(
    ports: Ports, organisation_id: str, visit_id: str, secret: str, choice: Choice, ip: str
) -> dict[str, Refused]:
    """Stores amount and method, or returns which field was refused and why; nothing is stored then.

    The gateway is asked what card a nonce stands for between two transactions, never inside one. Whatever changed
    meanwhile raises Refused (`visit_over`, `nothing_to_pay` and the like), and nothing is stored either.
    """
    now = ports.clock.now()
    with ports.database.transaction(organisation_id) as session:
        walk = _walk(session, visit_id, secret, now)
        refusals = _refused(session, walk, choice, now, ip)
    if refusals:
        return refusals
    card: CardFacts | None = None
    if choice.method == NEW:
        try:
            card = ports.gateways.of(organisation_id).card_behind(choice.nonce)
        except GatewayUnreachable:
            return {"card-number": Refused("gateway_unreachable")}
        except GatewayRefused:
            return {"card-number": Refused("payments_off")}
        if card is None:
            return {"card-number": Refused("card_not_usable")}
    with ports.database.transaction(organisation_id) as session:
        walk = _walk(session, visit_id, secret, now)
        _store(session, walk, choice, card, now)
    return {}


def quote(walk: Walk) -> Quote:
    """The figures as they would be charged now. A whole balance follows the balance, an offer its price."""
    visit = walk.visit
    if visit.amount_cents is None or visit.amount_choice is None:
        raise Refused("amount_choice_missing")
    amount_cents, forgiven_cents = visit.amount_cents, 0
    if visit.amount_choice == AmountChoice.offer:
        if walk.offer is None:
            raise Refused("offer_gone")
        amount_cents, forgiven_cents = walk.offer.price.pay_cents, walk.offer.price.forgive_cents
    elif visit.amount_choice == AmountChoice.whole:
        amount_cents = chosen_amount(visit.amount_choice, "", rules(walk))
    elif amount_cents > walk.payable_cents:
        raise Refused("amount_above_balance", payable_cents=walk.payable_cents)
    card = (visit.payment_method_id, visit.card_brand, visit.card_last4, visit.card_entered_at, visit.save_card)
    return Quote(
        amount_cents,
        forgiven_cents,
        quote_version(amount_cents, forgiven_cents, walk.payable_cents, visit.offer_id, *card),
    )


def refresh(walk: Walk) -> Quote:
    """The quote, stored in the visit so that agreement and charge read the same figures."""
    found = quote(walk)
    walk.visit.amount_cents = found.amount_cents
    return found


def confirm(walk: Walk, version: str, now: datetime) -> None:
    """The person has checked exactly these figures. Refused `quote_changed` when they are no longer these."""
    found = refresh(walk)
    if found.version != version:
        raise Refused("quote_changed")
    walk.visit.quote_version, walk.visit.confirmed_at = version, now
    walk.visit.version += 1


def require_quote(walk: Walk) -> Quote:
    """The figures that were confirmed, if they still hold; Refused `quote_changed` otherwise."""
    found = quote(walk)
    if found.version != walk.visit.quote_version or found.amount_cents != walk.visit.amount_cents:
        raise Refused("quote_changed")
    return found


def accept(
    session: Session,
    walk: Walk,
    organisation: Organisation,
    shown_digest: str,
    *,
    ip: str,
    user_agent: str,
    now: datetime,
) -> str:
    """Seals the agreement and makes the obligation, in the caller's transaction; returns the obligation's id.

    The walk is locked. Refused: `payment_under_way`, `quote_changed`, `agreement_changed`, `cards_resting`,
    `link_not_open`.
    """
    visit = walk.visit
    if walk.is_paying:
        raise Refused("payment_under_way")
    require_open(walk, now)
    require_rested(session, walk, now)
    figures = require_quote(walk)
    text = agreement.shown(walk, organisation, figures.forgiven_cents)
    if text.digest != shown_digest:
        raise Refused("agreement_changed")
    sealed = agreement.seal(session, walk, text, ip=ip, user_agent=user_agent, now=now)
    obligation = Obligation(
        customer_id=walk.customer.id,
        account_id=walk.account.id,
        kind="checkout",
        subject_id=visit.id,
        seq=len(obligations.of_subject(session, visit.id)) + 1,
        amount_cents=figures.amount_cents,
        forgiven_cents=figures.forgiven_cents,
        currency=walk.account.currency,
        offer_id=visit.offer_id if figures.forgiven_cents else None,
        due_at=now,
        created_at=now,
        agreement_id=sealed.id,
        payment_method_id=visit.payment_method_id,
        card_nonce=visit.card_nonce,
        card_brand=visit.card_brand,
        card_last4=visit.card_last4,
        keep_card_consent=save_consent(organisation.name, visit.locale) if visit.save_card else None,
    )
    session.add(obligation)
    session.flush()
    visit.agreement_id, visit.obligation_id = sealed.id, obligation.id
    visit.card_nonce = None
    visit.version += 1
    walk.customer.locale = visit.locale  # the receipt and what follows come in the language of this walk
    failpoint("agree.before_commit")
    return obligation.id


def again(walk: Walk) -> None:
    """After a payment that did not go through: back to the amount, with nothing left of the card that was refused."""
    if walk.obligation is None or walk.obligation.status not in ("declined", "cancelled"):
        raise Refused("payment_under_way")
    visit = walk.visit
    visit.obligation_id = visit.agreement_id = visit.confirmed_at = visit.quote_version = None
    forget_card(walk)


def forget_card(walk: Walk) -> None:
    """Nothing is left in the visit of a card that was refused."""
    visit = walk.visit
    visit.method = visit.payment_method_id = visit.method_proven_at = None
    visit.card_nonce = visit.card_brand = visit.card_last4 = visit.card_entered_at = None
    visit.card_expires_month = visit.card_expires_year = None
    visit.save_card = False
    visit.version += 1


def require_open(walk: Walk, now: datetime) -> None:
    """A link that was revoked or has expired charges nothing, also when the visit began before (P4)."""
    if walk.link.status == "revoked" or now >= walk.link.expires_at or walk.account.status != "open":
        raise Refused("link_not_open")


class OnAccount(Protocol):
    """Anything that shows an account with its organisation's settings."""

    @property
    def account(self) -> Account: ...
    @property
    def settings(self) -> OrganisationSettings: ...


def require_rested(session: Session, walk: OnAccount, now: datetime) -> None:
    """Refused `cards_resting` after too many declined cards on this account in an hour or a day (card testing)."""
    hour = charges.count_declined(session, walk.account.id, now - ATTEMPT_WINDOW)
    hour += limits.current(session, CARD_REFUSED, walk.account.id, ATTEMPT_WINDOW, now)
    day = charges.count_declined(session, walk.account.id, now - timedelta(days=1))
    if hour >= walk.settings.number("declines_per_hour") or day >= DECLINES_PER_DAY:
        raise Refused("cards_resting")


def _walk(session: Session, visit_id: str, secret: str, now: datetime) -> Walk:
    walk = look(session, visit_id, secret, now, locked=True)
    if walk is None or walk.progress.agreed:
        raise Refused("visit_over")
    return walk


def _refused(session: Session, walk: Walk, choice: Choice, now: datetime, ip: str) -> dict[str, Refused]:
    """Every field that is wrong, so that a person mends them at once."""
    refusals: dict[str, Refused] = {}
    try:
        require_open(walk, now)
        require_rested(session, walk, now)
    except Refused as refused:
        return {"": refused}
    if choice.later:
        if not walk.may_schedule:
            return {"": Refused("schedule_off")}
    else:
        try:
            _amount(walk, choice)
        except Refused as refused:
            refusals["amount" if choice.amount == AmountChoice.other else "choice-whole"] = refused
    if choice.method == NEW:
        if not is_nonce(choice.nonce):
            refusals["method-new"] = Refused("card_missing")  # without script there is no field to lead to
        elif (
            not refusals and limits.count_up(session, "new_card", ip, ATTEMPT_WINDOW, now) > TRIES_PER_HOUR_AND_ADDRESS
        ):
            refusals[""] = Refused("cards_resting")
    elif choice.method == ENTERED:
        if walk.visit.card_nonce is None:
            refusals["method-new"] = Refused("method_missing")
    else:
        refusals |= payment_method.refused(session, walk, choice.method, choice.last4, choice.postal_code, now)
    return refusals


def _amount(walk: Walk, choice: Choice) -> tuple[str, int]:
    if walk.offer is not None:
        return AmountChoice.offer.value, walk.offer.price.pay_cents
    return choice.amount, chosen_amount(choice.amount, choice.typed_amount, rules(walk))


def _store(session: Session, walk: Walk, choice: Choice, card: CardFacts | None, now: datetime) -> None:
    visit = walk.visit
    visit.is_scheduling = choice.later
    if not choice.later:
        visit.amount_choice, visit.amount_cents = _amount(walk, choice)
    if card is not None:
        visit.method, visit.card_nonce, visit.card_entered_at = NEW_CARD, choice.nonce, now
        visit.card_brand, visit.card_last4 = brand_name(card.brand), card.last4
        visit.card_expires_month, visit.card_expires_year = card.expires_month, card.expires_year
        visit.payment_method_id = visit.method_proven_at = None
    elif choice.method != ENTERED:
        payment_method.take(session, walk, choice.method, now)
    may_save = visit.method == NEW_CARD and not choice.later and walk.settings.is_on("save_card")
    visit.save_card = may_save and choice.save_card
    visit.confirmed_at = visit.quote_version = None
    visit.version += 1
