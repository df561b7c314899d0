"""The operators' commands, run as `flask --app wsgi ...` runs them, over both databases and the simulated gateway."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from portal.domain.rule import RULES
from portal.storage import account, audit, charge, customer, message, obligation, organisation, sms_account
from portal.usecases.alarm import raise_alarm
from portal.usecases.outbox import deliver
from portal.usecases.promise import promise
from portal.usecases.receipt import receipt_number
from portal.usecases.restore import hold_charging
from portal.usecases.sign_in import Browser
from portal.usecases.staff import Typed, sign_in_staff
from tests.rig.house import House
from tests.rig.payment import balance_of, paid, refunds_of, settle, settled
from tests.rig.people import Colleague
from tests.rig.series import payments_of, scheduled, weekly
from tests.web.conftest import application

Run = Callable[..., Result]


@pytest.fixture
def run(house: House) -> Run:
    house.clock.at = datetime.now(UTC)
    app = application(house.simulator, house.ports)

    def run_it(*words: str) -> Result:
        return app.test_cli_runner().invoke(args=list(words), env={"COLUMNS": "300"})

    return run_it


GROUPS = [
    ("refund",), ("refund", "whole"), ("refund", "part"), ("refund", "void"), ("refund", "show"), ("reconcile",),
    ("reconcile", "run"), ("reconcile", "show"), ("restored",), ("explain",), ("alarms",), ("alarms", "list"),
    ("alarms", "clear"), ("clock",), ("customers",), ("customers", "let-in"),
    ("staff",), ("staff", "add"), ("staff", "list"), ("staff", "role"),
    ("staff", "disable"), ("staff", "enable"), ("staff", "password"), ("staff", "second-factor"),
    ("messages",), ("messages", "held"), ("messages", "log"), ("messages", "bounced"), ("messages", "works-again"),
    ("provider",), ("provider", "add"), ("patient",), ("patient", "import"),
    ("service",), ("service", "record"), ("service", "import"),
    ("messages", "carrier"), ("wish",), ("wish", "times"), ("wish", "medium"), ("wish", "work-address"),
    ("wish", "stop"), ("wish", "list"), ("objection",), ("objection", "made"), ("objection", "resolved"),
    ("objection", "list"),
]  # fmt: skip


@pytest.mark.sqlite
def test_every_command_explains_itself(run: Run) -> None:
    for words in GROUPS:
        said = run(*words, "--help")
        assert said.exit_code == 0, words
        assert len(said.stdout.splitlines()) > 3, words


def test_a_refund_that_did_not_arrive_is_seen_where_somebody_looks(run: Run, house: House) -> None:
    _, charge_id, _ = settled(house)
    house.simulator.faults("settlement_declined", merchant=house.merchant_id, operation="refund")
    assert run("refund", "part", charge_id, "12.50", "--organisation", house.slug, "--not-owed").exit_code == 0
    [row] = refunds_of(house, charge_id)
    settle(house, row.gateway_id or "")
    said = run("reconcile", "run", "--organisation", house.slug, "--days", "1")
    assert "did not reach the customer" in said.stdout, said.output
    shown = run("refund", "show", charge_id, "--organisation", house.slug).stdout
    assert "failed 2" in shown
    assert "settlement_declined" in shown
    assert "$12.50 of it is the customer's own" in shown
    with house.ports.database.read(house.organisation_id) as session:
        paid_for = charge.by_id(session, charge_id)
    assert paid_for is not None
    assert "failed 2" in run("explain", paid_for.obligation_id).stdout
    assert "refund_failed" in run("alarms", "list", "--organisation", house.slug).stdout


def test_a_payment_is_given_back_by_the_number_of_its_receipt(run: Run, house: House) -> None:
    owed, charge_id, _ = settled(house)
    number = receipt_number(charge_id)
    part = run("refund", "part", number, "12.50", "--organisation", house.slug, "--why", "asked by phone")
    assert part.exit_code == 0, part.stderr
    assert "$12.50, refund: given back" in part.stdout
    rest = run("refund", "whole", charge_id, "--organisation", house.slug, "--not-owed")
    assert "$87.50, refund: given back" in rest.stdout
    assert balance_of(house, owed) == 41_250
    shown = run("refund", "show", number, "--organisation", house.slug)
    assert "$100.00 paid" in shown.stdout
    assert "$12.50" in shown.stdout
    again = run("refund", "whole", number, "--organisation", house.slug)
    assert (again.exit_code, "nothing left" in again.stderr) == (1, True)


def test_a_void_is_refused_once_the_payment_has_settled(run: Run, house: House) -> None:
    _, fresh, _ = paid(house)
    assert "void: given back" in run("refund", "void", fresh, "--organisation", house.slug).stdout
    _, old, _ = settled(house)
    late = run("refund", "void", old, "--organisation", house.slug)
    assert (late.exit_code, "settled" in late.stderr) == (1, True)


def test_the_same_key_gives_back_once_and_an_unreadable_one_is_refused(run: Run, house: House) -> None:
    _, charge_id, _ = settled(house)
    words = ("refund", "part", charge_id, "10", "--organisation", house.slug, "--key")
    first, second = run(*words, "a" * 32), run(*words, "a" * 32)
    assert first.stdout == second.stdout
    assert "32 digits" in run(*words, "mine").stderr


def test_a_lost_answer_says_that_it_is_not_to_be_asked_again(run: Run, house: House) -> None:
    _, charge_id, _ = settled(house)
    house.simulator.faults("reset_after", merchant=house.merchant_id, operation="refund")
    said = run("refund", "whole", charge_id, "--organisation", house.slug)
    assert (said.exit_code, "do not ask for another one" in said.stdout) == (2, True)


@pytest.mark.sqlite
def test_mistakes_are_answered_in_words(run: Run, house: House) -> None:
    assert "no organisation is called" in run("refund", "whole", "x", "--organisation", "nobody").stderr
    assert "There is no such charge" in run("refund", "whole", "x", "--organisation", house.slug).stderr
    assert "dollars and cents" in run("refund", "part", "x", "1,5", "--organisation", house.slug).stderr
    assert "no such obligation" in run("explain", "x").stderr
    assert "no such alarm" in run("alarms", "clear", "x").stderr
    assert "not on hold" in run("restored").stderr
    future = (house.clock.at + timedelta(days=1)).isoformat(timespec="seconds")
    assert "in the future" in run("restored", "--backup-taken-at", future).stderr


def test_reconcile_says_what_it_found_and_shows_it_again(run: Run, house: House) -> None:
    paid(house)
    key = house.merchant_id
    house.simulator.gateway(key, f"{key}_public_key", f"{key}_private_key").transaction.sale(
        {"amount": "12.00", "payment_method_nonce": "fake-valid-nonce", "order_id": "till-7"}
    )
    done = run("reconcile", "run", "--organisation", house.slug, "--days", "1")
    assert done.exit_code == 0, done.stderr
    assert "2 sales $112.00" in done.stdout
    assert "foreign" in done.stdout
    shown = run("reconcile", "show", "--organisation", house.slug)
    assert "yes" in shown.stdout
    assert "Not ours" in run("reconcile", "show", "--organisation", house.slug, "--differences").stdout


def test_restored_holds_reconciles_and_lets_go_on(run: Run, house: House) -> None:
    due = house.obligation(house.account(), 1_000, payment_method_id=house.card_on_file())
    taken_at = (house.clock.at - timedelta(hours=1)).isoformat(timespec="seconds")
    assert "on hold for" in run("restored", "--backup-taken-at", taken_at, "--hold-only").stdout
    told = run("explain", due)
    assert "charging_held" in told.stdout
    goes_on = run("restored", "--organisation", house.slug)
    assert goes_on.exit_code == 0, goes_on.stderr
    assert "charging goes on" in goes_on.stdout
    assert "No rule stands against it" in run("explain", due).stdout
    hold_charging(house.ports, house.clock.at, "test")
    assert "charging goes on" in run("restored", "--lift", "--organisation", house.slug).stdout


def test_explain_names_every_rule_and_until_when(run: Run, house: House) -> None:
    due = house.obligation(house.account(500), 1_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, due).due_at = house.clock.at + timedelta(days=2)
    house.set("charging_enabled", False)
    said = run("explain", due).stdout
    for code in ("obligation_early", "charging_off", "balance_too_low", "method_gone"):
        assert code in said
        assert RULES[code].sentence.split("{")[0] in said
    assert re.search(r"obligation_early +\d{4}-\d\d-\d\d \d\d:\d\d C[SD]T", said)


def test_alarms_are_listed_until_somebody_has_looked(run: Run, house: House) -> None:
    assert run("alarms", "list", "--organisation", house.slug).stdout == "No alarm is open.\n"
    with house.ports.database.transaction(house.organisation_id) as session:
        raise_alarm(session, "test", "subject", house.clock.at, amount_cents=5)
        [alarm] = audit.open_alarms(session)
    listed = run("alarms", "list")
    assert listed.exit_code == 2
    assert alarm.id in listed.stdout
    assert run("alarms", "clear", alarm.id).exit_code == 0
    assert run("alarms", "list", "--organisation", house.slug).exit_code == 0


def test_the_clock_walks_days_over_the_simulator_and_says_what_happened(run: Run, house: House) -> None:
    made = scheduled(house, weekly(house, 2))
    said = run("clock", "--simulate", "20d", "--yes", "--simulator", house.simulator.url)
    house.simulator.shift_clock(-20 * 86_400)
    assert said.exit_code == 0, said.output
    assert [row.status for row in payments_of(house, made.schedule_id)] == ["paid", "paid"]
    assert re.search(r"paid\W+2\b", said.stdout)


def test_held_messages_are_listed_with_their_rule_and_time_and_logged_step_by_step(run: Run, house: House) -> None:
    house.clock.at = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)  # 22:00 in Chicago
    with house.ports.database.transaction(house.organisation_id) as session:
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        mail = promise(session, "card_expiring", "email", payer, "ada@example.com", "s", "k", house.clock.at)
        row = message.lock(session, mail)
        assert row is not None
        row.sealed_facts = house.ports.seal.seal("{}")
    assert not deliver(house.ports, house.organisation_id, mail)
    said = run("messages", "held", "--organisation", house.slug).stdout
    assert re.search(r"quiet_hours +2026-11-03 08:00 CST +It is before 8:00", said)
    assert "ada@example.com" not in said
    told = run("messages", "log", mail).stdout
    assert "held by quiet_hours" in told
    assert "zones=America/Chicago" in told
    assert "held by quiet_hours" in run("messages", "log", "--organisation", house.slug).stdout
    assert "no such message" in run("messages", "log", "x").stderr
    assert "Nothing stands against" in run("messages", "works-again", "a@b.c", "--organisation", house.slug).stderr


def test_c19_what_people_say_on_the_phone_is_written_down_and_listed(run: Run, house: House) -> None:
    own = ("--organisation", house.slug, "--words", "Said so on the phone")
    assert run("wish", "times", "C-1", "mon-fri 09:00-17:00", *own).exit_code == 0
    assert run("wish", "medium", "C-1", "sms", *own).exit_code == 0
    assert run("wish", "work-address", "ada@works.example", *own).exit_code == 0
    assert run("wish", "stop", "C-1", "email", *own).exit_code == 0
    assert "mon-fri 09:00-17:00" in run("wish", "times", "C-1", "always", *own).stderr
    assert "no such customer" in run("wish", "stop", "nobody", "email", *own).stderr
    listed = run("wish", "list", "C-1", "--organisation", house.slug).stdout
    assert re.search(r"times +mon-fri 09:00-17:00 +yes +phone +Said so", listed)
    assert re.search(r"consent +email:ada@example.com +no", listed)


def test_c25_an_objection_is_written_down_listed_and_resolved(run: Run, house: House) -> None:
    account_id = house.account()
    with house.ports.database.read(house.organisation_id) as session:
        owed_on = account.by_id(session, account_id)
    assert owed_on is not None
    own = ("--organisation", house.slug, "--words", "Not mine")
    assert "no such account" in run("objection", "made", "nobody", "--way", "letter", *own).stderr
    assert (
        "Nothing stands against"
        in run("objection", "resolved", owed_on.reference, "--outcome", "verified", *own).stderr
    )
    assert "Written down." in run("objection", "made", owed_on.reference, "--way", "letter", *own).stdout
    assert "debt_disputed" in run("alarms", "list", "--organisation", house.slug).stdout
    listed = run("objection", "list", "--organisation", house.slug).stdout
    assert re.search(rf"{owed_on.reference} +\S+ \S+ \S+ +letter +Not mine +stands", listed)
    assert "goes on." in run("objection", "resolved", owed_on.reference, "--outcome", "withdrawn", *own).stdout
    assert "withdrawn" in run("objection", "list", "--organisation", house.slug).stdout


def test_the_carrier_of_an_organisation_is_stored_sealed_and_says_what_to_enter(run: Run, house: House) -> None:
    words = ("messages", "carrier", "--organisation", house.slug, "--auth-token", "top-secret-token")
    said = run(*words, "--account-sid", "AC1", "--sender", "+13125550100")
    assert said.exit_code == 0, said.stderr
    assert f"/{house.slug}/sms/reply" in said.stdout
    assert run(*words, "--account-sid", "XX", "--sender", "+13125550100").exit_code == 1
    with house.ports.database.read(house.organisation_id) as session:
        row = sms_account.sms_account(session)
        assert row is not None
        assert "top-secret-token" not in row.auth_token_sealed


@pytest.mark.sqlite
def test_the_clock_is_not_walked_beside_a_real_gateway(run: Run, house: House) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        account = organisation.gateway_account(session)
        assert account is not None
        account.environment = "sandbox"
    said = run("clock", "--simulate", "1d", "--yes")
    assert said.exit_code == 1
    assert "real gateway" in said.stderr
    assert run("clock", "--simulate", "soon", "--yes").exit_code == 2


def test_staff_are_added_changed_and_shut_out_by_command(run: Run, house: House) -> None:
    own = ("--organisation", house.slug)
    added = run("staff", "add", "Robin", "--name", "Robin Ray", "--role", "clerk", *own)
    assert (added.exit_code, f"/{house.slug}/staff" in added.stdout) == (0, True)
    password = re.search(r"^password (\S+)$", added.stdout, re.MULTILINE)
    secret = re.search(r"^second factor (\S+)$", added.stdout, re.MULTILINE)
    assert password
    assert secret
    assert re.search(rf"^otpauth://totp/\S+:robin\?secret={secret[1]}&issuer=", added.stdout, re.MULTILINE)
    robin = Colleague(house, "", "robin", secret[1], password[1])
    typed = Typed("robin", password[1], robin.code())
    assert sign_in_staff(house.ports, house.organisation_id, typed, Browser("203.0.113.7", ""))
    nameless = run("staff", "add", "kim", "--name", "  ", "--role", "clerk", *own)
    assert (nameless.exit_code, "Give their name" in nameless.stderr) == (1, True)
    again = run("staff", "add", "robin", "--name", "Robin Ray", "--role", "clerk", *own)
    assert (again.exit_code, again.stderr) == (1, "Error: That username is taken.\n")
    assert "admin now" in run("staff", "role", "robin", "admin", *own).stdout
    assert "is out" in run("staff", "disable", "robin", *own).stdout
    listed = run("staff", "list", *own).stdout
    assert ("robin" in listed, "admin" in listed, " no " in listed) == (True, True, True)
    assert "may sign in again" in run("staff", "enable", "robin", *own).stdout
    assert "second factor " in run("staff", "second-factor", "robin", *own).stdout
    assert run("staff", "password", "robin", *own).stdout.startswith("password ")
    unknown = run("staff", "disable", "nobody", *own)
    assert (unknown.exit_code, "nobody is called" in unknown.stderr) == (2, True)


def test_a_password_from_a_file_is_judged_and_never_printed(run: Run, house: House, tmp_path: Path) -> None:
    words = ("staff", "add", "kim", "--name", "Kim", "--role", "admin", "--organisation", house.slug, "--password-from")
    source = tmp_path / "password"
    source.write_text("password1234\n")
    refused = run(*words, str(source))
    assert (refused.exit_code, "easy to guess" in refused.stderr) == (1, True)
    source.write_text("violet teapot canyon\n")
    done = run(*words, str(source))
    assert done.exit_code == 0
    assert "violet" not in done.stdout
