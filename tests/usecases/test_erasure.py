"""Attack 114: a customer is erased. Nothing personal is left in any row or at the gateway; the books stay and agree."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from braintree.exceptions.not_found_error import NotFoundError
from sqlalchemy import select, text

from portal.domain.ledger import Book
from portal.domain.refusal import Refused
from portal.domain.subscription import ChangeKind
from portal.storage import account as accounts
from portal.storage import autopay, invariant
from portal.storage import customer as customers
from portal.storage import erasure as erasures
from portal.storage import schedule as schedules
from portal.storage import visit as visits
from portal.storage.account import Account
from portal.storage.autopay import Autopay
from portal.storage.erasure_wipe import Gone, kept_for_the_law
from portal.storage.objection import Objection
from portal.storage.rows import Row
from portal.storage.signing import PlanPaper
from portal.usecases import failpoint, plan_life, profile
from portal.usecases.account import open_account
from portal.usecases.charge import claim
from portal.usecases.erasure import ALARM, Hindrance, erase, hindrances
from portal.usecases.failpoint import FailpointRaised
from portal.usecases.janitor import sweep
from portal.usecases.ledger import lower_balance
from portal.usecases.payment_link import find, make
from portal.usecases.reconcile import reconcile_window
from portal.usecases.schedule_change import cancel
from portal.usecases.subscription_change import Wish, ask
from portal.usecases.visit import start
from tests.rig.above import above
from tests.rig.house import House
from tests.rig.payment import alarms, book_cents, give_back, paid, settled
from tests.rig.people import payer
from tests.rig.plans import signed
from tests.rig.series import scheduled, weekly
from tests.rig.subscriptions import activated, assigned

SOON = timedelta(seconds=2)
WHY = "asked for in a letter"
SSN = "219-09-9999"
PLANTED = ("Ada", "Moss", "ada@example.com", "3125550123", "12 Elm Street", "60614", "94107", "C-1", "192.0.2.7",
           "a browser", "Elmira", "219099999", "Lakeside", "1111")  # fmt: skip


@pytest.fixture
def disarmed() -> Iterator[None]:
    yield
    failpoint.arm("")


def found_in_tables(house: House) -> dict[str, set[str]]:
    """Table -> planted words in it. Digits count where no longer number or random id holds them by chance."""
    seen: dict[str, set[str]] = {}
    words = {each: re.compile(rf"(?<![0-9A-Za-z]){re.escape(each)}(?![0-9A-Za-z])") for each in PLANTED}
    with above(house.ports.database).connect() as connection:
        for table in Row.metadata.sorted_tables:
            for row in connection.execute(select(table)).all():
                for value in row:
                    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                    seen.setdefault(table.name, set()).update(
                        word for word, pattern in words.items() if pattern.search(text)
                    )
    return {name: hits for name, hits in seen.items() if hits}


def lives(house: House) -> str:
    """A customer with everything: a payment, one given back, a plan, a subscription, a login; the account left open."""
    lived, charge_id, _ = paid(house, 10_000, balance_cents=10_000)
    payer(house, ssn=SSN)
    schedule = scheduled(house, weekly(house, 2))
    plan = signed(house)
    plan_life.cancel(house.ports, house.organisation_id, plan.id, "staff", "moved to Elmira")
    subscription_id = assigned(house)
    activated(house, subscription_id)
    wish = Wish(ChangeKind.cancel)
    house.set("subscription_approval_cents", 100_000)
    ask(house.ports, house.organisation_id, subscription_id, wish, "moved to Elmira", "staff:1")
    cancel(house.ports, house.organisation_id, schedule.schedule_id, "staff")
    give_back(house, charge_id, reopens_balance=False, why="left for Elmira")
    with house.ports.database.transaction(house.organisation_id) as session:
        profile.ask_correction(session, house.customer_id, {"city": "Elmira"}, house.clock.at)
    nothing_owed(house)
    return lived


def test_attack_114_nothing_personal_is_left_and_the_books_agree(house: House) -> None:
    lived = lives(house)
    before = book_cents(house, lived, Book.gateway)
    taken = [row["amount_cents"] for row in house.truth()]
    assert {"customer", "login", "message", "visit", "agreement"} - found_in_tables(house).keys() <= {"visit", "login"}
    made = erase(house.ports, house.organisation_id, house.customer_id, WHY, "staff:1")
    kept = {row.__tablename__ for row in kept_for_the_law(Gone("", house.clock.at))}
    assert set(found_in_tables(house)) <= kept, found_in_tables(house)
    assert found_in_tables(house).keys() >= {"agreement", "plan_signature"}
    with house.ports.database.read(house.organisation_id) as session:
        rows = accounts.of_customer(session, house.customer_id)
        assert invariant.broken(session, [each.id for each in rows]) == []
        assert {each.status for each in rows} == {"closed"}
        assert {each.reference.rpartition("-")[0] for each in rows} == {made.pseudonym}
        person = customers.by_id(session, house.customer_id)
        assert person is not None
        assert (person.full_name, person.reference) == (made.pseudonym, made.pseudonym)
    assert book_cents(house, lived, Book.gateway) == before
    assert [row["amount_cents"] for row in house.truth()] == taken
    sdk = house.simulator.gateway(house.merchant_id, f"{house.merchant_id}_public_key",
                                  f"{house.merchant_id}_private_key")  # fmt: skip
    with pytest.raises(NotFoundError):
        sdk.customer.find(house.customer_id)
    later(house, days=3 * 366 - 1)
    assert found_in_tables(house).keys() >= {"agreement", "plan_signature"}
    assert not any(papers(house))
    later(house, days=2)
    assert found_in_tables(house) == {}
    assert all(papers(house))
    with house.ports.database.read(house.organisation_id) as session:
        row = erasures.of_customer(session, house.customer_id)
        assert row is not None
        assert (row.finished_at, row.is_wiping) == (house.clock.at, False)
    assert not alarms(house)


def test_attack_114_c9_an_authorization_that_stood_is_kept_for_its_years_from_the_erasure_on(house: House) -> None:
    """AutoPay that was never used, made long ago: the erasure revokes it, and the law counts from there."""
    schedule = scheduled(house, weekly(house, 1))
    cancel(house.ports, house.organisation_id, schedule.schedule_id, "staff")
    nothing_owed(house)
    house.clock.pass_(days=5 * 366)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = schedules.by_id(session, schedule.schedule_id)
        assert row is not None
        made = Autopay(customer_id=house.customer_id, account_id=row.account_id, agreement_id=row.agreement_id,
                       payment_method_id=row.payment_method_id, limit_cents=100, notice_days=10, locale="en",
                       covers_from=house.clock.at, next_look_at=house.clock.at + timedelta(days=999),
                       made_at=house.clock.at)  # fmt: skip
        session.add(made)
        session.flush()
        autopay_id = made.id
    done = erase(house.ports, house.organisation_id, house.customer_id, WHY, "staff:1")
    assert (done.keep_until, done.papers_wiped_at) == (house.clock.at + timedelta(days=3 * 366), None)
    with house.ports.database.read(house.organisation_id) as session:
        ended = autopay.by_id(session, autopay_id)
        assert ended is not None
        assert (ended.status, ended.ended_at, ended.ended_by) == ("off", house.clock.at, "erasure")
    later(house, hours=2)
    with house.ports.database.read(house.organisation_id) as session:
        row = erasures.of_customer(session, house.customer_id)
        assert row is not None
        assert row.keep_until == done.keep_until


def nothing_owed(house: House) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        for each in accounts.of_customer(session, house.customer_id):
            locked = accounts.lock(session, each.id)
            if locked.balance_cents:
                lower_balance(session, locked, locked.balance_cents, event_key=f"lowered:{each.id}",
                              now=house.clock.at, by="test")  # fmt: skip


def papers(house: House) -> list[bool]:
    """Of each signed paper, whether it is empty; a PDF is squeezed, so words are not found in it."""
    with house.ports.database.read(house.organisation_id) as session:
        return [not row.content for row in session.scalars(select(PlanPaper))]


def later(house: House, **units: float) -> None:
    """Lets time pass and the janitor come by until it has nothing left."""
    house.clock.pass_(**units)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            sweep(house.ports, pool)


def standing(house: House) -> set[str]:
    with house.ports.database.read(house.organisation_id) as session:
        person = customers.by_id(session, house.customer_id)
        assert person is not None
        return {each.kind for each in hindrances(session, person)}


def refused(house: House, why: str = WHY) -> Refused:
    with pytest.raises(Refused) as caught:
        erase(house.ports, house.organisation_id, house.customer_id, why, "staff:1")
    with house.ports.database.read(house.organisation_id) as session:
        person = customers.by_id(session, house.customer_id)
        assert person is not None
        assert person.given_name == "Ada"
        assert erasures.of_customer(session, house.customer_id) is None
    return caught.value


def test_attack_73_114_who_still_owes_or_is_owed_is_not_erased_and_each_reason_is_named(house: House) -> None:
    owed = house.account(5_000)
    said = refused(house)
    assert said.code == "erasure_hindered"
    with house.ports.database.read(house.organisation_id) as session:
        row = accounts.by_id(session, owed)
        assert row is not None
    assert said.facts["hindrances"] == (Hindrance("owed", row.reference, 5_000),)
    due = house.obligation(owed, 2_500, payment_method_id=house.card_on_file())
    assert standing(house) == {"owed", "payment"}
    claim(house.ports, house.organisation_id, due, SOON)
    assert standing(house) == {"owed", "payment", "charge"}
    scheduled(house, weekly(house, 2))
    assert "schedule" in standing(house)
    subscription_id = assigned(house)
    assert "subscription" in standing(house)
    activated(house, subscription_id)
    assert "subscription" in standing(house)
    signed(house)
    assert "plan" in standing(house)
    with house.ports.database.transaction(house.organisation_id) as session:
        session.add(Objection(customer_id=house.customer_id, account_id=owed, words="no", way="phone",
                              made_at=house.clock.at, made_by="test"))  # fmt: skip
    assert "objection" in standing(house)
    refused(house)


def test_attack_114_money_on_its_way_back_is_waited_for(house: House) -> None:
    _, charge_id, _ = settled(house, 10_000, balance_cents=10_000)
    house.simulator.faults("reset_after", operation="refund", merchant=house.merchant_id)
    give_back(house, charge_id, reopens_balance=False)
    assert standing(house) == {"refund"}
    assert refused(house).code == "erasure_hindered"


def test_attack_114_the_reason_is_given_and_names_nobody(house: House) -> None:
    for why, code in (
        ("", "words_missing"), ("Ms Moss asked", "why_names_customer"), ("letter_of_ada.pdf", "why_names_customer"),
        ("mail of ADA@example.com", "why_names_customer"), ("card 4111 1111 1111 1111", "why_holds_card_number"),
    ):  # fmt: skip
        assert refused(house, why).code == code
    words = "moved to Canada"  # a name inside a longer word names nobody
    assert erase(house.ports, house.organisation_id, house.customer_id, words, "staff:1").why == words


def test_attack_114_twice_is_once_and_links_are_dead(house: House) -> None:
    account_id, _, _ = paid(house, 10_000, balance_cents=10_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        token = make(session, accounts.lock(session, account_id), days=30, now=house.clock.at, made_by="test")
        assert find(session, token, house.clock.at) is not None
    first = erase(house.ports, house.organisation_id, house.customer_id, WHY, "staff:1")
    again = erase(house.ports, house.organisation_id, house.customer_id, "another reason", "staff:2")
    assert (again.id, again.pseudonym, again.why) == (first.id, first.pseudonym, WHY)
    with house.ports.database.transaction(house.organisation_id) as session:
        assert find(session, token, house.clock.at) is None
        with pytest.raises(Refused, match="customer_unknown"):
            open_account(session, house.customer_id, reference="A-9", label="x", balance_cents=1, now=house.clock.at,
                         by="test")  # fmt: skip


@pytest.mark.usefixtures("disarmed")
@pytest.mark.parametrize("point", ["erase.before_commit", "erase.after_commit", "erase.after_forget"])
def test_attack_114_whoever_dies_on_the_way_it_is_done_whole_or_not_at_all(house: House, point: str) -> None:
    paid(house, 10_000, balance_cents=10_000)
    failpoint.arm(f"{point}=raise")
    with pytest.raises(FailpointRaised):
        erase(house.ports, house.organisation_id, house.customer_id, WHY, "staff:1")
    failpoint.arm("")
    if point == "erase.before_commit":
        assert "Ada" in found_in_tables(house)["customer"]
        erase(house.ports, house.organisation_id, house.customer_id, WHY, "staff:1")
    else:
        assert "customer" not in found_in_tables(house)
    later(house, minutes=1)
    later(house, hours=1)
    with house.ports.database.read(house.organisation_id) as session:
        row = erasures.of_customer(session, house.customer_id)
        assert row is not None
        assert row.forgotten_at is not None


def test_attack_114_a_gateway_that_cannot_be_reached_is_asked_until_it_has_forgotten(house: House) -> None:
    paid(house, 10_000, balance_cents=10_000)
    house.simulator.faults("reset_before", operation="customer", merchant=house.merchant_id, times=0)
    erase(house.ports, house.organisation_id, house.customer_id, WHY, "staff:1")
    assert "customer" not in found_in_tables(house)
    for _ in range(8):
        later(house, hours=2)
        if ALARM in alarms(house):
            break
    assert ALARM in alarms(house)
    house.simulator.clear_faults()
    later(house, hours=7)
    assert ALARM not in alarms(house)
    with house.ports.database.read(house.organisation_id) as session:
        row = erasures.of_customer(session, house.customer_id)
        assert row is not None
        assert row.forgotten_at is not None


def test_attack_114_a_card_that_was_typed_meanwhile_is_forgotten_an_hour_later(house: House) -> None:
    paid(house, 10_000, balance_cents=10_000)
    erase(house.ports, house.organisation_id, house.customer_id, WHY, "staff:1")
    late = house.card_on_file()  # its request was under way when the customer was erased
    later(house, minutes=61)
    assert found_in_tables(house) == {} or set(found_in_tables(house)) <= {"agreement", "contact_wish"}
    sdk = house.simulator.gateway(house.merchant_id, f"{house.merchant_id}_public_key",
                                  f"{house.merchant_id}_private_key")  # fmt: skip
    with pytest.raises(NotFoundError):
        sdk.customer.find(house.customer_id)
    assert late


def test_attack_114_the_nightly_comparison_still_agrees(house: House) -> None:
    paid(house, 10_000, balance_cents=10_000)
    erase(house.ports, house.organisation_id, house.customer_id, WHY, "staff:1")
    house.clock.pass_(hours=2)
    start = house.clock.at - timedelta(hours=4)
    result = reconcile_window(house.ports, house.organisation_id, start, house.clock.at, "test")
    assert result.differences == []


def test_attack_114_an_erasure_waits_for_who_pays_and_holds_nothing_that_they_need(house: House) -> None:
    """On PostgreSQL: a visit, a signing, a selection or a login is locked before its account, by an erasure as well."""
    if house.ports.database.is_sqlite:
        pytest.skip("one writer at a time there")
    account_id, now = house.account(5_000), house.clock.at
    with house.ports.database.transaction(house.organisation_id) as session:
        owed = accounts.lock(session, account_id)
        link = find(session, make(session, owed, days=30, now=now, made_by="test"), now)
        assert link is not None
        visit_id, _ = start(session, link, ip="192.0.2.7", user_agent="a browser", locale="en", now=now)
        lower_balance(session, owed, 5_000, event_key="lowered", now=now, by="test")
    with ThreadPoolExecutor(1) as pool, house.ports.database.transaction(house.organisation_id) as session:
        visits.lock(session, visit_id)
        erasing = pool.submit(erase, house.ports, house.organisation_id, house.customer_id, WHY, "staff:1")
        wait_until(lambda: is_blocked(house))
        assert not erasing.done()
        session.execute(select(Account.id).where(Account.id == account_id).with_for_update(nowait=True)).one()
        session.rollback()
        made = erasing.result(30)
    with house.ports.database.transaction(house.organisation_id) as session:
        assert visits.lock(session, visit_id).ip == ""
    assert made.pseudonym


def is_blocked(house: House) -> bool:
    """Whether a process waits for a lock in this database."""
    stuck = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with above(house.ports.database).connect() as connection:
        return bool(connection.scalar(text(stuck)))


def wait_until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.01)
