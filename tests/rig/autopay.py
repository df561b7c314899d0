"""AutoPay in a house: a practice that has it, a client who turned it on as they do it, and days that pass."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from portal.storage import autopay as autopays
from portal.storage import message
from portal.storage import schedule as schedules
from portal.storage.obligation import Obligation
from portal.usecases import autopay, autopay_announce
from portal.usecases.autopay import Seen, Wanted
from portal.usecases.janitor import sweep
from portal.usecases.outbox import deliver
from portal.usecases.recurring import charge_batch, hand_out_due
from portal.usecases.schedule_card import Accepted
from portal.usecases.upcoming import announce_upcoming
from tests.rig.house import House
from tests.rig.practice import patient_of

MAIL = 200  # more than any of these houses sends at a time
BROWSER = Accepted("en", "203.0.113.7", "test")


def practice(house: House) -> str:
    """A practice with AutoPay; the account of its client, who has a patient."""
    house.set("autopay", value=True)
    patient_of(house)
    return house.account(0)


def seen_of(house: House, account_id: str) -> Seen:
    with house.ports.database.read(house.organisation_id) as session:
        found = autopay.look(session, account_id, house.customer_id, house.ports.clock.now())
    assert found is not None
    return found


def digest_of(house: House, account_id: str, wanted: Wanted, locale: str = "en") -> str:
    with house.ports.database.read(house.organisation_id) as session:
        seen = autopay.look(session, account_id, house.customer_id, house.ports.clock.now())
        assert seen is not None
        return autopay.shown(session, seen, wanted, locale).digest


def turned_on(
    house: House, account_id: str, limit_cents: int = 20_000, method: str = "", *, ticked: bool = True, digest: str = ""
) -> str:
    """The id of AutoPay that a client turned on who has read it as it stands now."""
    wanted = Wanted(method or house.card_on_file(), limit_cents)
    shown = digest or digest_of(house, account_id, wanted)
    autopay_id, _ = autopay.turn_on(
        house.ports, house.organisation_id, house.customer_id, account_id, wanted, shown, BROWSER, ticked=ticked
    )
    return autopay_id


def lived(house: House, days: float, step_hours: int = 12) -> None:
    """Lets days pass: what is quiet is announced, mail leaves, what is due is charged; the books are looked at."""
    end = house.clock.at + timedelta(days=days)
    with ThreadPoolExecutor(2) as pool:
        while house.clock.at < end:
            house.clock.at = min(house.clock.at + timedelta(hours=step_hours), end)
            autopay_announce.announce(house.ports)
            announce_upcoming(house.ports)
            _mail(house)  # before what is due is charged: a notice is no notice until it has left
            hand_out_due(house.ports)
            rung, house.doorbell.batches = house.doorbell.batches, []
            for organisation_id, ids in rung:
                charge_batch(house.ports, organisation_id, ids, pool)
        sweep(house.ports, pool)


def _mail(house: House) -> None:
    with house.ports.database.across() as session:
        waiting = message.queued_and_due(session, house.clock.at, MAIL)
    for organisation_id, message_id in waiting:
        deliver(house.ports, organisation_id, message_id)


def payments(house: House, account_id: str) -> list[Obligation]:
    """Everything AutoPay ever announced on an account, in the order of its dates."""
    with house.ports.database.read(house.organisation_id) as session:
        plans = [plan.id for plan in schedules.of_account(session, account_id)]
        return autopays.obligations_of(session, plans)
