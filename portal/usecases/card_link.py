"""The visit of a card link: what its pages may show, the card typed in it, and the authorization accepted.

Called by the card link's pages. It changes the card of one schedule and nothing else: no page of it shows another card,
another schedule or the contact details. The money moves in `portal.usecases.schedule_card`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.domain.agreement import Text
from portal.domain.card import CardFacts, GatewayRefused, GatewayUnreachable
from portal.domain.payment_link import LinkState, Purpose
from portal.domain.payment_method import NEW_CARD, brand_name, is_nonce
from portal.domain.refusal import Refused
from portal.domain.schedule import ENDED, CardEnding, card_ending
from portal.storage import Session, hold
from portal.storage import limit as limits
from portal.storage import obligation as obligations
from portal.storage import schedule as schedules
from portal.storage import visit as visits
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.obligation import Obligation
from portal.storage.organisation import Organisation
from portal.storage.payment_link import PaymentLink
from portal.storage.schedule import Schedule
from portal.storage.visit import Visit
from portal.usecases.checkout import ATTEMPT_WINDOW, CARD_REFUSED, TRIES_PER_HOUR_AND_ADDRESS, require_rested
from portal.usecases.organisation import OrganisationSettings, settings_of
from portal.usecases.payment_link import state_of
from portal.usecases.ports import Ports
from portal.usecases.schedule import CardChoice
from portal.usecases.schedule_card import Accepted, card_change_shown, replace_card
from portal.usecases.schedule_payment import REPLACEABLE, has_failed
from portal.usecases.visit import rows_of

BANK_SAID_NO = frozenset({"card_declined", "card_unusable"})


@dataclass(frozen=True, slots=True)
class CardVisit:
    """A visit of a card link and everything its pages read. `is_held`: nothing is charged here at the moment."""

    visit: Visit
    link: PaymentLink
    link_state: LinkState
    account: Account
    customer: Customer
    organisation: Organisation
    settings: OrganisationSettings
    plan: Schedule | None
    payments: Sequence[Obligation]
    ending: CardEnding | None  # the card typed ends before a payment that is left
    is_held: bool

    @property
    def left(self) -> list[Obligation]:
        """What another card would be charged for, in order."""
        if self.plan is None or self.plan.status in ENDED:
            return []
        return [each for each in self.payments if each.status in REPLACEABLE]

    @property
    def failed(self) -> list[Obligation]:
        """What would be charged to it at once."""
        return [each for each in self.left if has_failed(each)]

    @property
    def failed_cents(self) -> int:
        """How much that is."""
        return sum(each.amount_cents for each in self.failed)

    @property
    def card(self) -> CardChoice | None:
        """The card typed in this visit, until it is accepted."""
        visit = self.visit
        if visit.card_nonce is None:
            return None
        month, year = visit.card_expires_month or 0, visit.card_expires_year or 0
        return CardChoice(visit.card_brand or "", visit.card_last4 or "", month, year, nonce=visit.card_nonce)

    @property
    def is_done(self) -> bool:
        """Whether the card was changed in this visit."""
        return self.visit.agreement_id is not None


def look(session: Session, visit_id: str, secret: str, now: datetime, *, locked: bool = False) -> CardVisit | None:
    """The visit for whoever holds its secret, or None: unknown, another's, another purpose's and over are the same."""
    rows = rows_of(session, visit_id, secret, now, Purpose.card, locked=locked)
    if rows is None:
        return None
    visit, link, account, customer, organisation, *_rest = rows
    plan = schedules.by_id(session, link.subject_id or "")
    payments = obligations.of_subject(session, plan.id) if plan else []
    chosen = settings_of(session, organisation)
    return CardVisit(
        visit=visit,
        link=link,
        link_state=state_of(link, account, now),
        account=account,
        customer=customer,
        organisation=organisation,
        settings=chosen,
        plan=plan,
        payments=payments,
        ending=_ending(visit, payments),
        is_held=not chosen.is_on("charging_enabled") or hold.standing(session) is not None,
    )


def enter(ports: Ports, organisation_id: str, visit_id: str, secret: str, nonce: str, ip: str) -> Refused | None:
    """Stores the card behind a nonce in the visit, or returns why it is not taken; nothing is stored then.

    The gateway is asked between two transactions, never inside one.
    """
    now = ports.clock.now()
    try:
        with ports.database.transaction(organisation_id) as session:
            _require_usable(session, _here(session, visit_id, secret, now), nonce, ip, now)
        card = ports.gateways.of(organisation_id).card_behind(nonce)
        if card is None:
            raise Refused("card_not_usable")
        with ports.database.transaction(organisation_id) as session:
            _store(_here(session, visit_id, secret, now), nonce, card, now)
    except GatewayUnreachable:
        return Refused("gateway_unreachable")
    except GatewayRefused:
        return Refused("payments_off")
    except Refused as refused:
        return refused
    return None


def shown(session: Session, seen: CardVisit, now: datetime) -> Text:
    """The authorization for the card typed in this visit, in the visit's language. Refused `card_missing`."""
    if seen.card is None or seen.plan is None:
        raise Refused("card_missing")
    return card_change_shown(session, seen.plan.id, seen.card, seen.visit.locale, now)


def accept(ports: Ports, organisation_id: str, seen: CardVisit, shown_digest: str, *, ip: str, user_agent: str) -> None:
    """Seals the authorization, puts the card in and charges what had failed; a second press changes nothing.

    Refused as `replace_card`, and `card_missing`, `cards_resting`. A card the bank refused is forgotten.
    """
    if seen.is_done:
        return
    if seen.card is None or seen.plan is None:
        raise Refused("card_missing")
    now = ports.clock.now()
    with ports.database.read(organisation_id) as session:
        require_rested(session, seen, now)
    accepted = Accepted(seen.visit.locale, ip, user_agent, seen.visit.id)
    try:
        replace_card(ports, organisation_id, seen.plan.id, seen.card, shown_digest, accepted)
    except Refused as refused:
        if refused.code in BANK_SAID_NO:
            _forget(ports, organisation_id, seen, now)
        raise


def again(session: Session, visit_id: str, secret: str, now: datetime) -> bool:
    """After a payment that failed on the new card as well: back to typing one. False when the visit is over."""
    seen = look(session, visit_id, secret, now, locked=True)
    if seen is None:
        return False
    if seen.is_done and seen.failed:
        _empty(seen.visit)
    return True


def _here(session: Session, visit_id: str, secret: str, now: datetime) -> CardVisit:
    seen = look(session, visit_id, secret, now, locked=True)
    if seen is None or seen.is_done:
        raise Refused("visit_over")
    return seen


def _require_usable(session: Session, seen: CardVisit, nonce: str, ip: str, now: datetime) -> None:
    if seen.link_state is not LinkState.open:
        raise Refused("link_not_open")
    if not seen.left:
        raise Refused("schedule_over")
    require_rested(session, seen, now)
    if not is_nonce(nonce):
        raise Refused("card_missing")
    if limits.count_up(session, "new_card", ip, ATTEMPT_WINDOW, now) > TRIES_PER_HOUR_AND_ADDRESS:
        raise Refused("cards_resting")


def _store(seen: CardVisit, nonce: str, card: CardFacts, now: datetime) -> None:
    visit = seen.visit
    visit.method, visit.card_nonce, visit.card_entered_at = NEW_CARD, nonce, now
    visit.card_brand, visit.card_last4 = brand_name(card.brand), card.last4
    visit.card_expires_month, visit.card_expires_year = card.expires_month, card.expires_year
    visit.version += 1


def _forget(ports: Ports, organisation_id: str, seen: CardVisit, now: datetime) -> None:
    def work(session: Session) -> None:
        limits.count_up(session, CARD_REFUSED, seen.account.id, ATTEMPT_WINDOW, now)
        _empty(visits.lock(session, seen.visit.id))

    ports.database.run(organisation_id, work)


def _empty(visit: Visit) -> None:
    visit.agreement_id = visit.method = visit.card_nonce = None
    visit.card_brand = visit.card_last4 = visit.card_entered_at = None
    visit.card_expires_month = visit.card_expires_year = None
    visit.version += 1


def _ending(visit: Visit, payments: Sequence[Obligation]) -> CardEnding | None:
    """Which payment the card of this visit does not live to see, by its number in the schedule."""
    if visit.card_expires_month is None or visit.card_expires_year is None:
        return None
    left = [(each.seq, each.due_on) for each in payments if each.due_on is not None and each.status in REPLACEABLE]
    found = card_ending(visit.card_expires_month, visit.card_expires_year, [due_on for _, due_on in left])
    return CardEnding(found.month, found.year, left[found.number - 1][0]) if found else None
