"""Attacks 88 and 92-100: what comes to the door of the gateway's notices that the gateway never meant."""

import time
from datetime import UTC, datetime

import pytest

from portal.domain.charge import Outcome, OutcomeKind
from portal.domain.organisation import Profile
from portal.usecases.charge import apply, claim, send
from portal.usecases.notice import forget_old, handle
from portal.web.machines import WITHOUT_FORM_TOKEN
from tests.rig import hooks
from tests.rig.hooks import Form
from tests.rig.house import found
from tests.rig.reader import header_problems
from tests.web.conftest import Portal
from tests.web.notice_door import DISPUTED_CARD, SOON, alarms, charges, door, entries, handled, paid, post, received


def test_only_listed_doors_take_a_post_without_a_form_token(portal: Portal) -> None:
    """The list is the law: what is exempt stands in it with its reason, and nothing else is exempt."""
    csrf = portal.app.extensions["csrf"]
    exempt = {f"{view.__module__}.{view.__name__}" for view in map(portal.app.view_functions.get, WITHOUT_FORM_TOKEN)}
    assert csrf._exempt_views == exempt
    assert not csrf._exempt_blueprints
    posts = {rule.endpoint for rule in portal.app.url_map.iter_rules() if "POST" in (rule.methods or set())}
    assert WITHOUT_FORM_TOKEN.keys() <= posts
    assert all(len(reason) > 20 for reason in WITHOUT_FORM_TOKEN.values())


def test_a_genuine_notice_is_stored_answered_and_rung_for(portal: Portal) -> None:
    answer = post(portal, hooks.asked(portal.house, "check"))
    assert (answer.status_code, answer.get_data()) == (200, b"ok\n")
    assert header_problems(answer) == []
    assert "Set-Cookie" not in answer.headers
    assert len(portal.house.doorbell.notices) == 1
    assert handled(portal.house) == ["nothing_to_do"]


@pytest.mark.parametrize(
    "bomb",
    [
        b'<!DOCTYPE n [<!ENTITY x SYSTEM "file:///etc/passwd">]><notification><kind>&x;</kind></notification>',
        b'<!DOCTYPE n [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><notification><kind>&b;</kind></notification>',
        '<!DOCTYPE n [<!ENTITY a "x">]><notification><kind>&a;</kind></notification>'.encode("utf-16"),
    ],
)
def test_attack_088_xml_is_read_after_its_signature_and_never_with_entities(portal: Portal, bomb: bytes) -> None:
    unsigned = Form("k|" + "0" * 40, hooks.signed(portal.house, bomb).payload)
    assert post(portal, unsigned).status_code == 400
    assert post(portal, hooks.signed(portal.house, bomb)).status_code == 400  # even with the key
    assert received(portal.house) == []


def test_a_genuine_notice_that_cannot_be_read_is_kept_for_a_person(portal: Portal) -> None:
    assert post(portal, hooks.signed(portal.house, b"<notification><kind>new</kind></notification>")).status_code == 200
    assert handled(portal.house) == ["notice_for_a_person"]
    assert [alarm.kind for alarm in alarms(portal.house)] == ["notice_for_a_person"]


def test_attack_092_what_is_not_signed_with_our_key_has_no_effect_and_one_answer(portal: Portal) -> None:
    house = portal.house
    other = found(house.ports, house.simulator, Profile.receivables)
    good, foreign = hooks.asked(house, "check"), hooks.sample(other, "check", "x")
    wrong = [
        {},
        {"bt_signature": good.signature},
        {"bt_payload": good.payload},
        {"bt_signature": "", "bt_payload": good.payload},
        {"bt_signature": good.signature[:-1] + ("0" if good.signature[-1] != "0" else "1"), "bt_payload": good.payload},
        {"bt_signature": good.signature.upper(), "bt_payload": good.payload},
        {"bt_signature": good.signature, "bt_payload": good.payload.replace("a", "b", 1)},
        {"bt_signature": good.signature, "bt_payload": good.payload[:-4]},
        {"bt_signature": good.signature, "bt_payload": ""},
        {"bt_signature": good.signature, "bt_payload": good.payload + "<"},
        hooks.asked(house, "check", signature="bad").fields,
        hooks.asked(house, "check", signature="foreign").fields,
        foreign.fields,  # a genuine hook of another organisation
    ]
    wrong = [fields for fields in wrong if fields != good.fields]
    answers = {(answer.status_code, answer.get_data()) for answer in (post(portal, fields) for fields in wrong)}
    assert answers == {(400, b"refused\n")}
    assert received(house) == []
    assert house.doorbell.notices == []
    assert post(portal, foreign, to=f"/{other.slug}/notice/braintree").status_code == 200


@pytest.mark.parametrize(
    ("signature", "payload"),
    [("a|b|c", "{good}"), ("{good}|x", "{good}"), ("{good}", "{good}é"), ("{good}", "\ud800"), ("{good}", "a\x00b"),
     ("é|é", "{good}"), ("{good}", "😀"), ("&&&", "{good}"), ("|", "{good}"), ("k|" * 5_000, "{good}")],
)  # fmt: skip
def test_attack_093_what_makes_the_sdk_stumble_is_refused_like_the_rest(
    portal: Portal, signature: str, payload: str
) -> None:
    good = hooks.asked(portal.house, "check")
    body = {
        "bt_signature": signature.replace("{good}", good.signature),
        "bt_payload": payload.replace("{good}", good.payload).encode("utf-8", "surrogatepass"),
    }
    answer = post(portal, body)  # type: ignore[arg-type]  # bytes are posted as they are
    assert (answer.status_code, answer.get_data()) == (400, b"refused\n")
    assert received(portal.house) == []


def test_attack_094_a_notice_that_comes_a_thousand_times_is_stored_and_handled_once(portal: Portal) -> None:
    house = portal.house
    hooks.keep_here(house)
    row = paid(portal, number=DISPUTED_CARD)
    [form] = hooks.made(house)
    assert post(portal, form).status_code == 200
    assert handled(house) == ["applied"]
    before = entries(house, portal.account_id)
    variants = [form, Form(form.signature, form.payload + "\n"), Form(form.signature, form.payload.rstrip("\n"))]
    for n in range(1_000):
        assert post(portal, variants[n % 3]).status_code in (200, 400)
    house.clock.pass_(days=30)
    post(portal, form)
    assert handled(house) == ["applied"]
    assert len(received(house)) == 1
    assert entries(house, portal.account_id) == before == [("chargeback_opened", 3_000), ("payment_taken", 3_000)]
    assert row.gateway_id == house.truth()[0]["id"]


def test_attack_094_a_notice_older_than_three_days_is_kept_and_left_to_reconcile(portal: Portal) -> None:
    house = portal.house
    hooks.keep_here(house)
    paid(portal, number=DISPUTED_CARD)
    dispute_id = house.truth()[0]["disputes"][0]["id"]  # type: ignore[index]  # JSON
    house.clock.at = datetime.now(UTC)
    form = hooks.asked(house, "dispute_opened", dispute_id=dispute_id, age_seconds=73 * 3600)
    assert post(portal, form).status_code == 200
    assert handled(house) == ["too_old"]
    assert entries(house, portal.account_id) == [("payment_taken", 3_000)]


def test_attack_094_a_notice_whose_raw_text_is_gone_is_still_known(portal: Portal) -> None:
    house = portal.house
    hooks.keep_here(house)
    paid(portal, number=DISPUTED_CARD)
    [form] = hooks.made(house)
    post(portal, form)
    assert forget_old(house.ports) == 0, "what waits is kept, whatever its age"
    assert handled(house) == ["applied"]
    before = entries(house, portal.account_id)
    house.clock.pass_(days=89)
    forget_old(house.ports)
    assert received(house)[0].payload
    house.clock.pass_(days=2)
    assert forget_old(house.ports) == 1
    assert forget_old(house.ports) == 0
    [row] = received(house)
    assert (row.payload, row.signature, row.result) == ("", "", "applied")
    assert post(portal, form).status_code == 200
    assert handled(house) == ["applied"]
    assert entries(house, portal.account_id) == before


def test_attack_095_notices_in_the_wrong_order_end_in_what_the_gateway_says(portal: Portal) -> None:
    house = portal.house
    hooks.keep_here(house)
    paid(portal, number=DISPUTED_CARD)
    dispute_id = house.truth()[0]["disputes"][0]["id"]  # type: ignore[index]  # JSON
    for status in ("disputed", "under_review", "lost"):
        house.simulator.call("POST", f"/simulator/disputes/{dispute_id}", {"status": status})
    for form in reversed(hooks.made(house)):  # lost first, opened last
        assert post(portal, form).status_code == 200
        handled(house)
    assert [row.result for row in received(house)].count("applied") == 1
    assert entries(house, portal.account_id) == [
        ("chargeback_lost", 3_000),
        ("chargeback_opened", 3_000),
        ("payment_taken", 3_000),
    ]
    assert portal.balance() == 50_000
    assert [alarm.kind for alarm in alarms(house)] == ["dispute_lost"]


def test_attack_096_a_hook_that_says_settled_is_not_believed_when_the_gateway_says_voided(portal: Portal) -> None:
    house = portal.house
    row = paid(portal)
    settled = hooks.sample(house, "transaction_settled", row.gateway_id or "")
    house.simulator.gateway(
        house.merchant_id, f"{house.merchant_id}_public_key", f"{house.merchant_id}_private_key"
    ).transaction.void(row.gateway_id)
    post(portal, settled)
    assert handled(house) == ["voided_there"]
    assert charges(house, row.obligation_id)[0].gateway_status == "voided"
    assert portal.balance() == 50_000


def test_attack_096_a_hook_that_says_declined_changes_nothing_when_the_gateway_took_it(portal: Portal) -> None:
    row = paid(portal)
    post(portal, hooks.sample(portal.house, "transaction_settlement_declined", row.gateway_id or ""))
    assert handled(portal.house) == ["agrees"]
    assert portal.balance() == 47_000


@pytest.mark.parametrize("kind", ["transaction_settled", "dispute_opened"])
def test_attack_097_a_notice_about_something_unknown_is_kept_and_a_person_is_called(portal: Portal, kind: str) -> None:
    house = portal.house
    sold_elsewhere = house.simulator.gateway(
        house.merchant_id, f"{house.merchant_id}_public_key", f"{house.merchant_id}_private_key"
    ).transaction.sale({"amount": "9.00", "payment_method_nonce": "fake-valid-nonce", "order_id": "not ours"})
    opened = house.simulator.call("POST", "/simulator/disputes", {"transaction_id": sold_elsewhere.transaction.id})
    known_there = {"transaction_settled": sold_elsewhere.transaction.id, "dispute_opened": opened["id"]}[kind]
    for gateway_id in (known_there, "nowhere1"):
        assert post(portal, hooks.sample(house, kind, gateway_id)).status_code == 200
    results = handled(house)
    nowhere = {"transaction_settled": "notice_of_unknown_sale", "dispute_opened": "unknown_dispute"}[kind]
    assert set(results) == {"unknown_sale", nowhere}
    assert len(received(house)) == 2
    assert all(row.state == "handled" for row in received(house))
    told = {"transaction_settled": {"notice_of_unknown_sale"}, "dispute_opened": {"notice_of_unknown_dispute"}}[kind]
    assert {alarm.kind for alarm in alarms(house)} == told | {"dispute_of_unknown_sale"}
    assert portal.balance() == 50_000


@pytest.mark.parametrize("field", ["bt_payload", "bt_signature", "other"])
def test_attack_098_a_big_body_is_refused(portal: Portal, field: str) -> None:
    good = hooks.asked(portal.house, "check")
    begun = time.perf_counter()
    for size in (70_000, 10_000_000):
        answer = post(portal, {**good.fields, field: "A" * size})
        assert (answer.status_code, answer.get_data()) == (413, b"too large\n")
    assert time.perf_counter() - begun < 20
    assert received(portal.house) == []


def test_attack_098_a_flood_costs_no_row_and_leaves_the_pages_alone(portal: Portal) -> None:
    good = hooks.asked(portal.house, "check")
    forged = [good.signature[:-4] + f"{n:04x}" for n in range(501)]
    for signature in [each for each in forged if each != good.signature][:500]:
        assert post(portal, Form(signature, good.payload)).status_code == 400
    assert received(portal.house) == []
    assert portal.opened().status == 200


def test_attack_098_only_forms_are_read(portal: Portal) -> None:
    good = hooks.asked(portal.house, "check")
    for kind in ("text/xml", "application/json", "multipart/form-data; boundary=x", "text/plain"):
        answer = portal.reader().raw("POST", door(portal), data=good.payload, headers={"Content-Type": kind})
        assert (answer.status_code, answer.get_data()) == (415, b"refused\n")
    other_site = portal.reader().raw("POST", door(portal), data=good.fields, headers={"Origin": "https://evil.example"})
    assert other_site.status_code == 403
    assert received(portal.house) == []


@pytest.mark.parametrize(
    "challenge",
    ["", "<script>", "20f9f8ed05f77439fe955c977e4c8a53\n", "20f9f8ed05f77439fe955c977e4c8a53%0a", "abc", "g" * 32,
     "A" * 32, "a" * 33, "a" * 5_000, "\x00", "é"],
)  # fmt: skip
def test_attack_099_a_challenge_that_is_none_is_refused(portal: Portal, challenge: str) -> None:
    answer = portal.reader().raw("GET", door(portal), query_string={"bt_challenge": challenge})
    assert (answer.status_code, answer.get_data()) == (400, b"refused\n")
    assert answer.mimetype == "text/plain"


def test_a_challenge_is_answered_as_the_gateway_wants(portal: Portal) -> None:
    challenge = "20f9f8ed05f77439fe955c977e4c8a53"
    answer = portal.reader().raw("GET", door(portal), query_string={"bt_challenge": challenge})
    expected = portal.house.simulator.gateway(
        portal.house.merchant_id,
        f"{portal.house.merchant_id}_public_key",
        f"{portal.house.merchant_id}_private_key",
    ).webhook_notification.verify(challenge)
    assert (answer.status_code, answer.get_data(as_text=True)) == (200, expected)
    assert answer.mimetype == "text/plain"


def test_attack_100_a_hook_that_comes_while_the_charge_is_sent_books_nothing_twice(portal: Portal) -> None:
    house = portal.house
    hooks.keep_here(house)
    due = house.obligation(portal.account_id, 3_000, payment_method_id=house.card_on_file(DISPUTED_CARD))
    claimed = claim(house.ports, house.organisation_id, due, SOON)
    outcome = send(house.ports, claimed, SOON)  # taken, and not written down yet
    assert outcome is not None
    assert outcome.kind is OutcomeKind.succeeded
    [opened] = hooks.made(house)
    post(portal, opened)
    post(portal, hooks.asked(house, "transaction_settled", transaction_id=outcome.gateway_id))
    assert handled(house) == ["waiting", "waiting"]
    assert entries(house, portal.account_id) == []
    apply(house.ports, claimed, outcome)
    house.clock.pass_(minutes=1)
    for row in received(house):
        handle(house.ports, house.organisation_id, row.id)
    assert entries(house, portal.account_id) == [("chargeback_opened", 3_000), ("payment_taken", 3_000)]
    assert [row.state for row in received(house)] == ["handled", "handled"]


def test_attack_100_a_hook_ends_a_charge_whose_answer_was_lost_once(portal: Portal) -> None:
    house = portal.house
    due = house.obligation(portal.account_id, 3_000, payment_method_id=house.card_on_file())
    claimed = claim(house.ports, house.organisation_id, due, SOON)
    outcome = send(house.ports, claimed, SOON)
    assert outcome is not None
    apply(house.ports, claimed, Outcome(OutcomeKind.unknown, reason="lost"))
    post(portal, hooks.asked(house, "transaction_settled", transaction_id=outcome.gateway_id))
    assert handled(house) == ["adopted"]
    apply(house.ports, claimed, outcome)  # the sender wakes up after all
    assert entries(house, portal.account_id) == [("payment_taken", 3_000)]
