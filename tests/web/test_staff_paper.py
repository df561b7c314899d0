"""The console's pile of papers: who may look, who may tick off, and what lies on it (C14)."""

from portal.domain.message import Channel
from portal.domain.message_event import EVENTS
from portal.domain.staff import Role
from portal.storage import audit, customer, paper_copy
from portal.usecases.sign import withdraw
from portal.web.staff.paper import sheets
from tests.rig.people import colleague
from tests.rig.plans import BROWSER, IP, offered, signer
from tests.rig.reader import Reader
from tests.rig.series import told
from tests.web.conftest import Portal


def on_paper(portal: Portal) -> str:
    """A signed plan whose two papers wait to be posted; the id of what waits."""
    house = portal.house
    person = signer(house, offered(house, account_id=portal.account_id)).read()
    person.sign()
    withdraw(house.ports, house.organisation_id, person.signing_id, person.secret, ip=IP, user_agent=BROWSER)
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        [(copy, _about, _whose)] = paper_copy.waiting(session, 10)
    return copy.id


def lives_at(portal: Portal, street: str | None) -> None:
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        row = customer.by_id(session, portal.house.customer_id)
        assert row is not None
        row.address_line1 = street


def at_papers(portal: Portal, role: Role) -> Reader:
    return colleague(portal.house, role).sign_in(portal.reader()).follow("Print and post")


def test_c14_staff_print_the_papers_post_them_and_tick_them_off(portal: Portal) -> None:
    copy_id = on_paper(portal)
    lives_at(portal, None)
    desk = at_papers(portal, Role.clerk)
    assert desk.sees("Payment schedule, Signed agreement")
    assert desk.sees("There is no postal address on file")
    lives_at(portal, "1 Elm Street")
    desk.open(desk.path)
    assert desk.sees("1 Elm Street")
    assert not desk.sees("There is no postal address on file")
    for number, status in ((1, 200), (2, 200), (0, 404), (3, 404)):
        answer = desk.raw("GET", f"{desk.path}/{copy_id}/{number}.pdf")
        assert answer.status_code == status
        assert (answer.headers["Content-Type"] == "application/pdf") is (status == 200)
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        opened = [each.action for each in audit.about(session, copy_id)]
    assert opened.count("paper_opened") >= 2
    desk.press("It is in the mail")
    assert desk.sees("Noted as posted.")
    assert desk.sees("Nothing waits to be posted.")
    assert desk.sees("Posted last")


def test_c14_an_auditor_looks_and_ticks_nothing_off(portal: Portal) -> None:
    copy_id = on_paper(portal)
    desk = at_papers(portal, Role.auditor)
    assert desk.sees("Signed agreement")
    assert not desk.sees("It is in the mail")
    assert desk.raw("POST", f"{desk.path}/{copy_id}/posted").status_code in {400, 403}
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        assert len(paper_copy.waiting(session, 10)) == 1


def test_c14_each_message_that_must_reach_a_customer_has_words_for_its_paper(portal: Portal) -> None:
    with portal.app.test_request_context():
        named = set(sheets())
    must = {each.name for each in EVENTS.values() if each.goes_on and Channel.email in each.channels}
    assert named == must
