"""Ending emails by the link in them: by a person with a button, by a mail program for its reader, never by looking."""

import re

import pytest

from portal.storage import contact_wish, customer, message
from portal.usecases.contact_wish import standing
from portal.usecases.outbox import deliver
from portal.usecases.promise import promise
from tests.web.conftest import Portal


def mailed(portal: Portal, event: str = "payment_stopped", **more: bool) -> dict[str, object]:
    """One email as it arrived, about nothing in particular."""
    house = portal.house
    name = f"ada-{house.organisation_id[:8]}@example.com"
    with house.ports.database.transaction(house.organisation_id) as session:
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        payer.email = name
        key = f"{event}:{house.clock.pass_(seconds=1)}"
        row_id = promise(session, "payment_link", "email", payer, name, "s", key, house.clock.now(), **more)
        row = message.lock(session, row_id)
        assert row is not None
        row.sealed_facts = house.ports.seal.seal(
            f'{{"link_url": "{house.ports.portal_url}/{house.slug}/l/{"t" * 32}", '
            f'"expires_at": "{house.clock.now().isoformat()}"}}'
        )
    deliver(house.ports, house.organisation_id, row_id)
    found = house.simulator.call("GET", f"/mailbox.json?recipient={name}")
    return dict(found[0]) if found else {}


def stop_path(mail: dict[str, object]) -> str:
    found = re.search(r"/[a-z0-9-]+/stop/[A-Za-z0-9_-]{32}", str(mail["text"]))
    assert found is not None
    return found[0]


def is_stopped(portal: Portal) -> bool:
    house = portal.house
    with house.ports.database.read(house.organisation_id) as session:
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        return standing(session, "email", payer.email or "").revoked_at is not None


def test_c16_an_email_carries_the_link_and_the_one_click_headers(portal: Portal) -> None:
    mail = mailed(portal)
    headers = dict(mail["headers"])  # type: ignore[call-overload]  # the mailbox shows a mapping
    path = stop_path(mail)
    assert headers["List-Unsubscribe"] == f"<http://127.0.0.1:8080{path}/one-click>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert path in str(mail["html"])
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        assert all(row.sealed_stop is None for row in message.latest(session, 10)), (
            "its token is wiped with the sending"
        )


def test_c16_looking_at_the_link_stops_nothing_and_the_button_does(portal: Portal) -> None:
    path = stop_path(mailed(portal))
    reader = portal.reader()
    for _ in range(3):
        reader.open(path)
        reader.raw("HEAD", path)
    assert not is_stopped(portal)
    assert reader.heading == "Stop emails to you?"
    assert "a•••@e•••.com" in reader.text
    reader.press("Stop these emails")
    assert reader.heading == "You will get no more of these emails"
    assert is_stopped(portal)
    assert mailed(portal) == {} or is_stopped(portal)
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        [said] = contact_wish.of_customer(session, portal.house.customer_id, "consent")
        assert (said.source, said.words, said.ip) == ("opt_out_page", "Stop these emails", "203.0.113.7")
    reader.press("Send me these emails again")
    assert not is_stopped(portal)


def test_c17_after_an_opt_out_no_link_is_mailed_unless_it_is_asked_for(portal: Portal) -> None:
    portal.reader().open(stop_path(mailed(portal))).press("Stop these emails")
    house = portal.house
    before = len(house.simulator.call("GET", f"/mailbox.json?recipient=ada-{house.organisation_id[:8]}"))
    mailed(portal)
    after = len(house.simulator.call("GET", f"/mailbox.json?recipient=ada-{house.organisation_id[:8]}"))
    assert after == before
    mailed(portal, is_answer=True)
    assert len(house.simulator.call("GET", f"/mailbox.json?recipient=ada-{house.organisation_id[:8]}")) == before + 1


@pytest.mark.parametrize("kind", ["form", "multipart"])
def test_rfc_8058_a_mail_program_presses_without_a_form_of_ours(portal: Portal, kind: str) -> None:
    path = f"{stop_path(mailed(portal))}/one-click"
    reader = portal.reader("198.51.100.9")
    assert reader.raw("GET", path).status_code == 303
    assert not is_stopped(portal)
    if kind == "form":
        answer = reader.raw("POST", path, data={"List-Unsubscribe": "One-Click"})
    else:
        body = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
        answer = reader.raw("POST", path, data=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status_code, answer.get_data()) == (200, b"ok\n")
    assert is_stopped(portal)
    assert reader.raw("POST", path, data={"List-Unsubscribe": "One-Click"}).status_code == 200, "twice is once"


@pytest.mark.parametrize("fields", [{}, {"List-Unsubscribe": "Two"}, {"list-unsubscribe": "One-Click"}])
def test_a_press_that_says_nothing_changes_nothing(portal: Portal, fields: dict[str, str]) -> None:
    path = f"{stop_path(mailed(portal))}/one-click"
    assert portal.reader().raw("POST", path, data=fields).status_code == 400
    assert not is_stopped(portal)


def test_an_unknown_or_foreign_link_is_one_page(portal: Portal) -> None:
    from tests.rig.house import found

    other = found(portal.house.ports, portal.house.simulator)
    token = stop_path(mailed(portal)).rsplit("/", 1)[1]
    for path in (f"/{portal.slug}/stop/{'x' * 32}", f"/{other.slug}/stop/{token}"):
        reader = portal.reader().open(path)
        assert (reader.status, reader.heading) == (404, "We do not know this link")
        assert (
            portal.reader().raw("POST", f"{path}/one-click", data={"List-Unsubscribe": "One-Click"}).status_code == 400
        )
    assert not is_stopped(portal)


def test_c16_a_message_about_a_debt_without_its_link_is_set_aside(portal: Portal) -> None:
    """The second lock: nothing leaves that lacks it, whoever forgot it."""
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        row_id = promise(session, "payment_link", "email", payer, "x@example.com", "s", "k", house.clock.now())
        row = message.lock(session, row_id)
        assert row is not None
        row.sealed_stop = house.ports.seal.seal("")
        row.sealed_facts = house.ports.seal.seal(
            f'{{"link_url": "{house.ports.portal_url}/{house.slug}/l/{"t" * 32}", '
            '"expires_at": "2026-12-01T00:00:00+00:00"}'
        )
    assert not deliver(house.ports, house.organisation_id, row_id)
    with house.ports.database.read(house.organisation_id) as session:
        found_row = message.by_id(session, row_id)
        assert found_row is not None
        assert (found_row.state, found_row.last_error) == ("failed", "no_opt_out")
