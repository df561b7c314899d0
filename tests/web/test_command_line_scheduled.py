"""What staff do to scheduled payments by command: see what is due, charge it now, cancel, move, skip, try again."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.domain.retry import TRIES_MAX
from portal.storage import obligation, schedule
from portal.usecases.charge import charge_obligation
from portal.usecases.recurring import hand_out_due
from tests.rig.house import House
from tests.rig.payment import balance_of
from tests.rig.series import attempts_of, go_to, payments_of, plan_of, scheduled, told, weekly
from tests.web.conftest import application
from tests.web.test_command_line import Run

NO_FUNDS, STOLEN = 200_100, 201_300  # cents the gateway declines: 2001 soft, 2013 hard
WORDS = [("due",), ("due", "list"), ("due", "run"), ("cancel",), ("skip",), ("move",), ("retry",)]


@pytest.fixture
def run(house: House) -> Run:
    house.clock.at = datetime.now(UTC)
    app = application(house.simulator, house.ports)
    return lambda *words: app.test_cli_runner().invoke(args=list(words), env={"COLUMNS": "300"})


@pytest.mark.sqlite
def test_every_command_about_scheduled_payments_explains_itself(run: Run) -> None:
    for words in WORDS:
        said = run(*words, "--help")
        assert said.exit_code == 0, words
        assert len(said.stdout.splitlines()) > 3, words


def test_what_is_due_and_what_comes_is_listed_with_what_holds_it(run: Run, house: House) -> None:
    made = scheduled(house)
    first = payments_of(house, made.schedule_id)[0]
    said = run("due", "list", "--organisation", house.slug, "--days", "30").stdout
    assert "0 due now, 4 within 30 days, $40.00 in all" in said
    go_to(house, first)
    with house.ports.database.transaction(house.organisation_id) as session:
        held = obligation.fresh(session, first.id)
        held.hold_reason, held.hold_until = "card_resting", house.clock.at + timedelta(days=1)
    house.set("charging_enabled", False)
    said = run("due", "list").stdout
    assert "1 due now" in said
    assert "nothing is charged now (charging_off)" in said
    assert "card_resting" in said
    assert first.id in said


def test_the_list_is_cut_and_says_so(run: Run, house: House) -> None:
    scheduled(house)
    said = run("due", "list", "--organisation", house.slug, "--days", "60", "--limit", "1").stdout
    assert "... and 3 more" in said


def test_a_run_charges_what_is_due_and_leaves_what_a_worker_has(run: Run, house: House) -> None:
    first, second = scheduled(house), scheduled(house)
    go_to(house, payments_of(house, first.schedule_id)[0])
    done = run("due", "run", "--organisation", house.slug)
    assert done.exit_code == 0, done.output
    assert [payments_of(house, made.schedule_id)[0].status for made in (first, second)] == ["paid", "paid"]
    assert len(house.truth()) == 2
    go_to(house, payments_of(house, first.schedule_id)[1])
    hand_out_due(house.ports)  # and the worker has not begun
    left = run("due", "run", "--organisation", house.slug)
    assert left.exit_code == 2
    assert len(house.truth()) == 2


def test_a_run_keeps_to_the_rate_and_to_the_switch_and_says_why(run: Run, house: House) -> None:
    house.set("charges_per_minute", 1)
    first, second = scheduled(house), scheduled(house)
    go_to(house, payments_of(house, first.schedule_id)[0])
    done = run("due", "run")
    assert (done.exit_code, "charges_per_minute" in done.stdout) == (2, True)
    assert len(house.truth()) == 1
    house.clock.pass_(minutes=1)
    house.set("charging_enabled", False)
    stopped = run("due", "run", "--organisation", house.slug)
    assert (stopped.exit_code, "charging_off" in stopped.stdout) == (2, True)
    assert len(house.truth()) == 1
    statuses = {payments_of(house, made.schedule_id)[0].status for made in (first, second)}
    assert statuses == {"paid", "due"}


def test_staff_cancel_one_payment_and_then_the_schedule(run: Run, house: House) -> None:
    made = scheduled(house)
    rows = payments_of(house, made.schedule_id)
    one = run("cancel", rows[1].id)
    assert f"{house.slug}: 1 cancelled." in one.stdout
    rest = run("cancel", made.schedule_id)
    assert "3 cancelled" in rest.stdout
    assert {row.refused_code for row in payments_of(house, made.schedule_id)} == {"cancelled_by_staff"}
    assert told(house) == ["payment_cancelled", "schedule_cancelled", "schedule_made"]
    assert run("cancel", rows[1].id).exit_code == 1
    assert "no such schedule" in run("cancel", "0" * 32).stderr


def test_staff_skip_and_move_beyond_what_a_customer_may(run: Run, house: House) -> None:
    house.set("skip_max", 0)
    house.set("customer_may_move", False)
    made = scheduled(house)
    rows = payments_of(house, made.schedule_id)
    assert "1 left out" in run("skip", rows[0].id).stdout
    assert rows[1].due_on is not None
    to_on = rows[1].due_on + timedelta(days=50)
    said = run("move", rows[1].id, to_on.isoformat())
    after = payments_of(house, made.schedule_id)[1]
    assert after.due_on is not None
    assert after.due_on.isoformat() in said.stdout
    assert after.moved_from == rows[1].due_on
    assert "after today" in run("move", rows[1].id, "2020-01-01").stderr
    assert run("move", rows[1].id, "soon").exit_code == 2
    assert "no such scheduled payment" in run("move", "0" * 32, "2030-01-01").stderr


def test_a_declined_payment_is_tried_again_now_and_its_schedule_goes_on(run: Run, house: House) -> None:
    made = scheduled(house)
    due = payments_of(house, made.schedule_id)[0]
    assert "not due before" in run("retry", due.id).stderr
    go_to(house, due)
    house.simulator.faults("decline_soft", merchant=house.merchant_id, operation="sale", times=1)
    assert run("due", "run", "--organisation", house.slug).exit_code == 0
    assert payments_of(house, made.schedule_id)[0].retries == 1
    with house.ports.database.transaction(house.organisation_id) as session:  # given up, as after its last try
        given_up, plan = obligation.fresh(session, due.id), schedule.fresh(session, made.schedule_id)
        assert plan is not None
        given_up.status, given_up.refused_code, plan.status = "declined", "card_declined", "paused"
    again = run("retry", due.id)
    assert (again.exit_code, "succeeded; the payment is paid" in again.stdout) == (0, True)
    assert plan_of(house, made.schedule_id).status == "active"
    assert "it is paid" in run("retry", due.id).stderr


def test_c34_a_fifth_try_is_refused_also_to_staff(run: Run, house: House) -> None:
    made = scheduled(house, weekly(house, 1, NO_FUNDS), balance_cents=NO_FUNDS)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    charge_obligation(house.ports, house.organisation_id, due.id, timedelta(seconds=2))
    for _ in range(TRIES_MAX - 1):
        assert run("retry", due.id).exit_code == 2
    assert plan_of(house, made.schedule_id).status == "paused"
    refused = run("retry", due.id)
    assert (refused.exit_code, "only another card" in refused.stderr) == (1, True)
    assert len(attempts_of(house, due.id)) == TRIES_MAX
    assert balance_of(house, due.account_id) == NO_FUNDS


def test_c34_a_hard_decline_is_never_tried_again_by_staff(run: Run, house: House) -> None:
    made = scheduled(house, weekly(house, 1, STOLEN), balance_cents=STOLEN)
    due = payments_of(house, made.schedule_id)[0]
    go_to(house, due)
    charge_obligation(house.ports, house.organisation_id, due.id, timedelta(seconds=2))
    refused = run("retry", due.id)
    assert (refused.exit_code, "refused for good" in refused.stderr) == (1, True)
    assert len(attempts_of(house, due.id)) == 1
