"""C25: what the pages of a plan say while its customer disputes the debt, and that they go on once it is answered."""

import pytest

from portal.storage import plan as plans
from portal.usecases.objection import Outcome, Way, object_to, resolve
from portal.usecases.plan_offer import make_link
from tests.rig.plans import NEVER, instalments, offered, plan_now, signed
from tests.web.conftest import Portal


def path_to(portal: Portal, plan_id: str) -> str:
    house, now = portal.house, portal.house.clock.now()
    with house.ports.database.transaction(house.organisation_id) as session:
        row = plans.by_id(session, plan_id)
        assert row is not None
        return f"/{house.slug}/agreement/{make_link(session, row, expires_at=now + NEVER, now=now, made_by='test')}"


@pytest.fixture(autouse=True)
def _asks_nobody_who_it_is(portal: Portal) -> None:
    portal.house.set("plan_identity", value="none")


def test_c25_the_pages_say_that_the_plan_waits_and_go_on_after_the_answer(portal: Portal) -> None:
    house = portal.house
    plan = offered(house)
    object_to(house.ports, house.organisation_id, plan.account_id, "Not mine.", Way.phone, "staff")
    reader = portal.reader().open(path_to(portal, plan.id)).press("Continue")
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


def test_c25_who_disputed_after_signing_still_sees_the_signed_copies(portal: Portal) -> None:
    house = portal.house
    plan = signed(house)
    object_to(house.ports, house.organisation_id, plan.account_id, "Not mine.", Way.phone, "staff")
    reader = portal.reader().open(path_to(portal, plan.id)).press("Continue")
    assert (reader.status, reader.step) == (200, "done")
    assert {each.status for each in instalments(house, plan)} == {"due"}
