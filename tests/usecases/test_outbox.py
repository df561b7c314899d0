"""The outbox on both databases, with a real SMTP server: nothing is lost, a repeat is the same message, one bad apple
spoils nothing."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from portal.storage import audit, customer, message
from portal.storage.message import Message
from portal.usecases.charge import charge_obligation
from portal.usecases.failpoint import FailpointRaised, arm
from portal.usecases.janitor import POOL, sweep
from portal.usecases.organisation import settings
from portal.usecases.outbox import TRIES_MAX, deliver
from portal.usecases.promise import promise
from tests.rig.house import House

SOON = timedelta(seconds=2)


@pytest.fixture(autouse=True)
def disarmed(house: House) -> Iterator[None]:
    house.simulator.call("DELETE", "/simulator/mail-faults")
    yield
    arm("")
    house.simulator.call("DELETE", "/simulator/mail-faults")


def charged(house: House) -> str:
    """The id of a charge that succeeded."""
    due = house.obligation(
        house.account(), 2_500, payment_method_id=house.card_on_file(), card_brand="Visa", card_last4="1111"
    )
    assert charge_obligation(house.ports, house.organisation_id, due, SOON).obligation_status == "paid"
    with house.ports.database.read(house.organisation_id) as session:
        from portal.storage import charge

        return charge.of_obligation(session, due)[0].id


def promised(house: House, name: str = "ada") -> str:
    """A message about a link, promised to an address of its own; its id."""
    facts = {
        "link_url": f"{house.ports.portal_url}/{house.slug}/l/{'t' * 32}",
        "expires_at": (house.ports.clock.now() + timedelta(days=1)).isoformat(),
    }
    with house.ports.database.transaction(house.organisation_id) as session:
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        return promise(
            session, "payment_link", "email", payer, f"{name}@example.com", uuid.uuid4().hex, uuid.uuid4().hex,
            house.ports.clock.now(), sealed_facts=house.ports.seal.seal(json.dumps(facts)),
        )  # fmt: skip


def row_of(house: House, message_id: str) -> Message:
    with house.ports.database.read(house.organisation_id) as session:
        return session.query(Message).filter(Message.id == message_id).one()


def state_of(house: House, message_id: str) -> str:
    return row_of(house, message_id).state


def mails_to(house: House, name: str) -> list[dict[str, Any]]:
    """What arrived, newest first. The simulator is shared, so each test has names of its own."""
    return list(house.simulator.call("GET", f"/mailbox.json?recipient={name}"))


def fresh(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


def fault(house: House, mode: str, name: str, times: int = 1) -> None:
    house.simulator.call(
        "POST", "/simulator/mail-faults", {"mode": mode, "times": times, "recipient": f"{name}@example.com"}
    )


def alarms(house: House) -> list[str]:
    with house.ports.database.read(house.organisation_id) as session:
        return [alarm.kind for alarm in audit.open_alarms(session)]


def test_n1_a_success_leaves_one_receipt_row_and_one_message_in_one_commit(house: House) -> None:
    """N1: in the commit that books the money, or not at all."""
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    arm("apply.before_commit=raise")
    with pytest.raises(FailpointRaised):
        charge_obligation(house.ports, house.organisation_id, due, SOON)
    with house.ports.database.read(house.organisation_id) as session:
        assert session.query(Message).count() == 0
        assert session.query(message.Receipt).count() == 0
    arm("")
    charge_id = charged(house)
    with house.ports.database.read(house.organisation_id) as session:
        assert session.query(message.Receipt).count() == 1
        assert message.by_dedupe_key(session, f"receipt:{charge_id}") is not None


def test_n3_a_decline_promises_nothing(house: House) -> None:
    """N3."""
    due = house.obligation(house.account(500_000), 200_100, payment_method_id=house.card_on_file())
    assert charge_obligation(house.ports, house.organisation_id, due, SOON).obligation_status == "declined"
    with house.ports.database.read(house.organisation_id) as session:
        assert session.query(Message).count() == session.query(message.Receipt).count() == 0


def test_n2_a_message_leaves_once_when_nothing_goes_wrong_however_often_it_is_rung_for(house: House) -> None:
    name = fresh("once")
    mail = promised(house, name)
    assert [deliver(house.ports, house.organisation_id, mail) for _ in range(3)] == [True, False, False]
    [sent] = mails_to(house, name)
    assert sent["message_id"] == f"<{row_of(house, mail).message_id}@paydoor.example>"
    assert row_of(house, mail).sealed_facts is None, "the link's token is wiped with the sending"


def test_a_rival_who_looks_at_the_message_does_not_make_its_sender_forget_the_mark(house: House) -> None:
    """PostgreSQL: the row is locked for a moment while the sender comes back from the mail server."""
    name = fresh("rival")
    mail = promised(house, name)
    arm("outbox.after_send=pause:0.4")
    looking = threading.Event()

    def rival() -> None:
        with house.ports.database.transaction(house.organisation_id) as session:
            message.lock(session, mail)
            looking.set()
            time.sleep(0.8)

    with ThreadPoolExecutor(2) as pool:
        sending = pool.submit(deliver, house.ports, house.organisation_id, mail)
        while not mails_to(house, name):
            time.sleep(0.01)
        held = pool.submit(rival)
        assert sending.result(20)
        held.result(20)
    assert looking.is_set()
    assert state_of(house, mail) == "sent"


def test_f5_many_at_once_send_a_message_once(house: House) -> None:
    name = fresh("race")
    mail = promised(house, name)
    gate = threading.Barrier(8, timeout=20)

    def send(_: int) -> bool:
        gate.wait()
        return deliver(house.ports, house.organisation_id, mail)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, range(8))) == [False] * 7 + [True]
    assert len(mails_to(house, name)) == 1


@pytest.mark.parametrize("point", ["outbox.before_send", "outbox.after_send"])
def test_n2_a_death_between_claim_and_mark_repeats_the_message_under_the_same_id(house: House, point: str) -> None:
    """N2: after SMTP said 250 and before we wrote it down, it goes out twice, and is one message to whoever gets it."""
    name = fresh("killed")
    mail = promised(house, name)
    arm(f"{point}=raise")
    with pytest.raises(FailpointRaised):
        deliver(house.ports, house.organisation_id, mail)
    arm("")
    assert state_of(house, mail) == "queued"
    assert not deliver(house.ports, house.organisation_id, mail), "left to its sender for a while"
    house.clock.pass_(seconds=91)
    assert deliver(house.ports, house.organisation_id, mail)
    got = mails_to(house, name)
    assert len(got) == (2 if point == "outbox.after_send" else 1)
    assert len({each["message_id"] for each in got}) == 1


def test_n2_a_death_after_the_mark_repeats_nothing(house: House) -> None:
    name = fresh("marked")
    mail = promised(house, name)
    arm("outbox.after_mark=raise")
    with pytest.raises(FailpointRaised):
        deliver(house.ports, house.organisation_id, mail)
    arm("")
    house.clock.pass_(hours=1)
    assert not deliver(house.ports, house.organisation_id, mail)
    assert len(mails_to(house, name)) == 1


def test_n2_a_mail_taken_by_a_server_that_hangs_up_is_sent_again_under_the_same_id(house: House) -> None:
    name = fresh("dropped")
    mail = promised(house, name)
    fault(house, "accept_then_drop", name)
    assert not deliver(house.ports, house.organisation_id, mail)
    house.clock.pass_(minutes=2)
    assert deliver(house.ports, house.organisation_id, mail)
    got = mails_to(house, name)
    assert len(got) == 2
    assert len({each["message_id"] for each in got}) == 1


def test_a_temporary_refusal_backs_off_longer_each_time_and_comes_again(house: House) -> None:
    name = fresh("busy")
    mail = promised(house, name)
    fault(house, "temporary_4xx", name, times=4)
    waits = []
    for _ in range(4):
        assert not deliver(house.ports, house.organisation_id, mail)
        row = row_of(house, mail)
        assert row.state == "queued"
        assert row.last_error == "message_refused_451_4.3.0"
        waits.append(row.next_try_at - house.clock.now())
        house.clock.at = row.next_try_at
    assert waits == sorted(set(waits))
    assert waits[0] >= timedelta(seconds=15)
    assert deliver(house.ports, house.organisation_id, mail)
    row = row_of(house, mail)
    assert (row.state, row.last_error, row.sent_at) == ("sent", None, house.clock.now())
    assert alarms(house) == []


def test_what_never_succeeds_is_set_aside_after_its_last_try_and_a_person_is_called(house: House) -> None:
    name = fresh("never")
    mail = promised(house, name)
    fault(house, "temporary_4xx", name, times=0)
    for tries in range(1, TRIES_MAX + 1):
        assert not deliver(house.ports, house.organisation_id, mail)
        assert row_of(house, mail).tries == tries
        house.clock.pass_(days=1)  # the same hour of the day, so that no quiet hours hold it
    assert state_of(house, mail) == "failed"
    assert alarms(house) == ["message_failed"]


def test_a_permanent_refusal_is_set_aside_at_once_and_a_person_is_called(house: House) -> None:
    name = fresh("gone")
    mail = promised(house, name)
    fault(house, "permanent_5xx", name)
    assert not deliver(house.ports, house.organisation_id, mail)
    row = row_of(house, mail)
    assert (row.state, row.last_error, row.tries) == ("failed", "message_refused_550_5.1.1", 1)
    assert alarms(house) == ["message_failed"]
    house.clock.pass_(days=1)
    assert not deliver(house.ports, house.organisation_id, mail)
    assert mails_to(house, name) == []


def test_n6_one_poisoned_message_among_a_hundred_blocks_none_of_the_others(house: House) -> None:
    """N6: one has an address that could break a header, one is about nothing."""
    name = fresh("many")
    good = [promised(house, f"{name}-{number}") for number in range(98)]
    bad = [promised(house, "x\r\nBcc: all"), promised(house, f"{name}-poisoned")]
    with house.ports.database.transaction(house.organisation_id) as session:
        for mail in bad[1:]:
            row = message.lock(session, mail)
            assert row is not None
            row.sealed_facts = None
        for mail in bad:  # they come first
            row = message.lock(session, mail)
            assert row is not None
            row.next_try_at -= timedelta(minutes=5)
    with ThreadPoolExecutor(POOL) as pool:
        done = sweep(house.ports, pool)
    assert done.delivered == 100
    assert {state_of(house, mail) for mail in bad} == {"failed"}
    assert {state_of(house, mail) for mail in good} == {"sent"}
    assert len(mails_to(house, name)) == 98
    assert alarms(house) == ["message_failed"] * 2


def test_a_mail_server_that_is_down_loses_nothing(house: House) -> None:
    from dataclasses import replace

    from portal.delivery.smtp import SmtpMail

    name = fresh("down")
    mail = promised(house, name)
    down = replace(house.ports, mail=SmtpMail("127.0.0.1", 1, sender="no-reply@paydoor.example"))
    assert not deliver(down, house.organisation_id, mail)
    assert row_of(house, mail).last_error == "smtp_ConnectionRefusedError"
    house.clock.pass_(minutes=1)
    assert deliver(house.ports, house.organisation_id, mail)


def test_attack_054_a_job_that_names_a_foreign_message_finds_nothing(house: House) -> None:
    from tests.rig.house import found

    stranger = found(house.ports, house.simulator)
    mail = promised(house, fresh("foreign"))
    assert not deliver(house.ports, stranger.organisation_id, mail)
    assert not deliver(house.ports, house.organisation_id, "0" * 32)
    assert state_of(house, mail) == "queued"


def test_a_receipt_by_text_goes_only_to_who_agreed_and_where_it_is_switched_on(house: House) -> None:
    house.set("receipt_by_sms", True)
    charge_id = charged(house)
    with house.ports.database.read(house.organisation_id) as session:
        assert settings(session).is_on("receipt_by_sms")
        assert message.by_dedupe_key(session, f"receipt-sms:{charge_id}") is None, "no consent"
    house.agrees_to_texts()
    charge_id = charged(house)
    with house.ports.database.read(house.organisation_id) as session:
        text = message.by_dedupe_key(session, f"receipt-sms:{charge_id}")
        assert text is not None
    assert not deliver(house.ports, house.organisation_id, text.id), "no carrier in this deployment"
    assert row_of(house, text.id).last_error == "sms_not_configured"
