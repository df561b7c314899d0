"""A document that cannot be printed just now: a calm page, nothing lost, and the same document a minute later."""

import pytest

from portal.domain.message import DeliveryPermanent, DeliveryTemporary
from portal.domain.staff import Role
from portal.storage import paper_copy
from portal.usecases.plan_life import cancel
from tests.rig.plans import offered
from tests.rig.series import told
from tests.web.conftest import Portal
from tests.web.test_agreement import at_terms
from tests.web.test_staff_paper import at_papers, on_paper


def test_a_paper_that_cannot_be_printed_is_said_on_a_page_and_nothing_is_lost(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_id = on_paper(portal)
    house = portal.house
    with house.ports.database.read(house.organisation_id) as session:
        plan_id = next(about.subject_id for copy, about, _ in paper_copy.waiting(session, 10) if copy.id == copy_id)
    cancel(house.ports, house.organisation_id, plan_id, "staff")
    told(house)
    desk = at_papers(portal, Role.clerk)

    def jammed(*_args: object) -> bytes:
        raise DeliveryPermanent("cannot_be_printed")

    monkeypatch.setattr(house.ports.paper, "record_letter", jammed)
    with house.ports.database.read(house.organisation_id) as session:
        letter = next(copy.id for copy, about, _ in paper_copy.waiting(session, 10) if about.event == "plan_cancelled")
    desk.open(f"{desk.path}/{letter}/1.pdf")
    assert desk.status == 503
    assert desk.heading == "We cannot show this document right now"
    assert desk.sees("Nothing is lost")


def test_an_agreement_that_cannot_be_printed_is_said_on_a_page_and_is_read_a_minute_later(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.house.set("plan_identity", value="zip")
    reader = at_terms(portal, offered(portal.house, account_id=portal.account_id).id)
    here = reader.path

    def jammed(*_args: object) -> bytes:
        raise DeliveryTemporary("paper_used_before_fork")

    with monkeypatch.context() as jam:
        jam.setattr(portal.house.ports.paper, "agreement", jammed)
        reader.press("Open the agreement")
        assert reader.status == 503
        assert reader.heading == "We cannot show this document right now"
        assert reader.sees("Nothing is lost")
    reader.open(f"{here}/agreement.pdf")
    assert reader.status == 200
    assert reader.open(here).step == "terms"
