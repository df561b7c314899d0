"""A receipt: what it says, and what it must never hold; on both databases, with the real mail and paper."""

import base64
import json
import re
from email import message_from_bytes
from typing import Any

import pytest

from portal.storage import charge, message
from portal.storage.message import Receipt
from portal.storage.rows import new_id
from portal.usecases.charge import charge_obligation
from portal.usecases.outbox import deliver
from portal.usecases.receipt import facts_of, receipt_number
from tests.rig.house import House, found
from tests.usecases.test_sweep import SOON

NUMBER = "4012888888881881"


def paid(house: House, **values: Any) -> Receipt:
    due = house.obligation(house.account(50_000), 12_345, **values)
    assert charge_obligation(house.ports, house.organisation_id, due, SOON).obligation_status == "paid"
    with house.ports.database.read(house.organisation_id) as session:
        row = message.receipt_of_charge(session, charge.of_obligation(session, due)[0].id)
        assert row is not None
        return row


def sent(house: House, receipt: Receipt) -> tuple[dict[str, Any], bytes]:
    """The mail as the mailbox shows it, and as it came."""
    with house.ports.database.read(house.organisation_id) as session:
        mail = message.by_dedupe_key(session, f"receipt:{receipt.charge_id}")
        assert mail is not None
    assert deliver(house.ports, house.organisation_id, mail.id)
    inbox = house.simulator.call("GET", "/mailbox.json")
    [found_mail] = [each for each in inbox if each["message_id"].startswith(f"<{mail.message_id}@")]
    from urllib.request import urlopen

    with urlopen(f"{house.simulator.url}/mailbox/{found_mail['id']}/raw", timeout=5) as answer:
        return found_mail, answer.read()


def test_a_receipt_says_what_was_paid_to_whom_with_which_card(house: House) -> None:
    receipt = paid(house, payment_method_id=house.card_on_file(NUMBER))
    facts = facts_of(receipt)
    assert (facts.amount_cents, facts.balance_left_cents) == (12_345, 37_655)
    assert (facts.organisation_name, facts.customer_name) == ("Harbour Recovery", "Ada Moss")
    assert (facts.card_brand, facts.card_last4) == ("Visa", "1881")
    assert facts.receipt_number == receipt.number
    assert facts.paid_at == house.clock.now()
    mail, _ = sent(house, receipt)
    for part in ("text", "html"):
        for word in ("123.45", receipt.number, "1881", "Harbour Recovery"):
            assert word in mail[part]
    assert [part["content_type"] for part in mail["attachments"]] == ["application/pdf"]


def test_a_receipt_holds_at_most_four_digits_of_the_card_and_no_expiry(house: House) -> None:
    """FACTA (C36): in the row, in the mail in all its parts, and in the facts a PDF is made of."""
    receipt = paid(house, payment_method_id=house.card_on_file(NUMBER))
    _, raw = sent(house, receipt)
    parsed = message_from_bytes(raw)
    texts = [json.dumps(receipt.facts), repr(facts_of(receipt))]
    words = [part for part in parsed.walk() if part.get_content_maintype() == "text"]
    texts += [part.get_payload(decode=True).decode() for part in words]
    assert len(texts) >= 4
    for written in texts:
        assert NUMBER[:6] not in written
        assert "12/2031" not in written
        assert "12/31" not in written
        assert not re.search(r"(?i)expir|exp\. ?date|valid thru", written)
        assert not re.search(r"(?<![0-9a-f])[0-9]{5,16}1881", written)
    assert not {name for name in receipt.facts if "expir" in name or name in {"bin", "token", "nonce"}}


def test_a_receipt_keeps_saying_what_was_true_when_it_was_issued(house: House) -> None:
    from portal.storage import customer, organisation

    receipt = paid(house, payment_method_id=house.card_on_file())
    with house.ports.database.transaction(house.organisation_id) as session:
        organisation.by_id(session, house.organisation_id).name = "Another Name"
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        payer.given_name = "Someone"
    mail, _ = sent(house, receipt)
    assert "Harbour Recovery" in mail["text"]
    assert "Ada Moss" in mail["text"]
    assert "Someone" not in mail["text"]


def test_a_settlement_is_said_to_be_one(house: House) -> None:
    due = house.obligation(house.account(20_000), 12_000, forgiven_cents=8_000, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    with house.ports.database.read(house.organisation_id) as session:
        row = message.receipt_of_charge(session, charge.of_obligation(session, due)[0].id)
        assert row is not None
    facts = facts_of(row)
    assert (facts.amount_cents, facts.balance_left_cents, facts.settled) == (12_000, 0, True)


def test_a_customer_without_an_address_has_a_receipt_and_no_message(house: House) -> None:
    from portal.storage import customer
    from portal.storage.message import Message

    with house.ports.database.transaction(house.organisation_id) as session:
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        payer.email = None
    assert paid(house, payment_method_id=house.card_on_file()).number
    with house.ports.database.read(house.organisation_id) as session:
        assert session.query(Message).count() == 0


def test_receipts_by_email_can_be_switched_off(house: House) -> None:
    from portal.storage.message import Message

    house.set("receipt_by_email", False)
    paid(house, payment_method_id=house.card_on_file())
    with house.ports.database.read(house.organisation_id) as session:
        assert (session.query(Receipt).count(), session.query(Message).count()) == (1, 0)


def test_n5_a_receipt_names_its_own_organisation_and_no_other(house: House) -> None:
    """N5."""
    from portal.storage import organisation

    neighbour = found(house.ports, house.simulator)
    with house.ports.database.transaction(neighbour.organisation_id) as session:
        row = organisation.by_id(session, neighbour.organisation_id)
        row.name, row.support_email = "Neighbour Ltd", "help@neighbour.example"
    for each, own, other in (
        (house, "Harbour Recovery", "Neighbour"), (neighbour, "Neighbour Ltd", "Harbour"),
    ):  # fmt: skip
        each.set("debt_collector", value=False)  # whose name would not stand on the envelope (C20)
        each.set("discreet_messages", value=False)
        mail, raw = sent(each, paid(each, payment_method_id=each.card_on_file()))
        assert own in mail["from"]
        assert other.lower() not in raw.decode().lower()
        assert base64.b64encode(other.encode()).decode() not in raw.decode()


@pytest.mark.parametrize("charge_id", ["", "0" * 32, "f" * 32])
def test_a_receipt_number_can_be_read_aloud_and_is_the_same_each_time(charge_id: str) -> None:
    number = receipt_number(charge_id)
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}", number)
    assert number == receipt_number(charge_id)


def test_receipt_numbers_do_not_collide_and_say_nothing_about_how_many_there_are() -> None:
    numbers = [receipt_number(new_id()) for _ in range(20_000)]
    assert len(set(numbers)) == len(numbers)
    assert numbers != sorted(numbers)
