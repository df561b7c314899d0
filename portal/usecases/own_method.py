"""Cards on file behind the sign-in: adding one, naming it, saying which comes first. Removing and replacing are apart.

Called by the customers' door. A new card is kept at the gateway between two transactions. Charges nothing.
"""

from datetime import datetime

from portal.domain.agreement import save_consent
from portal.domain.payment_method import CARDS_MAX, is_nonce, label_of
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import customer as customers
from portal.storage import limit as limits
from portal.storage import organisation as organisations
from portal.storage import payment_method as methods
from portal.storage.payment_method import PaymentMethod
from portal.usecases.checkout import ATTEMPT_WINDOW, CARD_REFUSED, TRIES_PER_HOUR_AND_ADDRESS
from portal.usecases.organisation import record, settings
from portal.usecases.ports import Ports
from portal.usecases.schedule import add_method, keep_for

SAID_NO = frozenset({"card_declined", "card_unusable"})


def add(ports: Ports, organisation_id: str, customer_id: str, nonce: str, locale: str, ip: str) -> str:
    """Keeps a typed card; returns its id. The same nonce again finds the same card.

    Refused `saving_off`, `card_missing`, `cards_many`, `cards_resting`, `card_declined`, `card_unusable`,
    `gateway_unreachable`, `payments_off`.
    """
    now = ports.clock.now()
    if not is_nonce(nonce):
        raise Refused("card_missing")

    def count(session: Session) -> None:
        _require_room(session, customer_id, now)
        if limits.count_up(session, "new_card", ip, ATTEMPT_WINDOW, now) > TRIES_PER_HOUR_AND_ADDRESS:
            raise Refused("cards_resting")

    ports.database.run(organisation_id, count)
    try:
        kept = keep_for(ports, organisation_id, customer_id, nonce)
    except Refused as refused:
        if refused.code in SAID_NO:  # somebody who tries out stolen cards sees few answers (attack 70)
            with ports.database.transaction(organisation_id) as session:
                limits.count_up(session, CARD_REFUSED, customer_id, ATTEMPT_WINDOW, now)
        raise

    def work(session: Session) -> str:
        words = save_consent(organisations.by_id(session, organisation_id).name, locale)
        return add_method(session, customer_id, kept, words, now).id

    return ports.database.run(organisation_id, work)


def may_add(session: Session) -> bool:
    """Whether this organisation keeps cards at all."""
    return settings(session).is_on("save_card")


def rename(session: Session, customer_id: str, method_id: str, typed: str, now: datetime) -> None:
    """Gives a card a name of the customer's own, or none. Refused `method_unknown` and why a name is not taken."""
    row = _own(session, customer_id, method_id)
    label = label_of(typed)
    if row.label != label:
        row.label = label
        record(session, f"customer:{customer_id}", "method_renamed", method_id, now)


def prefer(session: Session, customer_id: str, method_id: str, now: datetime) -> None:
    """This card comes first from now on wherever one is chosen. Payments that are scheduled keep theirs."""
    row = _own(session, customer_id, method_id)
    if methods.of_customer(session, customer_id)[0].id != row.id or row.preferred_at is None:
        row.preferred_at = now
        record(session, f"customer:{customer_id}", "method_preferred", method_id, now)


def _own(session: Session, customer_id: str, method_id: str) -> PaymentMethod:
    row = methods.owned_by(session, method_id, customer_id)
    if row is None:
        raise Refused("method_unknown")
    return row


def _require_room(session: Session, customer_id: str, now: datetime) -> None:
    rules = settings(session)
    if not rules.is_on("save_card") or customers.by_id(session, customer_id) is None:
        raise Refused("saving_off")
    if len(methods.of_customer(session, customer_id)) >= CARDS_MAX:
        raise Refused("cards_many", number=CARDS_MAX)
    refused = limits.current(session, CARD_REFUSED, customer_id, ATTEMPT_WINDOW, now)
    if refused >= rules.number("declines_per_hour"):
        raise Refused("cards_resting")
