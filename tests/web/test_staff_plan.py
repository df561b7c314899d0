"""The console's pages of plans: made from an account and terms, looked at whole, offered, ended, paused and resumed."""

import json
import re
from collections.abc import Callable

import pytest

from portal.domain.due_date import local_date
from portal.domain.staff import Role
from portal.storage import Session, account, customer, message, plan
from portal.storage.plan import Plan, PlanPreset
from portal.usecases.plan import offer
from portal.usecases.plan_life import pause
from portal.usecases.plan_preset import set_preset
from portal.web.staff import plan as plan_pages
from portal.web.staff import plan_terms
from tests.rig.people import colleague
from tests.rig.plans import instalments, offered, plan_now, signed
from tests.rig.reader import Reader
from tests.rig.series import today
from tests.rig.series import told as delivered
from tests.web.conftest import Portal

AMOUNT = re.compile(r"^\$([0-9,]+)\.([0-9]{2})$")


@pytest.fixture
def desk(portal: Portal) -> Reader:
    return colleague(portal.house, Role.clerk).sign_in(portal.reader())


def at_terms(portal: Portal, desk: Reader) -> Reader:
    """Past the choice of the account, as a person finds it."""
    desk.follow("Payment plans").follow("Make a plan")
    return desk.fill("Account number", reference(portal)[:6]).press("Find").follow("$500.00 owed")


def reference(portal: Portal) -> str:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        row = account.by_id(session, portal.account_id)
    assert row is not None
    return row.reference


def fill(desk: Reader, **typed: str) -> Reader:
    """Fields by name, as the form posts them; the others stay as they are."""
    for name, value in typed.items():
        desk.set_hidden(name, value)
    return desk.press("Show the whole plan")


def amounts(desk: Reader) -> list[int]:
    """The cents of each payment the page lists."""
    found = [each.text for each in desk.page.walk() if "payment-amount" in each.get("class").split()]
    read = [AMOUNT.match(each) for each in found]
    assert all(read), found
    return [int(each[1].replace(",", "")) * 100 + int(each[2]) for each in read if each]


def rows(portal: Portal) -> list[Plan]:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return plan.listed(session, None, 10)


def told(portal: Portal) -> list[str]:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return sorted(each.event for each in message.of_customer(session, portal.house.customer_id))


def test_staff_make_a_settlement_look_at_all_of_it_and_offer_it(portal: Portal, desk: Reader) -> None:
    at_terms(portal, desk)
    assert desk.rows()["Owed"] == "$500.00"
    first_on = local_date(portal.house.clock.now(), "America/New_York").replace(day=20).isoformat()
    fill(
        desk, pays="settlement", total="300.01", down="50", number="3", start_on=first_on, offer_days="10",
        frequency="monthly", channels="email",
    )  # fmt: skip
    [made] = rows(portal)
    assert desk.heading == "Check this plan"
    assert desk.amount == "$300.01"
    assert amounts(desk) == [5_000, 8_333, 8_333, 8_335]
    assert sum(amounts(desk)) == made.total_cents == 30_001
    assert (made.state, made.made_by.partition(":")[0], told(portal)) == ("draft", "staff", [])
    desk.press("Offer it to the customer")
    assert desk.sees("The offer is on its way")
    assert (plan_now(portal.house, made.id).state, told(portal)) == ("offered", ["plan_offer"])
    assert desk.follow("Payment plans").sees(made.reference)


def test_a_preset_fills_the_form_and_what_is_wrong_stands_beside_its_field(portal: Portal, desk: Reader) -> None:
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        preset = PlanPreset(
            name="Half in four", settlement_basis_points=5_000, down_basis_points=1_000, number=4,
            frequency="payday_weekly", first_in_days=7, channels="email", offer_days=9,
        )  # fmt: skip
        set_preset(session, preset, "test", house.clock.now())
    at_terms(portal, desk).follow("Half in four")
    form, button = desk.form_of("Show the whole plan")
    shown = desk.values_of(form, button)
    assert (shown["pays"], shown["total"], shown["down"], shown["number"]) == ("settlement", "250.00", "25.00", "4")
    assert (shown["frequency"], shown["weekday"], shown["offer_days"]) == ("payday_weekly", "4", "9")

    fill(desk, total="x", down="12,3", number="0", start_on="2026-02-30", weekday="", offer_days="soon")
    assert desk.status == 422
    assert desk.title.startswith("Error: ")
    wrong = {each.get("id") for each in desk.page.walk() if "field-error" in each.get("class").split()}
    assert wrong == {"total-error", "down-error", "number-error", "start-on-error", "weekday-error", "offer-days-error"}
    assert desk.values_of(desk.form_of("Show the whole plan")[0])["down"] == "12,3"
    assert rows(portal) == []


RULES: list[tuple[dict[str, str], str, str]] = [
    ({"pays": "settlement", "total": "500"}, "total", "less than the $500.00"),
    ({"pays": "part", "total": "500.01"}, "total", "At most $500.00"),
    ({"down": "500"}, "down", "less than the total of $500.00"),
    ({"down": "1"}, "down", "at least $5.00"),
    ({"number": "120"}, "number", "Choose fewer payments"),
    ({"number": "121"}, "number", "more than 120 payments"),
    ({"start_on": "2026-11-01"}, "start-on", "has passed"),
    ({"start_on": "9999-12-31"}, "number", "at the latest"),
    ({"offer_days": "181"}, "offer-days", "from 1 to 180"),
    ({"channels": "sms"}, "channels", "no number on file"),
    ({"channels": "owl"}, "channels", "Choose how the offer is sent"),
    ({"frequency": "daily"}, "frequency", "Choose how often"),
    ({"frequency": "payday_twice_a_month", "first_day": "1", "second_day": "5"}, "first-day", "10 days apart"),
    ({"pays": "none"}, "pays-all", "Choose one of these"),
    ({"cut": "chosen"}, "cut-evenly", "Choose one of these"),
]


def test_each_rule_is_said_beside_the_field_it_is_about(portal: Portal, desk: Reader) -> None:
    at_terms(portal, desk)
    start_on = today(portal.house).replace(day=20).isoformat()
    form, button = desk.form_of("Show the whole plan")
    first = desk.values_of(form, button) | {"start_on": start_on, "number": "3"}
    for typed, field, says in RULES:
        desk.post(form["action"], first | typed)
        assert desk.status == 422, typed
        [wrong] = [each for each in desk.page.walk() if "field-error" in each.get("class").split()]
        assert wrong.get("id") == f"{field}-error"
        assert says in wrong.text, wrong.text
    assert rows(portal) == []
    desk.post(form["action"], first | {"cut": "fixed", "each": "600"})  # one payment, smaller than asked for
    assert amounts(desk) == [50_000]


def test_one_account_has_one_plan_at_a_time_and_the_page_leads_to_it(portal: Portal, desk: Reader) -> None:
    standing = offered(portal.house, account_id=portal.account_id)
    at_terms(portal, desk)
    assert desk.sees("There is a plan on this account already")
    assert desk.follow(f"Open {standing.reference}").heading == f"Plan {standing.reference}"


def test_a_draft_is_taken_back_and_its_terms_are_there_to_be_changed(portal: Portal, desk: Reader) -> None:
    fill(at_terms(portal, desk), number="7", down="33.50")
    desk.press("Change the terms")
    shown = desk.values_of(desk.form_of("Show the whole plan")[0])
    assert (shown["number"], shown["down"]) == ("7", "33.50")
    fill(desk, number="5")
    assert [(each.state, len(each.instalments)) for each in sorted(rows(portal), key=lambda each: each.state)] == [
        ("cancelled", 7),
        ("draft", 5),
    ]
    assert told(portal) == []


def test_a_draft_that_is_taken_back_twice_leads_to_its_terms_both_times(portal: Portal, desk: Reader) -> None:
    fill(at_terms(portal, desk), number="7")
    form, button = desk.form_of("Change the terms")
    values = desk.values_of(form, button)
    for _press in range(2):
        desk.post(form["action"], values)
        assert desk.values_of(desk.form_of("Show the whole plan")[0])["number"] == "7"


def test_a_draft_that_is_offered_while_it_is_taken_back_is_not_cancelled_with_a_word_to_its_customer(
    portal: Portal, desk: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(at_terms(portal, desk), number="7")
    looked_up = plan_terms.row_of

    def and_meanwhile(by_id: Callable[[Session, str], Plan | None], plan_id: str) -> Plan:
        seen = looked_up(by_id, plan_id)
        offer(portal.house.ports, portal.house.organisation_id, plan_id, "staff:other")
        return seen

    monkeypatch.setattr(plan_terms, "row_of", and_meanwhile)
    desk.press("Change the terms")
    assert desk.heading.startswith("Plan PL-")
    assert [each.state for each in rows(portal)] == ["offered"]
    assert told(portal) == ["plan_offer"]


def test_p6_staff_pause_resume_and_cancel_with_a_reason_that_no_customer_sees(portal: Portal, desk: Reader) -> None:
    row = signed(portal.house)
    desk.open(f"/{portal.slug}/staff/plans/{row.id}").follow("Pause this plan").press("Pause this plan")
    assert (desk.status, desk.errors()) == (422, ["Write down why."])
    desk.fill("Why", "card 4111 1111 1111 1111").press("Pause this plan")
    assert desk.errors() == ["This looks like a card number. Please remove it."]
    desk.fill("Why", "x" * 301).press("Pause this plan")
    assert desk.errors() == ["Shorten this to 300 characters or fewer."]
    desk.fill("Why", "Waits for the insurer.").press("Pause this plan")
    assert desk.sees("The plan is paused")
    assert desk.rows()["Why"] == "Waits for the insurer."
    desk.follow("Resume this plan").fill("Why", "The insurer paid.").press("Resume this plan")
    assert (plan_now(portal.house, row.id).state, plan_now(portal.house, row.id).why) == ("signed", "The insurer paid.")
    desk.follow("Cancel this plan").fill("Why", "Paid by check.").press("Cancel this plan")
    assert desk.sees("The plan is cancelled")
    assert {each.status for each in instalments(portal.house, row)} == {"cancelled"}
    assert not [each for each in desk.page.all("button") if "plan" in each.text.lower()]
    assert [each for each in delivered(portal.house) if each.startswith("plan_")] == [
        "plan_cancelled",
        "plan_offer",
        "plan_paused",
        "plan_resumed",
        "plan_signed",
    ]
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        payer = customer.by_id(session, portal.house.customer_id)
    assert payer is not None
    mails = portal.house.simulator.call("GET", f"/mailbox.json?recipient={payer.email}")
    assert len(mails) >= 2, "what was sent meanwhile is looked at"
    assert not any("insurer" in json.dumps(each) or "Paid by" in json.dumps(each) for each in mails)


def test_what_somebody_else_did_meanwhile_is_shown_and_nothing_is_done_twice(portal: Portal, desk: Reader) -> None:
    row = signed(portal.house)
    desk.open(f"/{portal.slug}/staff/plans/{row.id}/pause").fill("Why", "One of us.")
    form, button = desk.form_of("Pause this plan")
    values = desk.values_of(form, button)
    pause(portal.house.ports, portal.house.organisation_id, row.id, "staff:other", "The other.")
    desk.post(form["action"], values)
    assert desk.heading == f"Plan {row.reference}"
    assert plan_now(portal.house, row.id).why == "The other."
    assert told(portal).count("plan_paused") == 1


def test_an_auditor_looks_and_does_nothing(portal: Portal) -> None:
    row = signed(portal.house)
    reader = colleague(portal.house, Role.auditor).sign_in(portal.reader())
    reader.follow("Payment plans").follow(row.reference)
    assert reader.heading == f"Plan {row.reference}"
    assert not [each for each in reader.page.all("a") if "Cancel" in each.text or "Pause" in each.text]
    for path in ("plans/new", f"plans/new/{portal.account_id}", f"plans/{row.id}/cancel"):
        assert reader.open(f"/{portal.slug}/staff/{path}").status == 403


def test_the_list_shows_those_that_stand_so_and_goes_on_page_by_page(
    portal: Portal, desk: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_pages, "ON_PAGE", 2)
    made = []
    for _ in range(3):
        made.append(offered(portal.house).reference)
        portal.house.clock.pass_(minutes=1)
    desk.open(f"/{portal.slug}/staff/plans")
    assert [each in desk.text for each in made] == [False, True, True]
    desk.follow("Older plans")
    assert [each in desk.text for each in made] == [True, False, False]
    assert desk.open(f"/{portal.slug}/staff/plans?state=signed").sees("There are no such plans.")
    assert desk.open(f"/{portal.slug}/staff/plans?state=nonsense&after={'z' * 500}").sees(made[2])
    only = desk.raw(
        "GET", f"/{portal.slug}/staff/plans?state=offered", headers={"HX-Request": "true", "HX-Target": "div#plans"}
    ).get_data(as_text=True)
    assert "<h1" not in only
    assert made[2] in only


@pytest.mark.parametrize("typed", ["%", "_", "' or 1=1 --", "\\", "é" * 60, "x " * 200])
def test_attack_what_is_looked_for_is_text_and_never_a_pattern(portal: Portal, desk: Reader, typed: str) -> None:
    desk.open(f"/{portal.slug}/staff/plans/new").fill("Account number", typed).press("Find")
    assert desk.status == 200
    assert not [each for each in desk.page.all("a") if "owed" in each.text]
