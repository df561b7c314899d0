"""A subscription in a house: a program, assigned to the house's customer, and activated as its participant does it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from portal.storage import obligation as obligations
from portal.storage import subscription as subscriptions
from portal.storage.obligation import Obligation
from portal.storage.subscription import Subscription
from portal.usecases import subscription_order
from portal.usecases.charge import charge_obligation
from portal.usecases.recurring import charge_batch, hand_out_due
from portal.usecases.subscription import Assignment, Manager, assign, set_program
from portal.usecases.subscription_deadline import announce, expire, finish, remind
from portal.usecases.subscription_order import Pressed, Seen, agreement_shown, look, pay_now
from portal.usecases.upcoming import announce_upcoming
from tests.rig.house import House

MANAGER = Manager("Noor Haddad", "noor@example.com", "+1 312 555 0117")
STEP = timedelta(days=4)
GPS = {"GPS device": 9_000, "Check-in app": 2_500}


def assigned(
    house: House,
    start_on: date = date(2026, 11, 2),
    end_on: date = date(2028, 1, 1),
    billing_day: int | None = None,
    **more: object,
) -> str:
    """The id of a new one; without `shares` the participant pays $45.00 of the GPS and the whole app: $70.00."""
    values: dict[str, object] = {"shares": {"GPS device": 4_500, "Check-in app": 2_500}, "manager": MANAGER} | more
    with house.ports.database.transaction(house.organisation_id) as session:
        now = house.ports.clock.now()
        program = set_program(session, "Location monitoring", GPS, "test", now)
        order = Assignment(
            customer_id=str(values.pop("customer_id", house.customer_id)), program_id=program.id, start_on=start_on,
            end_on=end_on, billing_day=billing_day, **values,  # type: ignore[arg-type]  # the caller names the field
        )  # fmt: skip
        row = assign(session, order, "test", now)
        announce(session, row, now)
        return row.id


def row_of(house: House, subscription_id: str) -> Subscription:
    with house.ports.database.read(house.organisation_id) as session:
        row = subscriptions.by_id(session, subscription_id)
        assert row is not None
        return row


def seen_of(house: House, subscription_id: str) -> Seen:
    person = row_of(house, subscription_id).customer_id
    with house.ports.database.read(house.organisation_id) as session:
        seen = look(session, subscription_id, person, house.ports.clock.now())
        assert seen is not None
        return seen


def pressed(house: House, subscription_id: str, **changes: object) -> Pressed:
    """What a participant posts who has seen everything as it stands now."""
    seen = seen_of(house, subscription_id)
    values: dict[str, object] = {
        "method": "new",
        "nonce": "" if "method" in changes else house.nonce(),
        "ticked": True,
        "version": seen.version,
        "shown_digest": agreement_shown(seen, "en").digest,
        "locale": "en",
        "ip": "203.0.113.7",
        "user_agent": "test",
    }
    return Pressed(**(values | changes))  # type: ignore[arg-type]  # the caller names the field


def activated(house: House, subscription_id: str, **changes: object) -> list[Obligation]:
    """Activates it and charges the first payment; every payment, in order."""
    person = row_of(house, subscription_id).customer_id
    refusals = pay_now(house.ports, house.organisation_id, person, subscription_id,
                       pressed(house, subscription_id, **changes))  # fmt: skip
    assert not refusals, refusals
    first = subscription_order.due_now(seen_of(house, subscription_id))
    if first is not None:
        charge_obligation(house.ports, house.organisation_id, first, house.ports.timing.page_timeout)
    return payments(house, subscription_id)


def payments(house: House, subscription_id: str) -> list[Obligation]:
    schedule_id = row_of(house, subscription_id).schedule_id or ""
    with house.ports.database.read(house.organisation_id) as session:
        return obligations.of_subject(session, schedule_id)


def lived(house: House, days: int) -> None:
    """Lets days pass in steps of a few: everything that falls due meanwhile is told, charged and closed."""
    end = house.clock.at + timedelta(days=days)
    with ThreadPoolExecutor(2) as pool:
        while house.clock.at < end:
            house.clock.at = min(house.clock.at + STEP, end)
            announce_upcoming(house.ports)
            remind(house.ports)
            expire(house.ports)
            finish(house.ports)
            hand_out_due(house.ports)
            rung, house.doorbell.batches = house.doorbell.batches, []
            for organisation_id, ids in rung:
                charge_batch(house.ports, organisation_id, ids, pool)
