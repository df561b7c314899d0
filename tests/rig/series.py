"""Schedules to act on in a founded house: made as a customer makes one, through quote, authorization and seal."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from portal.domain.due_date import Frequency, Rhythm, local_date
from portal.domain.payment_link import Purpose
from portal.domain.schedule import Amounts, AmountsKind
from portal.storage import account as accounts
from portal.storage import charge as charges
from portal.storage import message as messages
from portal.storage import obligation as obligations
from portal.storage import payment_method as methods
from portal.storage import schedule as schedules
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.storage.schedule import Schedule
from portal.usecases.janitor import sweep
from portal.usecases.outbox import deliver
from portal.usecases.payment_link import PATHS
from portal.usecases.payment_link import make as make_link
from portal.usecases.recurring import charge_batch, hand_out_due
from portal.usecases.schedule import CardChoice, Made, Order, Wish, agreement_shown, card_on_file, make, quote
from tests.rig.house import House

ZONE = "America/Chicago"


def today(house: House) -> date:
    return local_date(house.ports.clock.now(), ZONE)


def card_of(house: House, number: str = "4111111111111111") -> CardChoice:
    """A card on file as a choice; declined or not by its amounts."""
    method_id = house.card_on_file(number)
    with house.ports.database.read(house.organisation_id) as session:
        row = methods.owned_by(session, method_id, house.customer_id)
        assert row is not None
        return card_on_file(row)


def order_of(house: House, account_id: str, wish: Wish, card: CardChoice, **changes: object) -> Order:
    """What a customer posts who has seen the quote and the authorization as they stand now."""
    now = house.ports.clock.now()
    with house.ports.database.read(house.organisation_id) as session:
        owed_on = accounts.by_id(session, account_id)
        assert owed_on is not None
        found = quote(session, owed_on, wish, card, now)
        text = agreement_shown(session, owed_on, found, card, "en", now)
    values: dict[str, object] = {
        "account_id": account_id,
        "wish": wish,
        "card": card,
        "locale": "en",
        "quote_version": found.version,
        "shown_digest": text.digest,
        "ip": "192.0.2.7",
        "user_agent": "test",
    }
    return Order(**values | changes)  # type: ignore[arg-type]  # the caller names the field


def weekly(house: House, number: int = 4, each_cents: int = 1_000, days_ahead: int = 1) -> Wish:
    start_on = today(house) + timedelta(days=days_ahead)
    return Wish(Rhythm(Frequency.weekly, start_on), Amounts(AmountsKind.fixed, number, each_cents))


def scheduled(
    house: House, wish: Wish | None = None, *, balance_cents: int = 50_000, card: CardChoice | None = None
) -> Made:
    """A schedule of four weekly payments that begin tomorrow, unless another is wished for."""
    owed = house.account(balance_cents)
    order = order_of(house, owed, wish or weekly(house), card or card_of(house))
    return make(house.ports, house.organisation_id, order)


def payments_of(house: House, schedule_id: str) -> list[Obligation]:
    with house.ports.database.read(house.organisation_id) as session:
        return obligations.of_subject(session, schedule_id)


def plan_of(house: House, schedule_id: str) -> Schedule:
    with house.ports.database.read(house.organisation_id) as session:
        row = schedules.by_id(session, schedule_id)
        assert row is not None
        return row


def attempts_of(house: House, obligation_id: str) -> list[Charge]:
    with house.ports.database.read(house.organisation_id) as session:
        return charges.of_obligation(session, obligation_id)


def run_due(house: House, pool: ThreadPoolExecutor) -> int:
    """What the clock and the workers do together: hand out what is due, charge every batch that was rung."""
    hand_out_due(house.ports)
    rung, house.doorbell.batches[:] = list(house.doorbell.batches), []
    for organisation_id, ids in rung:
        charge_batch(house.ports, organisation_id, ids, pool)
    return sum(len(ids) for _, ids in rung)


def go_to(house: House, due: Obligation) -> None:
    """Lets the time come when a payment falls due."""
    house.clock.at = max(house.clock.at, due.due_at)


def sweep_now(house: House, pool: ThreadPoolExecutor) -> None:
    sweep(house.ports, pool)


def told(house: House) -> list[str]:
    """The events of every message promised so far, sorted by name; delivers what waits."""
    with house.ports.database.across() as session:
        waiting = messages.queued_and_due(session, house.ports.clock.now(), 1_000)
    for organisation_id, message_id in waiting:
        if organisation_id == house.organisation_id:
            deliver(house.ports, organisation_id, message_id)
    with house.ports.database.read(house.organisation_id) as session:
        rows = messages.of_customer(session, house.customer_id)
    assert [row.last_error for row in rows if row.last_error] == []
    return sorted(row.event for row in rows)


def link_to(house: House, schedule_id: str, purpose: Purpose, days: int = 30) -> str:
    """The path of a new link to a schedule."""
    account_id = plan_of(house, schedule_id).account_id
    with house.ports.database.transaction(house.organisation_id) as session:
        owed_on = accounts.by_id(session, account_id)
        assert owed_on is not None
        now = house.ports.clock.now()
        token = make_link(session, owed_on, days=days, now=now, made_by="test", purpose=purpose, subject_id=schedule_id)
    return f"/{house.slug}/{PATHS[purpose]}/{token}"
