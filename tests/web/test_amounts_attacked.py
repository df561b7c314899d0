"""Attacks 59-61, 64-71 and 74: amounts nobody may pay, steps skipped, payments made twice, cards tried out."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.storage import account, limit
from portal.usecases.ledger import lower_balance
from portal.usecases.payment_link import make
from tests.rig.house import found
from tests.rig.reader import Reader
from tests.web.conftest import Portal, settled

UNREADABLE = [
    "-1", "0", "0.00", "0.001", "-0", "1e3", "1E+2", "NaN", "sNaN", "Infinity", "1_000", "0x10", "+5", "5.", ".5",
    "12.50\n", "１２.５０", "١٢", "1.234,56", "12,50", "9" * 400, "1e-400", "", " ", "1 000", "$$5", "5$",
    "1,23", "12,34,567", "9223372036854775807", "99999999", "5.5", "--5", "5;6", "<b>5</b>",
]  # fmt: skip


def lower(portal: Portal, amount_cents: int) -> None:
    """Staff lower the balance while somebody is on their way."""
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        row = account.lock(session, portal.account_id)
        key = f"test:{row.version}"
        lower_balance(session, row, amount_cents, event_key=key, now=house.clock.now(), by="test")


def test_attack_059_amounts_that_could_mean_anything_are_refused_with_a_sentence(portal: Portal) -> None:
    reader = portal.at_amount()
    asked = len(portal.house.simulator.requests(merchant_id=portal.house.merchant_id))
    form, _ = reader.form_of("Continue")
    for typed in UNREADABLE:
        values = reader.values_of(form) | {
            "choice": "other",
            "amount": typed,
            "method": "new",
            "card_nonce": "nonce-1234",
        }
        reader.post(reader.url, values)
        assert reader.status == 422, typed
        assert reader.errors(), typed
    assert len(portal.house.simulator.requests(merchant_id=portal.house.merchant_id)) == asked


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("$1,250.50", "$1,250.50"), (" 12.50 ", "$12.50"), ("1,234.56", "$1,234.56"), ("500", "$500.00")],
)
def test_attack_059_amounts_as_people_write_them_are_read(portal: Portal, typed: str, shown: str) -> None:
    portal.account_id = portal.house.account(200_000)
    reader = portal.card(portal.at_amount(), amount="Another amount", other=typed)
    assert reader.rows()["You pay now"] == shown


def test_attack_060_a_balance_that_shrank_meanwhile_is_never_overpaid(portal: Portal) -> None:
    reader = portal.at_agreement(amount="Another amount", other="499.99")
    lower(portal, 10_000)
    reader.choose("I have read this").press("Pay $499.99")
    assert reader.sees("The amount can be at most $400.00") or reader.sees("figures have changed")
    assert portal.house.truth() == []
    assert portal.balance() == 40_000


def test_attack_060_and_061_a_changed_balance_is_shown_before_anything_is_charged(portal: Portal) -> None:
    reader = portal.card(portal.at_amount())
    assert reader.rows()["You pay now"] == "$500.00"
    lower(portal, 12_345)
    reader.press("Confirm and continue")
    assert reader.status == 409
    assert reader.step == "check"
    assert reader.sees("The figures have changed")
    assert reader.rows()["You pay now"] == "$376.55"
    reader.press("Confirm and continue").choose("I have read this").press("Pay $376.55")
    assert [row["amount_cents"] for row in portal.house.truth()] == [37_655]


def test_attack_061_an_offer_that_ended_meanwhile_charges_nothing(portal: Portal) -> None:
    portal.offer(basis_points=5_000, days=1)
    reader = portal.opened().press("Yes, continue").choose("Pay once and settle").press("Continue")
    reader.choose("Debit or credit card").set_hidden("card_nonce", portal.house.nonce()).press("Continue")
    portal.house.clock.pass_(hours=7)
    reader.open(reader.url)
    portal.house.clock.pass_(days=1, hours=-7, minutes=-1)
    visit_over = reader.open(reader.url)
    assert visit_over.status == 403  # the visit ends before the offer does
    assert portal.house.truth() == []


def test_attack_061_a_forged_quote_or_text_charges_nothing(portal: Portal) -> None:
    reader = portal.card(portal.at_amount())
    form, _ = reader.form_of("Confirm")
    assert reader.post(reader.url, reader.values_of(form) | {"quote": "0" * 24}).status == 409
    reader.press("Confirm and continue")
    form, _ = reader.form_of("Pay $")
    reader.post(reader.url, reader.values_of(form) | {"agreement": "0" * 64, "agreed": "yes"})
    assert reader.status == 409
    assert portal.house.truth() == []


def test_attack_065_double_presses_and_captured_posts_charge_once(portal: Portal) -> None:
    reader = portal.at_agreement()
    form, _ = reader.form_of("Pay $")
    values, address = reader.values_of(form) | {"agreed": "yes"}, reader.url

    def press(_: int) -> int:
        twin = portal.reader()
        twin.client._cookies = dict(reader.client._cookies)
        return twin.post(address, values).status

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(press, range(6))) <= {200, 409}
    reader.post(address, values)
    assert reader.step == "result"
    assert reader.heading == "Payment received"
    assert len(portal.house.truth()) == 1
    assert portal.balance() == 0


def test_attack_065_two_visits_of_one_link_pay_the_balance_once(portal: Portal) -> None:
    first, second = portal.at_agreement(), portal.at_agreement(portal.reader("198.51.100.8"))

    def pay(reader: Reader) -> None:
        reader.choose("I have read this").press("Pay $")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(pay, (first, second)))
    assert sum(int(row["amount_cents"]) for row in portal.house.truth()) == 50_000
    assert sorted(reader.heading for reader in (first, second))[1] == "Payment received"


def test_attack_065_while_one_payment_is_unknown_nobody_pays_again(portal: Portal) -> None:
    portal.house.simulator.faults("hang_after", merchant=portal.house.merchant_id, operation="sale", times=1)
    waiting = portal.paid(amount="Minimum payment")
    assert waiting.heading == "We are confirming your payment"
    late = portal.reader("198.51.100.8").open(portal.link()).press("Continue")
    assert late.heading == "A payment is being confirmed"
    assert late.sees("Please do not pay again")
    waiting.open(waiting.url.replace("/result", "/amount"))
    assert waiting.step == "result"
    assert len(portal.house.truth()) == 1


def test_attack_065_back_and_submit_after_paying_shows_the_result(portal: Portal) -> None:
    reader = portal.paid(amount="Minimum payment")
    for step in ("contact", "offer", "amount", "check", "agreement", "contact/change"):
        reader.open(f"{reader.path.rsplit('/', 1)[0]}/{step}" if reader.step == "result" else reader.path)
        assert reader.heading == "Payment received", step
    assert len(portal.house.truth()) == 1


def test_attack_066_steps_cannot_be_skipped(portal: Portal) -> None:
    reader = portal.opened()
    base = reader.path.rsplit("/", 1)[0]
    for step in ("amount", "check", "agreement", "result", "result/receipt.pdf"):
        assert reader.open(f"{base}/{step}").step == "contact"
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    for step in ("offer", "amount", "check", "agreement", "result/receipt", "result/again"):
        reader.post(f"{base}/{step}", {"csrf_token": token, "agreed": "yes", "quote": "", "agreement": ""})
        assert reader.step == "contact"
    reader.press("Yes, continue")
    for step in ("check", "agreement", "result"):
        assert reader.open(f"{base}/{step}").step == "amount"
    portal.card(reader)
    assert reader.open(f"{base}/agreement").step == "check"


def test_attack_066_without_the_tick_nothing_is_charged(portal: Portal) -> None:
    reader = portal.at_agreement().press("Pay $500.00")
    assert reader.status == 422
    assert reader.errors() == ["Tick the box to authorize the payment."]
    assert portal.house.truth() == []


def test_attack_067_a_text_that_changed_since_it_was_read_is_shown_again(portal: Portal) -> None:
    reader = portal.at_agreement()
    portal.house.set("agreement_terms", "A new paragraph.")
    reader.choose("I have read this").press("Pay $500.00")
    assert reader.status == 409
    assert reader.sees("The agreement has changed since you read it")
    assert reader.sees("A new paragraph.")
    assert portal.house.truth() == []
    reader.choose("I have read this").press("Pay $500.00")
    assert reader.heading == "Payment received"


def test_attack_068_a_used_or_foreign_nonce_buys_nothing(portal: Portal, world: object) -> None:
    foreign = found(portal.house.ports, world).nonce()  # type: ignore[arg-type]  # a simulator process
    used = portal.house.nonce()
    reader = portal.at_amount()
    reader.choose("Minimum payment").choose("Debit or credit card").set_hidden("card_nonce", used).press("Continue")
    reader.press("Confirm and continue").choose("I have read this").press("Pay $5.00")
    assert reader.heading == "Payment received"
    for nonce in (used, foreign, "fake-nonce-123456", "x", "", "a b c d e f g h i j", "'; DROP TABLE visit;--"):
        reader = portal.at_amount(portal.reader())
        reader.choose("Minimum payment").choose("Debit or credit card").set_hidden("card_nonce", nonce).press(
            "Continue"
        )
        assert reader.status == 422, nonce
    assert len(portal.house.truth()) == 1


def test_m12_attack_069_a_card_of_somebody_else_is_no_method(portal: Portal, world: object) -> None:
    foreign = found(portal.house.ports, world).card_on_file()  # type: ignore[arg-type]  # a simulator process
    reader = portal.at_amount()
    form, _ = reader.form_of("Continue")
    proof = {"choice": "whole", "proof_last4": "1111", "proof_zip": "94107"}
    for method in (foreign, "0" * 32, "entered", "../x", ""):
        reader.post(reader.url, reader.values_of(form) | proof | {"method": method})
        assert reader.status == 422
        assert reader.errors() == ["Choose how you want to pay."]


def test_attack_070_after_five_declines_cards_rest(portal: Portal) -> None:
    portal.house.simulator.faults("decline_hard", merchant=portal.house.merchant_id, operation="sale", times=20)
    reader = portal.at_agreement(amount="Minimum payment")
    declines = 0
    for _ in range(12):
        if reader.step != "agreement":
            break
        reader.choose("I have read this").press("Pay $5.00")
        if reader.heading != "Your payment did not go through":
            break
        declines += 1
        assert "2004" not in reader.html
        reader.press("Try again")
        portal.card(reader, amount="Minimum payment")
        if reader.step == "check":
            reader.press("Confirm and continue")
    assert declines == 5
    assert "Several cards were declined" in reader.text
    another = portal.at_amount(portal.reader("198.51.100.77"))
    portal.card(another, amount="Minimum payment")
    assert "Several cards were declined" in " ".join(another.errors())
    assert len(portal.house.truth()) == 5
    portal.house.simulator.clear_faults()
    portal.house.clock.pass_(hours=1, minutes=1)
    assert portal.paid(portal.reader(), amount="Minimum payment").heading == "Payment received"


def test_attack_070_one_address_cannot_try_cards_over_many_links(portal: Portal) -> None:
    from datetime import timedelta

    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        for _ in range(40):
            limit.count_up(session, "new_card", "203.0.113.7", timedelta(hours=1), house.clock.now())
    reader = portal.card(portal.at_amount())
    assert reader.status == 422
    assert portal.card(portal.at_amount(portal.reader("198.51.100.1"))).step == "check"


def test_attack_071_the_words_of_a_processor_are_never_shown(portal: Portal) -> None:
    portal.house.simulator.faults("decline_hard", merchant=portal.house.merchant_id, operation="sale", times=1)
    reader = portal.paid(amount="Minimum payment")
    assert reader.heading == "Your payment did not go through"
    for word in ("Do Not Honor", "Expired", "processor_declined", "hard_declined"):
        assert word not in reader.html
    assert "2004" not in reader.text, "nor the processor's number; an address may hold any digits"


def test_attack_074_a_card_number_typed_into_a_text_field_is_refused(portal: Portal) -> None:
    reader = portal.opened().follow("Something is wrong")
    for typed in ("4111 1111 1111 1111", "my card 4111-1111-1111-1111", "378282246310005"):
        reader.fill("Address line 1", typed).press("Send corrections")
        assert reader.status == 422
        assert reader.errors() == ["This looks like a card number. Please remove it: cards are entered later."]
    reader.fill("Address line 1", "1234 5678 Elm Street, Apt 9012").press("Send corrections")
    assert reader.step == "amount"


def test_a_link_made_for_one_account_never_shows_another(portal: Portal) -> None:
    other = portal.house.account(99_900)
    reader = portal.at_amount()
    assert "999.00" not in reader.html
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        row = account.by_id(session, other)
        assert row is not None
        token = make(session, row, days=1, now=portal.house.clock.now(), made_by="test")
    assert settled(portal.reader().open(f"/{portal.slug}/l/{token}").html.replace(token, "")) == settled(
        portal.reader().open(portal.link()).html.replace(portal.tokens[-1], "")
    )
