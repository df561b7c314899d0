"""Signing a plan on both databases: one signature, one schedule, all the evidence, in one commit or not at all."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.domain.payment_link import Purpose
from portal.domain.plan_document import agreement_of, schedule_of
from portal.domain.refusal import Refused
from portal.storage import agreement, charge, message, schedule
from portal.storage import signing as signings
from portal.storage.audit import open_alarms
from portal.usecases import failpoint
from portal.usecases.failpoint import FailpointRaised
from portal.usecases.janitor import sweep
from portal.usecases.payment_link import find as find_payment_link
from portal.usecases.payment_link import make as make_payment_link
from portal.usecases.plan_life import cancel
from portal.usecases.plan_offer import find, make_link
from portal.usecases.sign import withdraw
from portal.usecases.signed_paper import papers_match, take_out
from portal.usecases.signing import CardTyped, agreement_shown, begin, choose_card, consent, open_document
from portal.usecases.signing_identity import prove
from tests.rig.house import House
from tests.rig.plans import (
    BROWSER,
    IP,
    account_now,
    drawn,
    instalments,
    offered,
    plan_now,
    settlement,
    signed,
    signer,
    wish,
)
from tests.rig.series import run_due, told


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def test_signing_makes_the_schedule_the_seal_the_evidence_and_the_message_at_once(house: House) -> None:
    plan = offered(house, settlement(house, down_cents=5_000))
    person = signer(house, plan).read()
    house.clock.pass_(minutes=3)
    made = person.sign()
    row = plan_now(house, plan.id)
    assert (row.state, row.signed_at) == ("signed", house.clock.now())
    payments = instalments(house, row)
    assert [each.amount_cents for each in payments] == [5_000, 6_333, 6_333, 6_334]
    assert sum(each.amount_cents for each in payments) == 24_000
    assert made.due_now_id == payments[0].id
    assert payments[0].source == "installment_first", "the customer is present (C33)"
    with house.ports.database.read(house.organisation_id) as session:
        signature = signings.signature_of(session, plan.id)
        assert signature is not None
        sealed = agreement.by_id(session, signature.agreement_id)
        series = schedule.by_id(session, row.schedule_id or "")
        consented = signings.latest_consent(session, house.customer_id)
        assert papers_match(session, signature)
    assert sealed is not None
    assert series is not None
    assert consented is not None
    assert (signature.ip, signature.user_agent, signature.typed_name) == (IP, BROWSER, "Ada Moss")
    assert signature.facts["agreement"]["signature"]["identity"] == "zip"
    assert signature.facts["agreement"]["text_sha256"] == sealed.text_sha256
    assert (consented.said, consented.text_version) == ("given", "records-2026-11")
    assert {each.agreement_id for each in payments} == {series.agreement_id} == {sealed.id}
    assert "$240.00 in 4 payments" in sealed.text
    assert "the remaining $260.00 is no longer owed" in sealed.text
    assert told(house) == ["plan_offer", "plan_signed"]


def test_p10_c15_kept_facts_print_the_papers_again_byte_for_byte_with_the_amounts_of_the_schedule(house: House) -> None:
    plan = signed(house, settlement(house))
    with house.ports.database.read(house.organisation_id) as session:
        signature = signings.signature_of(session, plan.id)
        assert signature is not None
        papers = {kind: signings.paper_of(session, plan.id, kind) for kind in ("agreement", "schedule")}
    again = {
        "agreement": house.ports.paper.agreement(agreement_of(signature.facts["agreement"]), "en"),
        "schedule": house.ports.paper.schedule(schedule_of(signature.facts["schedule"]), "en"),
    }
    for kind, digest in (("agreement", signature.agreement_pdf_sha256), ("schedule", signature.schedule_pdf_sha256)):
        paper = papers[kind]
        assert paper is not None
        assert hashlib.sha256(again[kind]).hexdigest() == paper.content_sha256 == digest
        assert again[kind] == paper.content
        assert hashlib.sha256(again[kind][:-1] + b"X").hexdigest() != digest
    listed = [(each["due_on"], each["amount_cents"]) for each in signature.facts["schedule"]["payments"]]
    assert listed == [(str(each.due_on), each.amount_cents) for each in instalments(house, plan)]


@pytest.mark.parametrize("way", ["typed", "drawn", "pressed"])
def test_each_way_of_signing_is_complete_alone(house: House, way: str) -> None:
    """W28."""
    plan = offered(house)
    signer(house, plan).read().sign(way, drawing=drawn() if way == "drawn" else "")
    with house.ports.database.read(house.organisation_id) as session:
        signature = signings.signature_of(session, plan.id)
    assert signature is not None
    assert signature.way == way
    assert (signature.typed_name is None, signature.image is None) == (way != "typed", way != "drawn")
    taken = take_out(house.ports, house.organisation_id, plan.id, "staff")
    assert (taken.as_signed, taken.printed_again) == (True, True), "the facts that are kept print the same bytes (C15)"
    if signature.image is not None:
        assert signature.image.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("way", "typed", "drawing", "code"),
    [
        ("typed", "", "", "sign_name_missing"),
        ("typed", "   \t  ", "", "sign_name_missing"),
        ("typed", "A", "", "sign_name_missing"),
        ("typed", "x" * 10_000, "", "sign_name_too_long"),
        ("typed", "Ada \u202emoss", "", "sign_name_unreadable"),
        ("typed", "\u200b\u200bAda", "", "sign_name_unreadable"),
        ("typed", "Ada\x00Moss", "", "sign_name_unreadable"),
        ("typed", "4111 1111 1111 1111", "", "holds_card_number"),
        ("drawn", "", "", "drawing_missing"),
        ("drawn", "", "data:image/svg+xml;base64,PHN2Zy8+", "drawing_unusable"),
        ("stamped", "Ada", "", "sign_way_missing"),
        ("", "Ada", "", "sign_way_missing"),
    ],
)
def test_attack_102_104_what_is_no_signature_signs_nothing(
    house: House, way: str, typed: str, drawing: str, code: str
) -> None:
    plan = offered(house)
    person = signer(house, plan).read()
    with pytest.raises(Refused) as refusal:
        person.sign(way, typed, drawing)
    assert refusal.value.code == code
    assert plan_now(house, plan.id).state == "offered"


def test_attack_067_another_text_than_the_one_that_was_read_is_not_signed(house: House) -> None:
    plan = offered(house)
    person = signer(house, plan).read()
    with pytest.raises(Refused, match="agreement_changed"):
        person.sign(shown_digest="0" * 64)
    read_ = person.digest()
    house.set("plan_terms", value="Something that was not there before.")
    with pytest.raises(Refused, match="agreement_changed"):
        person.sign(shown_digest=read_)
    with pytest.raises(Refused, match="agreement_changed"):
        person.sign()  # the new text, but it was not read and consented to
    person.agree().sign()
    assert plan_now(house, plan.id).state == "signed"


def test_attack_067_a_text_read_yesterday_is_read_again_for_it_names_the_day(house: House) -> None:
    house.clock.pass_(hours=14)  # eleven in the evening in Chicago
    person = signer(house, offered(house)).read()
    shown = person.digest()
    house.clock.pass_(hours=1, minutes=30)
    with pytest.raises(Refused, match="agreement_changed"):
        person.sign(shown_digest=shown)
    person.agree().sign()


def test_c12_c13_nothing_is_signed_before_the_document_was_opened_and_consented_to(house: House) -> None:
    plan = offered(house)
    person, now = signer(house, plan), house.clock.now()
    prove(house.ports, house.organisation_id, person.signing_id, person.secret, "60614")
    person.act(lambda walk: begin(walk, now))
    typed = CardTyped(house.card_on_file(), "", "1111", "94107")
    assert choose_card(house.ports, house.organisation_id, person.signing_id, person.secret, typed, IP) == {}
    with pytest.raises(Refused, match="document_not_opened"):
        person.act(lambda walk: consent(walk, agreement_shown(walk).digest, agreed=True, now=now))
    person.act(lambda walk: open_document(walk, now))
    with pytest.raises(Refused, match="consent_missing"):
        person.act(lambda walk: consent(walk, agreement_shown(walk).digest, agreed=False, now=now))
    with pytest.raises(Refused, match="consent_missing"):
        person.sign()
    with pytest.raises(Refused, match="agreement_changed"):
        person.act(lambda walk: consent(walk, "0" * 64, agreed=True, now=now))
    person.act(lambda walk: consent(walk, agreement_shown(walk).digest, agreed=True, now=now))
    person.sign()


def test_c14_consent_is_withdrawn_once_earlier_records_stay_and_staff_hear_it(house: House) -> None:
    plan = offered(house)
    person = signer(house, plan).read()
    with pytest.raises(Refused, match="visit_over"):
        withdraw(house.ports, house.organisation_id, person.signing_id, person.secret, ip=IP, user_agent=BROWSER)
    person.sign()
    for _ in range(2):
        withdraw(house.ports, house.organisation_id, person.signing_id, person.secret, ip=IP, user_agent=BROWSER)
    with house.ports.database.read(house.organisation_id) as session:
        latest = signings.latest_consent(session, house.customer_id)
        signature = signings.signature_of(session, plan.id)
        kinds = [each.kind for each in open_alarms(session)]
        assert signature is not None
        assert papers_match(session, signature)
    assert latest is not None
    assert latest.said == "withdrawn"
    assert kinds == ["records_on_paper"]
    assert plan_now(house, plan.id).state == "signed"


def test_attack_105_signing_twice_makes_one_signature_and_the_second_press_is_shown_the_first(house: House) -> None:
    plan = offered(house, wish(house, down_cents=1_000))
    person = signer(house, plan).read()
    digest = person.digest()
    first, second = person.sign(shown_digest=digest), person.sign("pressed", shown_digest=digest)
    assert first == second
    with house.ports.database.read(house.organisation_id) as session:
        assert len(schedule.of_account(session, plan.account_id)) == 1


def test_attack_105_another_signing_after_expiry_and_after_a_cancel_sign_nothing(house: House) -> None:
    plan = offered(house)
    first, second = signer(house, plan).read(), signer(house, plan).read()
    digest = second.digest()
    first.sign()
    with pytest.raises(Refused, match="plan_not_open"):
        second.sign(shown_digest=digest)
    late = signer(house, offered(house)).read()
    digest = late.digest()
    row = plan_now(house, late.plan_id)
    assert row.expires_at is not None
    late.house.clock.at = row.expires_at
    with pytest.raises(Refused):
        late.sign(shown_digest=digest)
    assert plan_now(house, late.plan_id).schedule_id is None
    gone = offered(house)
    person = signer(house, gone).read()
    digest = person.digest()
    cancel(house.ports, house.organisation_id, gone.id, "staff")
    with pytest.raises(Refused, match="plan_not_open"):
        person.sign(shown_digest=digest)


def test_p4_an_offer_is_signed_in_its_last_second_and_not_in_the_next(house: House) -> None:
    plan = offered(house, offer_days=1)
    assert plan.expires_at is not None
    house.clock.at = plan.expires_at - timedelta(minutes=1)
    person = signer(house, plan).read()
    house.clock.at = plan.expires_at - timedelta(seconds=1)
    person.sign()
    other = offered(house, offer_days=1)
    assert other.expires_at is not None
    house.clock.at = other.expires_at - timedelta(minutes=1)
    late = signer(house, other).read()
    digest = late.digest()
    house.clock.at = other.expires_at
    with pytest.raises(Refused, match="plan_not_open"):
        late.sign(shown_digest=digest)


def test_two_presses_at_once_make_one_schedule(house: House) -> None:
    plan = offered(house)
    person = signer(house, plan).read()
    digest, ends = person.digest(), []
    gate = threading.Barrier(4)

    def press() -> None:
        gate.wait()
        ends.append(person.sign("pressed", shown_digest=digest))

    presses = [threading.Thread(target=press) for _ in range(4)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()
    assert len(ends) == 4
    with house.ports.database.read(house.organisation_id) as session:
        assert len(schedule.of_account(session, plan.account_id)) == 1


@pytest.mark.parametrize(
    ("point", "state"), [("plan.sign.before_commit", "offered"), ("plan.sign.after_commit", "signed")]
)
def test_dying_at_the_signature_leaves_all_of_it_or_nothing_and_a_second_press_ends_it(
    house: House, point: str, state: str, pool: ThreadPoolExecutor
) -> None:
    plan = offered(house, wish(house, down_cents=2_000))
    person = signer(house, plan).read()
    digest = person.digest()
    failpoint.arm(f"{point}=raise")
    try:
        with pytest.raises(FailpointRaised):
            person.sign("pressed", shown_digest=digest)
    finally:
        failpoint.arm("")
    row = plan_now(house, plan.id)
    assert row.state == state
    assert (row.schedule_id is None) == (state == "offered")
    made = person.sign("pressed", shown_digest=digest)
    row = plan_now(house, plan.id)
    assert row.state == "signed"
    assert made.due_now_id == instalments(house, row)[0].id
    with house.ports.database.read(house.organisation_id) as session:
        assert len(schedule.of_account(session, plan.account_id)) == 1
        events = [each.event for each in message.of_customer(session, house.customer_id)]
    assert events.count("plan_signed") == 1
    sweep(house.ports, pool)


def test_a_typed_card_is_kept_before_and_a_declined_one_leaves_the_offer_open(house: House) -> None:
    plan = offered(house)
    person = signer(house, plan).read()
    nonce = house.nonce()
    typed = CardTyped("new", nonce, "", "")
    assert choose_card(house.ports, house.organisation_id, person.signing_id, person.secret, typed, IP) == {}
    person.agree().sign()
    row = plan_now(house, plan.id)
    payments = instalments(house, row)
    assert {each.card_last4 for each in payments} == {"1111"}
    assert payments[0].card_nonce is None
    assert person.walk().visit.card_nonce is None


def test_attack_036_a_plans_link_opens_no_payment_page_and_the_reverse(house: House) -> None:
    plan, now = offered(house), house.clock.now()
    owed_on = account_now(house, plan)
    with house.ports.database.transaction(house.organisation_id) as session:
        sign_token = make_link(session, plan, expires_at=now + timedelta(days=1), now=now, made_by="test")
        pay_token = make_payment_link(session, owed_on, days=1, now=now, made_by="test")
        assert find(session, sign_token, now) is not None
        assert find_payment_link(session, pay_token, now) is not None
        assert find(session, pay_token, now) is None
        for purpose in Purpose:
            assert find_payment_link(session, sign_token, now, purpose) is None
        for other in ("", sign_token[:-1], f"{sign_token}.", sign_token.upper(), f"{sign_token}=", "%00"):
            assert find(session, other, now) is None


def test_c20_who_it_is_is_asked_five_times_an_hour_and_every_wrong_answer_is_the_same(house: House) -> None:
    plan = offered(house)
    person = signer(house, plan)
    assert person.walk().progress.identity_asked, "a debt collector asks by default"
    for typed in ("60615", "0", "6061", "６０６１４", "60614; DROP TABLE"):
        with pytest.raises(Refused, match="identity_wrong"):
            prove(house.ports, house.organisation_id, person.signing_id, person.secret, typed)
    other = signer(house, plan)
    with pytest.raises(Refused, match="identity_resting"):
        prove(house.ports, house.organisation_id, other.signing_id, other.secret, "60614")
    house.clock.pass_(hours=1)
    prove(house.ports, house.organisation_id, other.signing_id, other.secret, " 60614-1234 ")
    assert other.walk().progress.identity_proven
    assert not person.walk().progress.identity_proven


def test_a_signature_is_charged_by_the_same_run_as_every_schedule(house: House, pool: ThreadPoolExecutor) -> None:
    plan = signed(house, wish(house, down_cents=2_000))
    assert run_due(house, pool) == 1, "the down payment, if the page did not live to charge it"
    payments = instalments(house, plan)
    assert payments[0].status == "paid"
    with house.ports.database.read(house.organisation_id) as session:
        assert charge.of_obligation(session, payments[0].id)[0].source == "installment_first"
