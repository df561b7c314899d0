"""C25: what the pages of a plan say while its customer disputes the debt, and that they go on once it is answered."""

from datetime import datetime

import pytest

from portal.storage import message as messages
from portal.usecases.objection import Outcome, Way, object_to, resolve
from tests.rig.house import House
from tests.rig.plans import instalments, offered, plan_now, signed
from tests.web.conftest import Portal
from tests.web.test_agreement import link


def told_after(house: House, at: datetime) -> list[str]:
    with house.ports.database.read(house.organisation_id) as session:
        return [each.event for each in messages.of_customer(session, house.customer_id) if each.created_at >= at]


@pytest.fixture(autouse=True)
def _asks_nobody_who_it_is(portal: Portal) -> None:
    portal.house.set("plan_identity", value="none")


def test_c25_the_pages_say_that_the_plan_waits_and_go_on_after_the_answer(portal: Portal) -> None:
    house = portal.house
    plan = offered(house)
    object_to(house.ports, house.organisation_id, plan.account_id, "Not mine.", Way.phone, "staff")
    reader = portal.reader().open(link(portal, plan.id)).press("Continue")
    assert reader.status == 409
    assert reader.heading == "This plan waits for our answer"
    assert reader.sees("You told us that you do not owe this")
    assert not [each for each in reader.page.all("button") if "Get Started" in each.text]
    for step in ("card", "terms", "sign"):
        assert reader.open(reader.path.rpartition("/")[0] + f"/{step}").status == 409
    resolve(house.ports, house.organisation_id, plan.account_id, Outcome.verified, "Sent the bill.", "staff")
    reader.open(reader.path.rpartition("/")[0] + "/details").press("Get Started")
    assert reader.step == "card"
    assert plan_now(house, plan.id).state == "offered"


def test_c25_no_fresh_offer_is_made_of_a_disputed_debt_until_it_is_answered(portal: Portal) -> None:
    house = portal.house
    plan = offered(house)
    path = link(portal, plan.id)
    assert plan.expires_at is not None
    house.clock.at = plan.expires_at
    reader = portal.reader().open(path)
    form, button = reader.form_of("Send me a fresh one")
    values = reader.values_of(form, button)
    object_to(house.ports, house.organisation_id, plan.account_id, "Not mine.", Way.phone, "staff")
    for seen in (reader.post(form["action"], values), portal.reader().open(path)):
        assert (seen.status, seen.heading) == (410, "This link has expired")
        assert seen.sees("once we have answered you")
        assert not seen.sees("owe"), "nobody has said yet who they are (C20)"
        assert not [each for each in seen.page.all("button") if "fresh" in each.text]
    assert "plan_offer" not in told_after(house, plan.expires_at)
    resolve(house.ports, house.organisation_id, plan.account_id, Outcome.verified, "Sent the bill.", "staff")
    portal.reader().open(path).press("Send me a fresh one")
    assert "plan_offer" in told_after(house, plan.expires_at)


def test_c25_who_disputed_after_signing_still_sees_the_signed_copies(portal: Portal) -> None:
    house = portal.house
    plan = signed(house)
    object_to(house.ports, house.organisation_id, plan.account_id, "Not mine.", Way.phone, "staff")
    reader = portal.reader().open(link(portal, plan.id)).press("Continue")
    assert (reader.status, reader.step) == (200, "done")
    assert {each.status for each in instalments(house, plan)} == {"due"}
