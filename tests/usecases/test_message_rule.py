"""The rules of messages on both databases, with a real mail server: what waits until when, what is stopped, and why."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from portal.domain.contact_wish import WishSource
from portal.domain.message import MessageKind
from portal.domain.message_rule import ALL_PER_DAY, MESSAGE_RULES, PER_DAY
from portal.storage import audit, bounce, customer, message, message_fact
from portal.storage.message import Message
from portal.usecases import contact_wish
from portal.usecases.charge import charge_obligation
from portal.usecases.contact_wish import Words
from portal.usecases.delivery_log import clear_bounce
from portal.usecases.message_rule import CHECKS
from portal.usecases.outbox import deliver
from portal.usecases.promise import promise
from tests.rig.house import House
from tests.rig.plans import offered, settlement, signer

STAFF = Words("Said so on the phone.", WishSource.phone, by="staff")
MORNING = datetime(2026, 11, 3, 14, 0, tzinfo=UTC)  # 8:00 in Chicago
NIGHT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)  # 22:00 in Chicago


@pytest.fixture(autouse=True)
def no_faults(house: House) -> None:
    house.simulator.call("DELETE", "/simulator/mail-faults")


def promised(
    house: House, event: str = "payment_link", channel: str = "email", to: str = "ada@example.com", **more: bool
) -> str:
    facts = {
        "link_url": f"{house.ports.portal_url}/{house.slug}/l/{'t' * 32}",
        "expires_at": (house.clock.now() + timedelta(days=9)).isoformat(),
    }
    with house.ports.database.transaction(house.organisation_id) as session:
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        return promise(
            session, event, channel, payer, to, uuid.uuid4().hex, uuid.uuid4().hex, house.clock.now(),
            sealed_facts=house.ports.seal.seal(json.dumps(facts)), **more,
        )  # fmt: skip


def row_of(house: House, message_id: str) -> Message:
    with house.ports.database.read(house.organisation_id) as session:
        row = message.by_id(session, message_id)
        assert row is not None
        return row


def tried(house: House, message_id: str) -> tuple[str, str | None]:
    """State and rule after one try."""
    deliver(house.ports, house.organisation_id, message_id)
    row = row_of(house, message_id)
    return row.state, row.held_by


def says(house: House, what: str, *arguments: object, **more: object) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        about = customer.by_id(session, house.customer_id)
        assert about is not None
        values = [about if each == "customer" else each for each in arguments]
        getattr(contact_wish, what)(session, *values, STAFF, house.clock.now(), **more)


def on_file(house: House, **fields: object) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        row = customer.by_id(session, house.customer_id)
        assert row is not None
        for name, value in fields.items():
            setattr(row, name, value)


def test_c18_a_message_of_the_night_is_held_and_leaves_by_itself_in_the_morning(house: House) -> None:
    house.clock.at = NIGHT
    mail = promised(house)
    assert tried(house, mail) == ("queued", "quiet_hours")
    row = row_of(house, mail)
    assert row.held_until == row.next_try_at == MORNING
    assert row.tries == 0
    with house.ports.database.across() as session:
        assert message.queued_and_due(session, house.clock.now(), 10) == []
        assert message.oldest_queued(session) is None, "what a rule holds is not late"
        assert [each.id for each in message.held(session)] == [mail]
    house.clock.at = MORNING - timedelta(seconds=1)
    assert tried(house, mail) == ("queued", "quiet_hours")
    house.clock.at = MORNING
    assert tried(house, mail) == ("sent", None)
    with house.ports.database.read(house.organisation_id) as session:
        steps = [(fact.what, fact.code) for fact in message_fact.of_message(session, mail)]
    assert steps == [("held", "quiet_hours"), ("handed_over", "email")]


def test_c18_area_code_and_state_that_differ_leave_the_hours_they_share(house: House) -> None:
    """Chicago by phone, California by post: 10 a.m. to 9 p.m. Central."""
    on_file(house, state="CA")
    house.clock.at = MORNING
    mail = promised(house)
    assert tried(house, mail) == ("queued", "quiet_hours")
    assert row_of(house, mail).held_until == MORNING + timedelta(hours=2)


def test_c18_a_debt_collector_keeps_the_hours_whatever_is_set_and_another_by_setting(house: House) -> None:
    house.set("quiet_hours", value=False)
    house.clock.at = NIGHT
    mail = promised(house)
    assert tried(house, mail) == ("queued", "quiet_hours")
    house.set("debt_collector", value=False)
    house.clock.at = MORNING
    assert tried(house, mail) == ("sent", None)
    house.clock.at = NIGHT + timedelta(days=1)
    assert tried(house, promised(house)) == ("sent", None)


def test_c18_nothing_on_file_says_where_a_person_is(house: House) -> None:
    on_file(house, phone=None, state=None)
    house.clock.at = MORNING  # 9 a.m. in the east, 6 a.m. in the west
    assert tried(house, promised(house)) == ("queued", "quiet_hours")
    house.set("debt_collector", value=False)
    assert tried(house, promised(house)) == ("sent", None)


def test_an_answer_to_a_press_goes_at_any_hour_unless_it_is_late(house: House) -> None:
    house.clock.at = NIGHT
    assert tried(house, promised(house, is_answer=True)) == ("sent", None)
    late = promised(house, is_answer=True)
    house.clock.pass_(minutes=16)
    assert tried(house, late) == ("queued", "quiet_hours")


def test_the_receipt_of_what_was_paid_at_the_signature_answers_it_at_night_too(house: House) -> None:
    """As at the page that takes a payment: whoever has just signed and paid is awake and waits for it."""
    house.clock.at = NIGHT
    on_file(house, timezone="America/Chicago")
    done = signer(house, offered(house, settlement(house, down_cents=5_000))).read().sign()
    assert done.due_now_id is not None
    charge_obligation(house.ports, house.organisation_id, done.due_now_id, house.ports.timing.page_timeout)
    with house.ports.database.read(house.organisation_id) as session:
        rows = {row.event: row for row in message.of_customer(session, house.customer_id)}
    assert {name: tried(house, row.id) for name, row in rows.items()} == {
        "plan_offer": ("stopped", "offer_over"),
        "plan_signed": ("sent", None),
        "receipt": ("sent", None),
    }


def test_c19_times_that_do_not_suit_hold_a_message_until_they_end(house: House) -> None:
    says(house, "mark_times", "customer", "mon-fri 09:00-17:00", on=True)
    house.clock.at = datetime(2026, 11, 3, 16, 0, tzinfo=UTC)  # Tuesday, 10:00 in Chicago
    mail = promised(house)
    assert tried(house, mail) == ("queued", "inconvenient_time")
    assert row_of(house, mail).held_until == datetime(2026, 11, 3, 23, 0, tzinfo=UTC)
    says(house, "mark_times", "customer", "Mon-Fri  09:00-17:00", on=False)
    assert tried(house, promised(house)) == ("sent", None)


def test_c19_a_refused_medium_stops_what_need_not_go(house: House) -> None:
    says(house, "refuse_medium", "customer", "email", on=True)
    assert tried(house, promised(house)) == ("stopped", "medium_refused")
    says(house, "refuse_medium", "customer", "email", on=False)
    assert tried(house, promised(house)) == ("sent", None)


@pytest.mark.parametrize("address", ["ada@va.gov", "Ada@Works.example"])
def test_c21_an_address_at_work_is_not_written_to_unless_its_owner_agrees(house: House, address: str) -> None:
    says(house, "mark_work_address", "ada@works.example", on=True)
    assert tried(house, promised(house, to=address)) == ("stopped", "work_address")
    says(house, "agree", "email", address, customer=house.customer_id)
    assert tried(house, promised(house, to=address)) == ("sent", None)


def test_c21_binds_debt_collectors_only(house: House) -> None:
    house.set("debt_collector", value=False)
    assert tried(house, promised(house, to="ada@va.gov")) == ("sent", None)


def test_c27_a_text_without_consent_is_stopped(house: House) -> None:
    assert tried(house, promised(house, channel="sms", to="+13125550123")) == ("stopped", "no_consent")


def test_c28_a_stop_reaches_the_message_that_was_already_promised(house: House) -> None:
    house.agrees_to_texts()
    text = promised(house, channel="sms", to="(312) 555-0123")
    says(house, "stop", "sms", "312-555-0123", customer=None)
    assert tried(house, text) == ("stopped", "opted_out")


def test_c31_kinds_kept_apart_stop_one_by_one(house: House) -> None:
    house.agrees_to_texts()
    says(house, "stop", "sms", "+13125550123", customer=None, only=MessageKind.request)
    assert tried(house, promised(house, channel="sms", to="+13125550123")) == ("stopped", "opted_out")
    notice = promised(house, "payment_declined", "sms", "+13125550123")
    assert tried(house, notice)[1] != "opted_out"


def test_c17_an_opt_out_of_email_stops_a_link_and_not_one_the_person_asks_for(house: House) -> None:
    says(house, "stop", "email", "ada@example.com", customer=house.customer_id)
    assert tried(house, promised(house)) == ("stopped", "opted_out")
    assert tried(house, promised(house, is_answer=True)) == ("sent", None)


def test_what_the_law_wants_told_goes_on_and_what_cannot_calls_a_person(house: House) -> None:
    says(house, "stop", "email", "ada@example.com", customer=house.customer_id)
    notice = promised(house, "payment_upcoming")
    assert tried(house, notice)[1] is None, "no rule stops it: its facts are only missing here"
    house.clock.pass_(days=1)
    assert tried(house, promised(house, "payment_upcoming", to="ada@va.gov")) == ("stopped", "work_address")
    with house.ports.database.read(house.organisation_id) as session:
        assert "message_must_reach" in [alarm.kind for alarm in audit.open_alarms(session)]


def test_attack_129_an_address_gets_so_many_of_a_kind_in_a_day_and_the_rest_on_the_next(house: House) -> None:
    most = PER_DAY[MessageKind.request, "email"]  # type: ignore[index]  # a StrEnum is its text
    mails = [promised(house) for _ in range(most + 2)]
    assert [tried(house, mail) for mail in mails] == [("sent", None)] * most + [("queued", "capped")] * 2
    row = row_of(house, mails[-1])
    assert row.held_until == datetime(2026, 11, 3, 6, 0, tzinfo=UTC), "midnight in Chicago"
    house.clock.at = MORNING
    assert [tried(house, mail) for mail in mails[most:]] == [("sent", None)] * 2
    assert tried(house, promised(house, to="somebody@example.com")) == ("sent", None), "another address, another count"


def test_attack_129_what_was_asked_for_by_pressing_does_not_pile_up(house: House) -> None:
    most = PER_DAY[MessageKind.request, "email"]  # type: ignore[index]  # a StrEnum is its text
    done = [tried(house, promised(house, is_answer=True)) for _ in range(most + 3)]
    assert done == [("sent", None)] * most + [("stopped", "capped_answer")] * 3


def test_attack_129_a_repeat_after_a_failure_is_not_counted_twice(house: House) -> None:
    house.simulator.call(
        "POST", "/simulator/mail-faults", {"mode": "temporary_4xx", "times": 3, "recipient": "ada@example.com"}
    )
    mail = promised(house)
    for _ in range(3):
        assert tried(house, mail) == ("queued", None)
        house.clock.pass_(minutes=10)
    assert tried(house, mail) == ("sent", None)
    most = PER_DAY[MessageKind.request, "email"]  # type: ignore[index]  # a StrEnum is its text
    assert [tried(house, promised(house))[0] for _ in range(most)] == ["sent"] * (most - 1) + ["queued"]


def test_attack_083_a_number_gets_five_texts_a_day_of_all_kinds(house: House) -> None:
    house.agrees_to_texts()
    events = ["receipt"] * 3 + ["payment_link"] * 2 + ["payment_declined"]
    ends = [tried(house, promised(house, event, "sms", "+13125550123"))[1] for event in events]
    assert ends == [None] * ALL_PER_DAY["sms"] + ["capped"]  # type: ignore[index]  # a StrEnum is its text


def test_an_address_refused_for_good_is_not_tried_again_until_staff_say_so(house: House) -> None:
    house.simulator.call("POST", "/simulator/mail-faults", {"mode": "permanent_5xx", "recipient": "ada@example.com"})
    assert tried(house, promised(house)) == ("failed", None)
    with house.ports.database.read(house.organisation_id) as session:
        [found] = bounce.all_standing(session)
        assert (found.address, found.reason) == ("ada@example.com", "message_refused_550_5.1.1")
    assert tried(house, promised(house)) == ("stopped", "address_bounced")
    assert tried(house, promised(house, to="ADA@example.com")) == ("stopped", "address_bounced")
    with house.ports.database.transaction(house.organisation_id) as session:
        clear_bounce(session, "email", "Ada@example.com", "staff", house.clock.now())
    assert tried(house, promised(house)) == ("sent", None)


def test_the_rules_are_asked_in_the_order_of_their_table() -> None:
    order = [
        "_offer_over",
        "_no_address",
        "_record_on_paper",
        "_bounced",
        "_late_confirmation",
        "_no_consent",
        "_opted_out",
        "_medium_refused",
        "_work_address",
        "_debt_disputed",
        "_payment_over",
        "_quiet",
        "_inconvenient",
        "_capped",
    ]
    assert [check.__name__ for check in CHECKS] == order
    assert [*MESSAGE_RULES] == [
        "offer_over", "no_address", "record_on_paper", "address_bounced", "late_confirmation", "no_consent",
        "opted_out", "medium_refused", "work_address", "debt_disputed", "payment_over", "quiet_hours",
        "inconvenient_time", "capped_answer", "capped",
    ]  # fmt: skip
