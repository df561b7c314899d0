"""What becomes of an offer while its customer presses Sign: the page that follows says that, and nothing is signed."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.domain.ledger import Recipe
from portal.storage import account as accounts
from portal.storage.plan import Plan
from portal.usecases import sign
from portal.usecases.ledger import post
from portal.usecases.objection import Way, object_to
from portal.usecases.plan_life import cancel
from tests.rig.house import House
from tests.rig.plans import NEVER, offered, plan_now, signed
from tests.web.conftest import Portal
from tests.web.test_agreement import at_sign, link


def _expires(house: House, plan: Plan) -> None:
    assert plan.expires_at is not None
    house.clock.at = plan.expires_at


def _is_paid(house: House, plan: Plan) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        owed_on, now = accounts.lock(session, plan.account_id), house.clock.now()
        post(session, owed_on, Recipe.balance_lowered, 50_000, event_key="paid", posted_at=now, posted_by="staff")


def _is_disputed(house: House, plan: Plan) -> None:
    object_to(house.ports, house.organisation_id, plan.account_id, "Not mine.", Way.phone, "staff")


def _is_cancelled(house: House, plan: Plan) -> None:
    cancel(house.ports, house.organisation_id, plan.id, "staff")


@pytest.mark.parametrize(
    ("happens", "heading"),
    [
        (_expires, "This link has expired"),
        (_is_paid, "This plan no longer fits"),
        (_is_disputed, "This plan waits for our answer"),
        (_is_cancelled, "This link is inactive"),
    ],
)
def test_what_happens_while_sign_is_pressed_is_said_as_it_is(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, happens: Callable[[House, Plan], None], heading: str
) -> None:
    portal.house.set("plan_identity", value="zip")
    plan = offered(portal.house, offer_days=5)
    assert plan.expires_at is not None
    portal.house.clock.at = plan.expires_at - timedelta(hours=1)
    reader, signs = at_sign(portal, plan.id), sign.sign

    def and_meanwhile(*given: object, **named: object) -> sign.Signed:
        happens(portal.house, plan)
        return signs(*given, **named)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(sign, "sign", and_meanwhile)
    reader.choose("Sign by pressing").press("Sign the agreement")
    assert reader.heading == heading
    assert plan_now(portal.house, plan.id).signed_at is None


def test_the_link_of_an_offer_that_was_signed_long_ago_does_not_say_that_the_plan_was_cancelled(portal: Portal) -> None:
    plan = signed(portal.house)
    path = link(portal, plan.id)
    portal.house.clock.at += NEVER
    reader = portal.reader().open(path)
    assert (reader.status, reader.heading) == (410, "This link is inactive")
    assert reader.sees("What was agreed with it stays as it is.")
    assert not reader.sees("cancelled")
    assert not reader.sees("plan"), "nobody has said yet who they are (C20)"
