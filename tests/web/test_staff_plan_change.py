"""A plan changed at the console: its terms typed anew, old and new side by side, offered; and its papers opened."""

import pytest

from portal.domain.staff import Role
from portal.storage import audit, message
from portal.storage import plan as plans
from portal.storage.plan import Plan
from portal.usecases.charge import charge_obligation, claim
from tests.rig.above import behind_our_back
from tests.rig.house import House
from tests.rig.payment import SOON
from tests.rig.people import colleague
from tests.rig.plans import instalments, offered, plan_now, settlement, signed, signer, wish
from tests.rig.reader import Reader
from tests.rig.series import go_to
from tests.web.conftest import Portal

OPENED = "plan_papers_opened"


@pytest.fixture
def desk(portal: Portal) -> Reader:
    return colleague(portal.house, Role.clerk).sign_in(portal.reader())


def open_plan(portal: Portal, desk: Reader, plan: Plan) -> Reader:
    return desk.open(f"/{portal.slug}/staff/plans/{plan.id}")


def pay_first(house: House, plan: Plan) -> None:
    first = instalments(house, plan)[0]
    go_to(house, first)
    assert charge_obligation(house.ports, house.organisation_id, first.id, SOON).obligation_status == "paid"


def typed_in(desk: Reader, button: str) -> dict[str, str]:
    return desk.values_of(*desk.form_of(button))


def columns(desk: Reader) -> list[list[str]]:
    """The amounts of each column, old and new."""
    return [
        [each.text for each in column.walk() if "payment-amount" in each.get("class").split()]
        for column in desk.page.all("ol")
    ]


def editions(house: House, plan: Plan) -> list[Plan]:
    with house.ports.database.read(house.organisation_id) as session:
        return plans.editions(session, plan.reference)


def trail(house: House, about: str) -> list[tuple[str, str, dict[str, object]]]:
    with house.ports.database.read(house.organisation_id) as session:
        return [(each.actor.partition(":")[0], each.action, each.facts) for each in audit.about(session, about)]


def test_p9_staff_change_a_settlement_see_old_and_new_and_offer_it_to_be_signed_afresh(portal: Portal) -> None:
    house = portal.house
    plan = signed(house, settlement(house))
    pay_first(house, plan)
    desk = colleague(house, Role.clerk).sign_in(portal.reader())
    open_plan(portal, desk, plan).follow("Change this plan")
    assert desk.heading == f"New terms for {plan.reference}"
    assert desk.rows()["Owed"] == "$420.00"
    shown = typed_in(desk, "Show the whole plan")
    assert (shown["pays"], shown["total"], shown["number"], shown["down"]) == ("settlement", "160.00", "2", "")
    desk.set_hidden("number", "0").press("Show the whole plan")
    assert desk.status == 422
    desk.set_hidden("number", "4").press("Show the whole plan")
    assert desk.heading == "Check the new version"
    assert columns(desk) == [["$80.00"] * 2, ["$40.00"] * 4]
    assert desk.sees("Settles $420.00: $260.00 is forgiven with the last payment.")
    assert len(editions(house, plan)) == 1, "nothing was done yet"
    desk.press("Change the terms")
    assert typed_in(desk, "Show the whole plan")["number"] == "4"
    desk.press("Show the whole plan").press("Offer the new version")
    assert (desk.status, desk.errors()) == (422, ["Write down why."])
    desk.fill("Why", "card 4111 1111 1111 1111").press("Offer the new version")
    assert desk.errors() == ["This looks like a card number. Please remove it."]
    desk.fill("Why", "Earns less now.").press("Offer the new version")
    assert desk.sees("The new version is on its way to the customer.")
    assert desk.rows()["Why"] == "Earns less now."
    old, new = editions(house, plan)
    assert (old.state, old.paused_for, new.state, new.total_cents) == ("paused", "change", "offered", 16_000)
    assert ("staff", "plan_changed", {"edition": 2, "plan_id": new.id}) in trail(house, old.id)
    with house.ports.database.read(house.organisation_id) as session:
        offers = [each for each in message.of_customer(session, house.customer_id) if each.event == "plan_offer"]
    assert {each.subject_id for each in offers} == {old.id, new.id}
    assert not [each for each in open_plan(portal, desk, old).page.all("a") if "Change this plan" in each.text]
    signer(house, new).read(house.card_on_file()).sign()
    assert [each.state for each in editions(house, plan)] == ["superseded", "signed"]


def test_p9_what_was_shown_is_offered_or_nothing_is(portal: Portal, desk: Reader) -> None:
    house = portal.house
    plan = signed(house, wish(house, down_cents=5_000))
    open_plan(portal, desk, plan).follow("Change this plan").press("Show the whole plan")
    assert desk.amount == "$500.00"
    beside = house.obligation(plan.account_id, 10_000, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, beside, SOON)
    desk.fill("Why", "Earns less now.").press("Offer the new version")
    assert (desk.status, desk.errors()) == (409, ["What is owed changed since this was shown. Check it once more."])
    assert desk.amount == "$400.00"
    assert len(editions(house, plan)) == 1
    claim(house.ports, house.organisation_id, instalments(house, plan)[0].id, SOON)
    desk.fill("Why", "Earns less now.").press("Offer the new version")
    assert desk.status == 409
    assert desk.sees("A payment of this plan is being made at this moment")
    assert [each.state for each in editions(house, plan)] == ["signed"]


def test_an_offer_is_changed_before_it_was_signed_and_an_auditor_changes_nothing(portal: Portal, desk: Reader) -> None:
    house = portal.house
    plan = offered(house, account_id=portal.account_id)
    open_plan(portal, desk, plan).follow("Change this plan").set_hidden("number", "5").press("Show the whole plan")
    assert desk.sees("The offer that is out ends now")
    desk.fill("Why", "Five suits them.").press("Offer the new version")
    assert [each.state for each in editions(house, plan)] == ["superseded", "offered"]
    auditor = colleague(house, Role.auditor).sign_in(portal.reader())
    newest = editions(house, plan)[-1]
    assert not [each for each in open_plan(portal, auditor, newest).page.all("a") if "Change" in each.text]
    assert auditor.open(f"{auditor.path}/change").status == 403


def test_c9_papers_of_each_version_that_was_signed_are_opened_and_the_trail_says_by_whom(
    portal: Portal, desk: Reader
) -> None:
    house = portal.house
    old = signed(house)
    open_plan(portal, desk, old).follow("Change this plan").set_hidden("number", "5").press("Show the whole plan")
    desk.fill("Why", "Longer.").press("Offer the new version")
    new = editions(house, old)[-1]
    assert not open_plan(portal, desk, new).sees("Signed papers"), "nobody signed it yet"
    assert desk.open(f"{desk.path}/agreement.pdf").heading == f"Plan {new.reference}"
    signer(house, new).read(house.card_on_file()).sign()
    opened = []
    for each in (plan_now(house, old.id), plan_now(house, new.id)):
        open_plan(portal, desk, each)
        assert desk.sees("Signed papers")
        for kind in ("agreement", "schedule"):
            answer = desk.raw("GET", f"{desk.path}/{kind}.pdf")
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
            assert answer.headers["Cache-Control"] == "no-store"
            opened.append(answer.get_data())
        read = [(who, str(facts["paper"])) for who, action, facts in trail(house, each.id) if action == OPENED]
        assert sorted(read) == [("staff", "agreement"), ("staff", "schedule")]
    assert len({*opened}) == 4
    assert all(each.startswith(b"%PDF") for each in opened)
    assert desk.raw("GET", f"{desk.path}/anything.pdf").status_code == 404
    another = f"(SELECT content FROM plan_paper WHERE plan_id = '{old.id}' AND kind = 'schedule')"
    spoil = f"UPDATE plan_paper SET content = {another} WHERE plan_id = '{new.id}' AND kind = 'schedule'"
    behind_our_back(house.ports.database, ("plan_paper",), spoil)
    assert desk.open(f"{desk.path}/schedule.pdf").status == 409
    assert desk.sees("This paper is not the one that was signed.")
