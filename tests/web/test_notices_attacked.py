"""Attacks 88 and 92-101: what comes to the door of the gateway's notices that the gateway never meant."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from portal.domain.charge import Outcome, OutcomeKind
from portal.domain.organisation import Profile
from portal.storage import account, audit, charge, ledger, notice, obligation
from portal.storage.audit import Alarm
from portal.storage.charge import Charge
from portal.storage.notice import Notice
from portal.usecases.charge import apply, charge_obligation, claim, send
from portal.usecases.ledger import differs_from_entries
from portal.usecases.notice import handle
from portal.web.machines import WITHOUT_FORM_TOKEN
from tests.rig import hooks
from tests.rig.hooks import Form
from tests.rig.house import House, found
from tests.rig.reader import header_problems
from tests.web.conftest import Portal

SOON = timedelta(seconds=2)
DISPUTED_CARD = "4023898493988028"


def door(portal: Portal) -> str:
    return f"/{portal.slug}/notice/braintree"


def post(portal: Portal, form: Form | dict[str, str], to: str | None = None) -> TestResponse:
    fields = form.fields if isinstance(form, Form) else form
    return portal.reader("203.0.113.77").raw("POST", to or door(portal), data=fields)


def received(house: House) -> list[Notice]:
    with house.ports.database.read(house.organisation_id) as session:
        return notice.received(session)


def handled(house: House) -> list[str | None]:
    """Handles what was rung for, as the worker does; what came of each notice."""
    for organisation_id, notice_id in house.doorbell.notices:
        handle(house.ports, organisation_id, notice_id)
    house.doorbell.notices.clear()
    return [row.result for row in received(house)]


def alarms(house: House) -> list[Alarm]:
    with house.ports.database.read(house.organisation_id) as session:
        return audit.open_alarms(session)


def entries(house: House, account_id: str) -> list[tuple[str, int]]:
    """The ledger of an account, without what it began with; its balance is their sum."""
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, account_id)
        assert row is not None
        assert differs_from_entries(session, row) == 0
        return sorted((entry.recipe, entry.amount_cents) for entry in ledger.of_account(session, account_id))[1:]


def paid(portal: Portal, amount_cents: int = 3_000, number: str = "4111111111111111") -> Charge:
    """A charge of a kept card that succeeded."""
    house = portal.house
    due = house.obligation(portal.account_id, amount_cents, payment_method_id=house.card_on_file(number))
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    [row] = charges(house, due)
    assert row.state == "succeeded"
    return row


def charges(house: House, due: str) -> list[Charge]:
    with house.ports.database.read(house.organisation_id) as session:
        return charge.of_obligation(session, due)


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
        {"bt_signature": good.signature[:-1] + "0", "bt_payload": good.payload},
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
    assert time.perf_counter() - begun < 2
    assert received(portal.house) == []


def test_attack_098_a_flood_costs_no_row_and_leaves_the_pages_alone(portal: Portal) -> None:
    good = hooks.asked(portal.house, "check")
    begun = time.perf_counter()
    for n in range(500):
        assert post(portal, Form(good.signature[:-4] + f"{n:04x}"[-4:], good.payload)).status_code == 400
    assert time.perf_counter() - begun < 10
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


def declined_then_retried(portal: Portal, *, keeps_order_id: bool) -> tuple[str, str]:
    """(obligation, gateway id of the retry): a soft decline that the gateway tried again by itself."""
    house = portal.house
    hooks.keep_here(house)
    house.simulator.merchant(
        house.merchant_id, retry_declines_after_seconds=86_400, retries_keep_order_id=keeps_order_id
    )
    due = house.obligation(big_account(portal), 200_100, payment_method_id=house.card_on_file())
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    [row] = charges(house, due)
    assert row.state == "declined"
    again = house.simulator.call("POST", f"/simulator/transactions/{row.gateway_id}/retry")
    return due, str(again["id"])


def big_account(portal: Portal) -> str:
    portal.account_id = portal.house.account(900_000)
    return portal.account_id


@pytest.mark.parametrize("keeps_order_id", [True, False])
def test_attack_101_a_retry_of_the_gateways_own_counts_once_and_we_charge_no_more(
    portal: Portal, keeps_order_id: bool
) -> None:
    house = portal.house
    due, gateway_id = declined_then_retried(portal, keeps_order_id=keeps_order_id)
    assert {alarm.kind for alarm in alarms(house)} == {"gateway_retries_on"}  # heard from the decline itself
    [form] = hooks.made(house)
    for _ in range(3):
        post(portal, form)
    post(portal, hooks.asked(house, "transaction_retried", transaction_id=gateway_id, age_seconds=60))
    assert handled(house) == ["adopted", "adopted"]
    assert entries(house, portal.account_id) == [("payment_taken", 200_100)]
    assert [(row.state, row.gateway_id == gateway_id) for row in charges(house, due)] == [
        ("declined", False),
        ("succeeded", True),
    ]
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    assert len([sale for sale in house.simulator.truth(merchant=house.merchant_id) if sale["success"]]) == 1
    assert len(house.doorbell.messages) == 1  # one receipt


@pytest.mark.parametrize("settled", [False, True])
def test_attack_101_a_retry_that_nobody_wants_any_more_goes_back(portal: Portal, settled: bool) -> None:
    house = portal.house
    due, gateway_id = declined_then_retried(portal, keeps_order_id=True)
    with house.ports.database.transaction(house.organisation_id) as session:
        obligation.fresh(session, due).status = "cancelled"
    if settled:
        house.simulator.gateway(
            house.merchant_id, f"{house.merchant_id}_public_key", f"{house.merchant_id}_private_key"
        ).testing.settle_transaction(gateway_id)
    for form in hooks.made(house):
        post(portal, form)
    assert handled(house) == ["taken_back"]
    sale = next(row for row in house.simulator.truth(merchant=house.merchant_id) if row["id"] == gateway_id)
    assert (sale["status"] == "voided") != settled
    assert bool(sale["refund_ids"]) == settled
    assert entries(house, portal.account_id) == []
    assert {alarm.kind for alarm in alarms(house)} == {"gateway_retries_on", "gateway_retry_taken_back"}


@pytest.fixture
def served(portal: Portal) -> Iterator[str]:
    """The same application on a port of its own, so that the simulator itself can post to it."""
    server = make_server("127.0.0.1", 0, portal.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{door(portal)}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_simulator_checks_our_address_and_its_hooks_arrive_by_themselves(portal: Portal, served: str) -> None:
    house = portal.house
    asked = {"merchant": house.merchant_id, "url": served}
    assert house.simulator.call("POST", "/simulator/webhooks/challenge", asked)["passed"]
    house.simulator.merchant(house.merchant_id, webhook_url=served, webhook_retry_seconds=0.2)
    paid(portal, number=DISPUTED_CARD)
    until = time.monotonic() + 8
    while not received(house) and time.monotonic() < until:
        time.sleep(0.05)
    assert [row.kind for row in received(house)] == ["dispute_opened"]
    assert handled(house) == ["applied"]
