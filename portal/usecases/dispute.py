"""Disputes: what the gateway says of one now is looked up and booked, once, whatever was heard before and in any order.

Called for notices, by the clock for undecided disputes, and by reconcile for those nobody told us of. Decides nothing
about answering a bank: a person does, before the day the alarm names. Bookkeeping: docs/decisions/chargebacks.md.
"""

from datetime import date, datetime, timedelta

from portal.domain.charge import OPEN_STATES, ChargeState
from portal.domain.dispute import (
    AGAINST_US,
    NO_MONEY_MOVES,
    UNDECIDED,
    DisputeFacts,
    Move,
    Place,
    is_known,
    moves,
    place_of,
)
from portal.domain.ledger import Recipe
from portal.storage import Session, account, charge, dispute, obligation
from portal.storage.account import Account
from portal.storage.audit import GatewayFact
from portal.storage.charge import Charge
from portal.storage.dispute import Dispute
from portal.usecases.alarm import raise_alarm
from portal.usecases.failpoint import failpoint
from portal.usecases.ledger import free_cents, post
from portal.usecases.organisation import record
from portal.usecases.plan_outcome import came_back
from portal.usecases.ports import Ports
from portal.usecases.refund_book import call_for_a_letter, moved_of, others_stand, settling_charge
from portal.usecases.schedule_outcome import paid_by_hand

OF_SETTLEMENT = frozenset({Recipe.settlement_forgiven, Recipe.settlement_restored})
LOOK_AGAIN = timedelta(days=1)  # a lost notice costs a day
LOOK_SOON = timedelta(hours=1)  # after a look that brought nothing


def look_at_dispute(ports: Ports, organisation_id: str, gateway_id: str) -> str:
    """Fetches one dispute and books it; what came of it, in a word. GatewayUnreachable, GatewayRefused."""
    ports.database.require_no_transaction()
    facts = ports.gateways.of(organisation_id).dispute(gateway_id)
    if facts is None:
        return "unknown_dispute"
    failpoint("notice.after_fetch")
    return _take_in(ports, organisation_id, facts)


def look_again(ports: Ports, organisation_id: str, gateway_id: str) -> None:
    """A daily look at an undecided dispute, put off first, so that rivals and a silent gateway do not repeat it."""

    def work(session: Session) -> bool:
        found = dispute.by_gateway_id(session, gateway_id)
        now = ports.clock.now()
        if found is None or found.next_look_at > now:
            return False
        account.lock(session, found.account_id)
        row = dispute.by_gateway_id(session, gateway_id)
        if row is None or row.next_look_at > now:
            return False
        row.next_look_at = now + LOOK_SOON
        return True

    if ports.database.run(organisation_id, work):
        look_at_dispute(ports, organisation_id, gateway_id)


def catch_up(ports: Ports, organisation_id: str, since: date) -> int:
    """Takes in every dispute received since a day; how many were news. GatewayUnreachable, GatewayRefused."""
    ports.database.require_no_transaction()
    found = ports.gateways.of(organisation_id).disputes_since(since)
    return sum(_take_in(ports, organisation_id, facts) == "applied" for facts in found)


def _take_in(ports: Ports, organisation_id: str, facts: DisputeFacts) -> str:
    def work(session: Session) -> tuple[str, list[str]]:
        promised: list[str] = []
        said = _applied(session, facts, ports.clock.now(), promised)
        session.flush()
        failpoint("notice.before_commit")
        return said, promised

    said, promised = ports.database.run(organisation_id, work)
    failpoint("notice.after_apply")
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return said


def _applied(session: Session, facts: DisputeFacts, now: datetime, promised: list[str]) -> str:
    """`applied`, `nothing_new`, `waiting` (its charge has no answer yet), `unknown_sale`, `unreadable`.

    Adds the ids of the messages it promises.
    """
    found = charge.by_gateway_id(session, facts.sale_gateway_id) or charge.by_order_id(session, facts.sale_order_id)
    if found is None:
        raise_alarm(
            session, "dispute_of_unknown_sale", facts.gateway_id, now,
            sale_gateway_id=facts.sale_gateway_id, amount_cents=facts.amount_cents, reply_by_on=_iso(facts.reply_by_on),
        )  # fmt: skip
        return "unknown_sale"
    owed_on = account.lock(session, found.account_id)
    paid = charge.lock(session, found.id)
    if paid.state in OPEN_STATES:
        return "waiting"
    if paid.state != ChargeState.succeeded or not is_known(facts.status):
        raise_alarm(session, "dispute_unreadable", facts.gateway_id, now, status=facts.status, charge_id=paid.id)
        return "unreadable"
    row = dispute.by_gateway_id(session, facts.gateway_id)
    is_news = row is None or row.status != facts.status or row.amount_cents != facts.amount_cents
    if row is None:
        row = _new(session, facts, paid, now)
    row.status, row.kind, row.amount_cents = facts.status, facts.kind, facts.amount_cents
    row.reason, row.reason_code, row.case_number = facts.reason, facts.reason_code, facts.case_number
    row.opened_on, row.reply_by_on = facts.opened_on, facts.reply_by_on
    row.heard_at, row.next_look_at = now, now + LOOK_AGAIN
    is_moved = _book(session, row, facts, paid, owed_on, now)
    if is_moved:
        promised += came_back(session, obligation.fresh(session, paid.obligation_id), now)
        promised += paid_by_hand(session, owed_on.id, now)
    if not is_news:
        return "applied" if is_moved else "nothing_new"
    session.add(
        GatewayFact(
            organisation_id=row.organisation_id,
            charge_id=paid.id,
            gateway_id=facts.gateway_id,
            status=f"dispute_{facts.status}",
            outcome="dispute",
            source="gateway",
            facts={"amount_cents": facts.amount_cents, "won_cents": facts.won_cents, "kind": facts.kind},
            heard_at=now,
        )
    )
    record(session, "gateway", f"dispute_{facts.status}", row.id, now, charge_id=paid.id)
    _call_a_person(session, row, facts, now)
    return "applied"


def _new(session: Session, facts: DisputeFacts, paid: Charge, now: datetime) -> Dispute:
    row = Dispute(
        organisation_id=paid.organisation_id,
        gateway_id=facts.gateway_id,
        charge_id=paid.id,
        account_id=paid.account_id,
        customer_id=paid.customer_id,
        kind=facts.kind,
        status=facts.status,
        reason=facts.reason,
        reason_code=facts.reason_code,
        case_number=facts.case_number,
        amount_cents=facts.amount_cents,
        currency=facts.currency,
        held_cents=0,
        lost_cents=0,
        entries=0,
        heard_at=now,
        next_look_at=now + LOOK_AGAIN,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _book(session: Session, row: Dispute, facts: DisputeFacts, paid: Charge, owed_on: Account, now: datetime) -> bool:
    """Posts what leads from where the money was booked to where it is; False when it is there already."""
    now_there, wanted = Place(row.held_cents, row.lost_cents), place_of(facts)
    needed = moves(now_there, wanted)
    if not needed:
        return False
    settling = settling_charge(session, paid)
    forgiven = moved_of(session, settling).forgiven_cents
    forgives = obligation.fresh(session, settling.obligation_id).forgiven_cents
    was_whole, is_whole = now_there.lost_cents >= paid.amount_cents, wanted.lost_cents >= paid.amount_cents
    if forgiven > 0 and is_whole and not was_whole:
        needed = [
            *needed,
            Move(Recipe.settlement_restored, forgiven),
        ]  # a settlement that was not paid forgives nothing
        call_for_a_letter(session, paid, now, owed_again_cents=forgiven)
    if forgives > forgiven and was_whole and not is_whole and others_stand(session, paid):
        needed = [Move(Recipe.settlement_forgiven, forgives - forgiven), *needed]
    lowered = {Recipe.chargeback_restored, Recipe.settlement_forgiven}
    if sum(move.amount_cents for move in needed if move.recipe in lowered) > free_cents(session, owed_on):
        # the customer paid again meanwhile: what came back is theirs, and a person gives it to them
        raise_alarm(session, "dispute_won_but_paid_again", row.id, now, charge_id=paid.id, won_cents=facts.won_cents)
        return False
    for move in needed:
        row.entries += 1
        post(
            session,
            owed_on,
            move.recipe,
            move.amount_cents,
            event_key=f"{move.recipe.value}:{row.id}:{row.entries}",
            posted_at=now,
            posted_by="dispute",
            charge_id=settling.id if move.recipe in OF_SETTLEMENT else paid.id,
        )
    row.held_cents, row.lost_cents = wanted.held_cents, wanted.lost_cents
    session.flush()
    if dispute.taken_back_cents(session, paid.id) > paid.amount_cents:
        raise_alarm(session, "disputes_above_payment", paid.id, now, amount_cents=paid.amount_cents)
    return True


def _call_a_person(session: Session, row: Dispute, facts: DisputeFacts, now: datetime) -> None:
    said = {
        "charge_id": row.charge_id,
        "account_id": row.account_id,
        "amount_cents": facts.amount_cents,
        "reason": facts.reason,
        "case_number": facts.case_number,
    }
    if facts.status in UNDECIDED:
        reply_by_on = _iso(facts.reply_by_on)
        raise_alarm(session, "dispute_opened", row.id, now, dispute=facts.kind, reply_by_on=reply_by_on, **said)
    elif facts.status in AGAINST_US and facts.kind not in NO_MONEY_MOVES:
        raise_alarm(session, "dispute_lost", row.id, now, **said)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None
