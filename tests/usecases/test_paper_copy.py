"""C14: whoever takes the consent to electronic records back gets them by mail, until they consent again."""

import io
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pypdf import PdfReader

from portal.domain.refusal import Refused
from portal.domain.subscription import ChangeKind
from portal.storage import audit, customer, message, paper_copy
from portal.storage import signing as signings
from portal.storage.message import Message
from portal.storage.paper_copy import PaperCopy
from portal.usecases.paper_copy import is_on_paper, mark_posted
from portal.usecases.paper_print import print_copy
from portal.usecases.plan_life import cancel, pause
from portal.usecases.sign import withdraw
from portal.usecases.subscription_change import ask
from portal.usecases.subscription_worth import Wish
from tests.rig.autopay import practice, turned_on
from tests.rig.house import House
from tests.rig.plans import BROWSER, IP, Signer, instalments, offered, plan_now, signer, wish
from tests.rig.series import go_to, run_due, told
from tests.rig.subscriptions import activated, assigned

PHONE = "+13125550123"
SAID = "so the paper to keep comes by mail"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


@pytest.fixture
def name(house: House) -> str:
    """An address of the customer's own: the mailbox is shared."""
    own = f"paper-{uuid.uuid4().hex[:8]}"
    address(house, f"{own}@example.com")
    return own


def address(house: House, email: str | None, phone: str | None = None) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        row = customer.by_id(session, house.customer_id)
        assert row is not None
        row.email, row.phone = email, phone or row.phone
        row.address_line1, row.city, row.state, row.postal_code = "1 Elm Street", "Chicago", "IL", "60614"


def withdrawn(person: Signer) -> None:
    house = person.house
    withdraw(house.ports, house.organisation_id, person.signing_id, person.secret, ip=IP, user_agent=BROWSER)


def on_paper(house: House) -> Signer:
    """A plan under a signature whose customer then asked for paper."""
    person = signer(house, offered(house)).read()
    person.sign()
    assert told(house) == ["plan_offer", "plan_signed"]
    withdrawn(person)
    return person


def mails(house: House, own: str) -> list[dict[str, Any]]:
    return list(house.simulator.call("GET", f"/mailbox.json?recipient={own}"))


def waiting(house: House) -> list[tuple[PaperCopy, Message]]:
    with house.ports.database.read(house.organisation_id) as session:
        return [(copy, about) for copy, about, _whose in paper_copy.waiting(session, 100)]


def alarms(house: House) -> set[str]:
    with house.ports.database.read(house.organisation_id) as session:
        return {each.kind for each in audit.open_alarms(session)}


def text_of(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages).split())


def printed(house: House, copy: PaperCopy) -> list[str]:
    return [text_of(each.content) for each in print_copy(house.ports, house.organisation_id, copy.id, "staff:1")]


def test_c14_after_a_withdrawal_no_record_goes_as_a_file_and_each_waits_to_be_posted(
    house: House, name: str, pool: ThreadPoolExecutor
) -> None:
    person = on_paper(house)
    [signed] = mails(house, name)
    assert len(signed["attachments"]) == 2, "what was sent before stays as it was"
    assert waiting(house) == []
    first = instalments(house, plan_now(house, person.plan_id))[0]
    go_to(house, first)
    run_due(house, pool)
    assert "receipt" in told(house)
    newest = mails(house, name)[0]
    assert newest["attachments"] == []
    assert SAID in newest["text"]
    assert SAID in newest["html"]
    assert "is attached" not in newest["text"]
    [(copy, about)] = waiting(house)
    assert about.event == "receipt"
    assert {"paper_to_post", "records_on_paper"} <= alarms(house)
    [receipt] = printed(house, copy)
    assert "Receipt" in receipt


def test_c14_what_is_posted_is_ticked_off_once_and_the_last_one_ends_the_alarm(house: House, name: str) -> None:
    person = on_paper(house)
    pause(house.ports, house.organisation_id, person.plan_id, "staff")
    cancel(house.ports, house.organisation_id, person.plan_id, "staff")
    told(house)
    copies = waiting(house)
    assert [about.event for _copy, about in copies] == ["plan_cancelled"], "word of a pause that is over is moot"
    copy = copies[0][0]
    before = house.clock.now()
    mark_posted(house.ports, house.organisation_id, copy.id, "staff:1")
    house.clock.pass_(minutes=1)
    again = mark_posted(house.ports, house.organisation_id, copy.id, "staff:2")
    assert (again.posted_at, again.posted_by) == (before, "staff:1")
    assert waiting(house) == []
    assert not {"paper_to_post", "records_on_paper"} & alarms(house)
    with pytest.raises(Refused, match="paper_unknown"):
        mark_posted(house.ports, house.organisation_id, "0" * 32, "staff:1")
    with pytest.raises(Refused, match="paper_unknown"):
        print_copy(house.ports, house.organisation_id, "0" * 32, "staff:1")


def test_c2_c14_the_authorization_of_autopay_comes_on_paper_word_for_word(house: House, name: str) -> None:
    on_paper(house)
    turned_on(house, practice(house), 12_300)
    told(house)
    [(copy, about)] = waiting(house)
    assert about.event == "autopay_on"
    [letter] = printed(house, copy)
    assert "No payment is more than $123.00." in letter


def test_c14_a_change_of_a_subscription_comes_on_paper_to_who_has_no_address_and_wants_it_so(
    house: House, name: str
) -> None:
    on_paper(house)
    one = assigned(house)
    address(house, None)
    activated(house, one)
    ask(house.ports, house.organisation_id, one, Wish(ChangeKind.pause), "Hardship", "staff:1")
    told(house)
    [letter] = [copy for copy, about in waiting(house) if about.event == "subscription_changed"]
    assert "paused" in printed(house, letter)[0]
    assert "subscription_not_told" not in alarms(house), "nobody need be called to tell them"


def test_c14_a_notice_goes_as_a_letter_with_its_words_and_where_it_is_posted_to(house: House, name: str) -> None:
    person = on_paper(house)
    cancel(house.ports, house.organisation_id, person.plan_id, "staff")
    told(house)
    [(copy, about)] = waiting(house)
    [letter] = printed(house, copy)
    for said in (
        "Ada Moss",
        "1 Elm Street",
        "Chicago, IL 60614",
        "will no longer be debited",
        "Is this paper genuine?",
    ):
        assert said in letter
    for unsaid in ("/stop/", "To stop emails", "comes by mail", "please delete it"):
        assert unsaid not in letter
    with house.ports.database.read(house.organisation_id) as session:
        opened = audit.about(session, copy.id)
    assert [(each.actor, each.action) for each in opened] == [("staff:1", "paper_opened")]
    assert opened[0].facts == {"message_id": about.id}


def test_c14_a_customer_who_signs_again_consents_again_and_gets_files_again(house: House, name: str) -> None:
    person = on_paper(house)
    cancel(house.ports, house.organisation_id, person.plan_id, "staff")
    told(house)
    assert len(waiting(house)) == 1
    house.clock.pass_(minutes=1)
    signer(house, offered(house)).read().sign()
    told(house)
    assert len(mails(house, name)[0]["attachments"]) == 2
    assert len(waiting(house)) == 1
    with house.ports.database.read(house.organisation_id) as session:
        assert not is_on_paper(session, house.customer_id)


def test_c14_what_was_promised_before_the_withdrawal_and_leaves_after_it_goes_on_paper(house: House, name: str) -> None:
    person = signer(house, offered(house)).read()
    person.sign()
    withdrawn(person)
    told(house)
    assert mails(house, name)[0]["attachments"] == []
    [(copy, about)] = waiting(house)
    assert about.event == "plan_signed"
    schedule, agreement = print_copy(house.ports, house.organisation_id, copy.id, "staff:1")
    with house.ports.database.read(house.organisation_id) as session:
        kept = {kind: signings.paper_of(session, person.plan_id, kind) for kind in ("schedule", "agreement")}
    assert [schedule.content, agreement.content] == [each.content for each in kept.values() if each is not None]


def test_c14_a_customer_without_an_address_gets_the_record_on_paper_all_the_same(
    house: House, name: str, pool: ThreadPoolExecutor
) -> None:
    person = on_paper(house)
    address(house, None)
    go_to(house, instalments(house, plan_now(house, person.plan_id))[0])
    run_due(house, pool)
    cancel(house.ports, house.organisation_id, person.plan_id, "staff")
    told(house)
    assert sorted(about.event for _copy, about in waiting(house)) == ["plan_cancelled", "receipt"]
    with house.ports.database.read(house.organisation_id) as session:
        rows = [each for each in message.of_customer(session, house.customer_id) if not each.recipient]
    assert {(each.state, each.held_by) for each in rows} == {("stopped", "no_address")}
    assert "message_must_reach" not in alarms(house)


def test_c14_no_text_carries_a_record_after_the_withdrawal_and_what_asks_is_texted_as_before(
    house: House, name: str, pool: ThreadPoolExecutor
) -> None:
    house.has_carrier()
    house.agrees_to_texts(PHONE)
    house.set("receipt_by_email", value=False)
    house.set("receipt_by_sms", value=True)
    address(house, f"{name}@example.com", PHONE)
    person = signer(house, offered(house, wish(house, down_cents=5_000))).read()
    person.sign()
    _down, second, *_rest = instalments(house, plan_now(house, person.plan_id))
    run_due(house, pool)
    withdrawn(person)
    told(house)
    [(receipt, about)] = [(copy, each) for copy, each in waiting(house) if each.event == "receipt"]
    assert (about.event, about.channel) == ("receipt", "sms"), "promised before, stopped when it was to leave"
    assert "Receipt" in printed(house, receipt)[0]
    go_to(house, second)
    run_due(house, pool)
    cancel(house.ports, house.organisation_id, person.plan_id, "staff")
    offered(house, channels="sms")
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        texts = {(each.event, each.state, each.held_by) for each in message.of_customer(session, house.customer_id)
                 if each.channel == "sms"}  # fmt: skip
    assert texts == {("receipt", "stopped", "record_on_paper"), ("plan_offer", "sent", None)}
    assert sorted(about.event for _copy, about in waiting(house)) == [
        "plan_cancelled", "plan_signed", "receipt", "receipt",
    ]  # fmt: skip
    assert "message_must_reach" not in alarms(house)


def test_c14_nobody_who_did_not_withdraw_is_written_to_on_paper(house: House, name: str) -> None:
    person = signer(house, offered(house)).read()
    person.sign()
    cancel(house.ports, house.organisation_id, person.plan_id, "staff")
    told(house)
    assert waiting(house) == []
    assert SAID not in mails(house, name)[0]["text"]
