"""All that may go wrong with a sale, for a kept and a typed card: each payment ends, once, or is a person's."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.storage import audit, charge, obligation
from portal.usecases.charge import charge_obligation
from portal.usecases.janitor import POOL, sweep
from tests.rig.house import House
from tests.rig.payment import SOON, balance_of

ENDED = {"paid", "declined", "cancelled"}
STATUSES = [f"status_{number}_{when}" for number in (408, 500, 502, 503, 504) for when in ("before", "after")]
FAULTS = [
    "ok", "decline_soft", "decline_hard", "gateway_rejected_duplicate", "gateway_rejected_fraud",
    "partial_authorization", "authorizing_then_settled", *STATUSES, "throttled_429", "unauthorized_401",
    "forbidden_403", "upgrade_426", "reset_before", "reset_after", "hang_before", "hang_after", "late", "cut_xml",
    "cut_body", "html_200", "empty_200", "foreign_root_200", "wrong_amount", "wrong_order_id", "wrong_currency",
    "error_915230", "error_915232", "error_915233", "error_915234", "error_915235",
]  # fmt: skip
SECONDS = {"hang_before": 3, "hang_after": 3, "late": 3, "authorizing_then_settled": 1}
NEVER_ANSWERED = {"hang_before", "hang_after", "late"}
PATIENT = timedelta(seconds=20)  # of all others only the fault decides, however slow the machine is
DAYS_MAX = 45


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(POOL) as made:
        yield made


def test_m1_m2_m3_m4_whatever_the_gateway_does_each_payment_ends_once_or_is_a_persons(
    house: House, pool: ThreadPoolExecutor
) -> None:
    card = house.card_on_file()
    dues: dict[str, str] = {}
    for fault in FAULTS:
        for kept in (True, False):
            method = {"payment_method_id": card} if kept else {"card_nonce": house.nonce()}
            due = house.obligation(house.account(2_500), 2_500, **method)
            dues[due] = fault
            settings = {"seconds": SECONDS[fault]} if fault in SECONDS else {}
            house.simulator.faults(fault, order_prefix=f"{house.organisation_id}-{due}", operation="sale", **settings)

    def charge_once(due: str) -> None:
        wait = SOON if dues[due] in NEVER_ANSWERED else PATIENT
        charge_obligation(house.ports, house.organisation_id, due, wait)

    list(pool.map(charge_once, dues))
    planned = house.simulator.call("GET", "/simulator/faults")["faults"]
    own = {each["fault"] for each in planned if (each["order_prefix"] or "").startswith(house.organisation_id)}
    assert own <= NEVER_ANSWERED, "every fault was acted out"
    house.simulator.shift_clock(60)  # what was late has landed, what was being authorised is settled
    try:
        live_until_quiet(house, list(dues), pool)
    finally:
        house.simulator.shift_clock(-60)
    truth = house.truth()
    with house.ports.database.read(house.organisation_id) as session:
        rows = {due: obligation.by_id(session, due) for due in dues}
        alarms = audit.open_alarms(session)
        charges = {due: charge.of_obligation(session, due) for due in dues}
    for due, fault in dues.items():
        row = rows[due]
        assert row is not None
        told = f"{fault} {row.status} {[(each.state, each.reason) for each in charges[due]]}"
        taken = [sale for sale in truth if sale["success"] and str(sale["order_id"]).split("-")[1] == due]
        assert len(taken) <= 1, f"M1: {told}"
        if row.status == "review":
            assert any(each.kind == "charge_review" and each.subject_id == charges[due][-1].id for each in alarms), told
            continue
        assert row.status in ENDED, f"M4: {told}"
        assert (row.status == "paid") == bool(taken), f"M2, M3: {told}"
        assert balance_of(house, row.account_id) == (0 if taken else 2_500), f"M2, M3: {told}"


def live_until_quiet(house: House, dues: list[str], pool: ThreadPoolExecutor) -> None:
    """The janitor's rounds, with as much time between them as its next looks want."""
    steps = [timedelta(minutes=5)] * 12 + [timedelta(hours=6)] * 4 * DAYS_MAX
    for step in steps:
        house.clock.pass_(seconds=step.total_seconds())
        sweep(house.ports, pool)
        with house.ports.database.read(house.organisation_id) as session:
            statuses = {row.status for due in dues if (row := obligation.by_id(session, due)) is not None}
        if statuses <= ENDED | {"review"}:
            return
