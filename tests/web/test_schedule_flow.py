"""Scheduling in the payment link, walked as a person without script walks it, on both databases, with the real SDK."""

from concurrent.futures import ThreadPoolExecutor

from portal.storage import account, agreement, payment_method, schedule
from portal.usecases.ledger import lower_balance
from portal.usecases.schedule_change import cancel
from tests.rig.series import payments_of, run_due, today, told
from tests.web.conftest import Portal
from tests.web.scheduling import agreed, at_authorization, at_dates, begin, in_days, payments, weekly


def test_a_person_schedules_one_payment_on_a_date(portal: Portal) -> None:
    reader = at_dates(portal)
    assert reader.sees("Step 2 of 4"), "scheduling is part of the amount step (S1:19)"
    begin(reader, "Once", in_days(portal, 7)).press("Continue")
    assert reader.step == "check", reader.errors()
    assert reader.sees("Step 3 of 4")
    assert payments(reader) == ["1. Mon, Nov 9, 2026 $500.00 Change payment 1"]
    assert reader.rows()["Left to pay after these"] == "$0.00"
    assert reader.rows()["Pay with"] == "Visa •••• 1111"
    reader.press("Confirm and continue")
    assert reader.step == "agreement"
    assert reader.sees("November 9, 2026: $500.00")
    assert reader.sees("Nothing is charged today.")
    reader.choose("I have read this").press("Schedule the payment")
    assert reader.step == "result"
    assert reader.heading == "Your payment is scheduled"
    assert payments(reader) == ["1. Mon, Nov 9, 2026 $500.00 Pending"]
    assert portal.house.truth() == [], "nothing is charged before its date"
    assert portal.balance() == 50_000
    assert told(portal.house) == ["schedule_made"]


def test_what_is_due_today_is_charged_at_once_and_the_rest_on_its_date(portal: Portal) -> None:
    reader = weekly(portal, at_dates(portal), 4, days=0).press("Continue")
    assert payments(reader)[0] == "1. Mon, Nov 2, 2026 today $125.00 Change payment 1"
    reader.press("Confirm and continue")
    assert reader.sees("$125.00 of it today")
    reader.choose("I have read this").press("Pay $125.00 and schedule")
    assert reader.heading == "Your payments are scheduled"
    assert [line.rsplit(" ", 1)[1] for line in payments(reader)] == ["Paid", "Pending", "Pending", "Pending"]
    assert reader.rows()["Balance today"] == "$375.00"
    assert [sale["amount_cents"] for sale in portal.house.truth()] == [12_500]
    portal.house.clock.pass_(days=7, hours=1)
    with ThreadPoolExecutor(2) as pool:
        assert run_due(portal.house, pool) == 1
    assert portal.balance() == 25_000


def test_scheduling_is_offered_only_without_an_offer_and_where_the_setting_is_on(portal: Portal) -> None:
    """S1:20."""
    portal.offer(basis_points=6_000)
    reader = portal.opened().press("Yes, continue").choose("Pay once and settle").press("Continue")
    assert reader.step == "amount"
    assert "Schedule payments" not in reader.text
    reader.open(reader.url.replace("/amount", "/offer")).choose("Skip the offers").press("Continue")
    assert "Schedule payments" in reader.text
    portal.house.set("schedule_payment", value=False)
    reader.open(reader.url)
    assert "Schedule payments" not in reader.text


def test_an_offer_taken_later_ends_the_scheduling(portal: Portal) -> None:
    portal.offer(basis_points=6_000)
    reader = at_dates(portal)
    reader.open(reader.url.replace("/schedule", "/offer")).choose("Pay once and settle").press("Continue")
    reader.open(reader.url.replace("/amount", "/check"))
    assert reader.step == "check"
    assert reader.rows()["You pay now"] == "$300.00"


def test_the_card_is_kept_for_a_schedule_and_the_page_says_so_in_words(portal: Portal) -> None:
    """C32: there is no box to tick, because without the card nothing can be charged later."""
    reader = portal.at_amount()
    words = "Harbour Recovery keeps this card with its card processor and uses it only for the scheduled payments"
    assert reader.sees(words)
    reader = at_authorization(portal)
    assert reader.sees("keeps my Visa ending in 1111 with its card processor and uses it only for the payments listed")
    reader.choose("I have read this").press("Schedule 4 payments")
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        [kept] = payment_method.of_customer(session, portal.house.customer_id)
    assert kept.consent_text.startswith(words)


def test_c1_the_authorization_is_sealed_as_shown_and_c2_a_copy_is_sent_and_can_be_sent_again(portal: Portal) -> None:
    reader = at_authorization(portal)
    digest = agreed(reader)["agreement"]
    shown = next(each for each in reader.page.walk() if each.get("class") == "agreement").text
    reader.choose("I have read this").press("Schedule 4 payments")
    visit_id = reader.path.split("/")[3]
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        plan = schedule.of_visit(session, visit_id)
        assert plan is not None
        sealed = agreement.by_id(session, plan.agreement_id)
    assert sealed is not None
    assert (sealed.text_sha256, sealed.ip, sealed.visit_id) == (digest, "203.0.113.7", visit_id)
    for paragraph in sealed.text.split("\n\n"):
        assert " ".join(paragraph.split()).lower() in shown.lower()
    assert {due.agreement_id for due in payments_of(portal.house, plan.id)} == {sealed.id}
    for _ in range(3):
        reader.press("Email it again")
        assert reader.sees("We sent it again.")
    reader.press("Email it again")
    assert reader.sees("already sent several times")
    assert told(portal.house) == ["schedule_made"] * 4


def test_a_card_on_file_that_was_proven_is_used_for_a_schedule(portal: Portal) -> None:
    portal.house.card_on_file()
    reader = portal.at_amount().choose("Schedule payments").choose("Visa on file")
    reader.fill("Last 4 digits", "1111").fill("Billing ZIP code", "94107").press("Continue")
    assert reader.step == "schedule", reader.errors()
    weekly(portal, reader).press("Continue").press("Confirm and continue")
    assert reader.sees("my Visa on file ending in 1111")
    reader.choose("I have read this").press("Schedule 4 payments")
    assert reader.heading == "Your payments are scheduled"


def test_other_figures_than_were_checked_are_shown_before_anything_is_scheduled(portal: Portal) -> None:
    reader = weekly(portal, at_dates(portal), 4).press("Continue")
    lower(portal, 10_000)
    reader.press("Confirm and continue")
    assert (reader.status, reader.step) == (409, "check")
    assert reader.sees("The figures have changed since you last saw them.")
    assert payments(reader)[0].startswith("1. Tue, Nov 3, 2026 $100.00")
    reader.press("Confirm and continue")
    lower(portal, 4_000)
    reader.choose("I have read this").press("Schedule 4 payments")
    assert (reader.status, reader.step) == (409, "check")
    assert payments(reader)[0].startswith("1. Tue, Nov 3, 2026 $90.00")
    assert told(portal.house) == []


def test_a_balance_below_what_was_chosen_leads_back_to_the_dates(portal: Portal) -> None:
    reader = begin(at_dates(portal), "Every week", in_days(portal, 1)).choose("Same amount each time")
    reader.fill("Amount of each payment", "200").fill("How many payments", "2").press("Continue")
    lower(portal, 30_000)
    reader.press("Confirm and continue")
    assert reader.status == 409
    assert reader.sees("These payments come to more than you owe, which is $200.00.")
    reader.follow("Choose again")
    assert reader.step == "schedule"
    assert reader.field("Amount of each payment")["value"] == "200.00"


def test_a_date_that_passed_while_the_page_was_open_is_asked_for_again(portal: Portal) -> None:
    portal.house.clock.pass_(hours=13)  # ten in the evening in Chicago
    reader = begin(at_dates(portal), "Once", today(portal.house)).press("Continue")
    portal.house.clock.pass_(hours=3)
    reader.press("Confirm and continue")
    assert reader.status == 409
    assert reader.sees("That date has passed. Choose today or a later date.")
    reader.follow("Choose again")
    assert reader.step == "schedule"
    assert reader.field("Date of the first payment")["value"] == "2026-11-02"


def test_a_card_that_cannot_be_kept_schedules_nothing_and_another_one_does(portal: Portal) -> None:
    reader = weekly(portal, at_dates(portal, number="4000111111111115")).press("Continue")
    reader.press("Confirm and continue").choose("I have read this").press("Schedule 4 payments")
    assert (reader.status, reader.heading) == (409, "Nothing was scheduled")
    assert reader.sees("Your bank did not accept this card.")
    reader.follow("Enter another card")
    assert reader.step == "amount"
    assert reader.field("Schedule payments").has("checked")
    assert "1115" not in reader.html
    reader.choose("ebit or credit card").set_hidden("card_nonce", portal.house.nonce()).press("Continue")
    assert reader.field("How many payments")["value"] == "4", "what was chosen before is kept"
    reader.press("Continue").press("Confirm and continue").choose("I have read this").press("Schedule 4 payments")
    assert reader.heading == "Your payments are scheduled"


def test_a_gateway_that_does_not_answer_schedules_nothing_and_the_next_press_does(portal: Portal) -> None:
    reader = at_authorization(portal)
    portal.house.simulator.faults("reset_after", merchant=portal.house.merchant_id, operation="payment_method", times=1)
    reader.choose("I have read this").press("Schedule 4 payments")
    assert (reader.status, reader.step) == (503, "agreement")
    assert reader.errors() == ["The card processor did not answer. Nothing was charged. Try again in a moment."]
    reader.choose("I have read this").press("Schedule 4 payments")
    assert reader.heading == "Your payments are scheduled"
    assert told(portal.house) == ["schedule_made"]


def test_a_declined_payment_of_today_is_said_with_what_to_do_and_the_rest_stands(portal: Portal) -> None:
    reader = at_authorization(portal, days=0)
    portal.house.simulator.faults("decline_soft", merchant=portal.house.merchant_id, operation="sale", times=1)
    reader.choose("I have read this").press("Pay $125.00 and schedule")
    assert reader.heading == "Your payments are scheduled"
    assert payments(reader)[0].startswith("1. Mon, Nov 2, 2026 $125.00 Declined We try again on")
    assert reader.sees("Your bank did not approve today's payment. Nothing was charged.")
    assert told(portal.house) == ["payment_declined", "schedule_made"]
    reader.press("Use another card")
    assert reader.path.split("/")[2] == "card", "the door that changes the card of this schedule"
    assert reader.status == 200


def test_from_the_result_the_payments_can_be_looked_after_and_it_says_when_they_were_cancelled(portal: Portal) -> None:
    reader = at_authorization(portal).choose("I have read this").press("Schedule 4 payments")
    result, visit_id = reader.url, reader.path.split("/")[3]
    reader.press("Move or cancel payments")
    assert reader.path.split("/")[2] == "scheduled"
    assert reader.status == 200
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        plan = schedule.of_visit(session, visit_id)
    assert plan is not None
    cancel(portal.house.ports, portal.house.organisation_id, plan.id, "customer")
    reader.open(result)
    assert reader.heading == "What you scheduled was cancelled"
    assert [line.split("$125.00 ")[1] for line in payments(reader)] == ["Declined Cancelled"] * 4
    assert "did not approve" not in reader.text


def test_a_payment_of_today_without_an_answer_is_pending_and_the_page_asks_again(portal: Portal) -> None:
    reader = at_authorization(portal, days=0)
    portal.house.simulator.faults("hang_after", merchant=portal.house.merchant_id, operation="sale", times=1)
    reader.choose("I have read this").press("Pay $125.00 and schedule")
    assert payments(reader)[0] == "1. Mon, Nov 2, 2026 $125.00 Pending Being confirmed"
    assert 'hx-trigger="every 3s"' in reader.html


def test_an_organisation_whose_charging_is_off_says_that_payments_are_paused(portal: Portal) -> None:
    portal.house.set("charging_enabled", value=False)
    reader = at_authorization(portal, days=0)
    reader.choose("I have read this").press("Pay $125.00 and schedule")
    assert reader.sees("Harbour Recovery has paused payments at the moment. Nothing is charged until they go on")
    assert payments(reader)[0] == "1. Mon, Nov 2, 2026 $125.00 Pending Paused"
    assert portal.house.truth() == []


def test_whoever_has_scheduled_payments_sees_so_and_may_pay_now_beside_them(portal: Portal) -> None:
    reader = begin(at_dates(portal), "Every week", in_days(portal, 1)).choose("Same amount each time")
    reader.fill("Amount of each payment", "100").fill("How many payments", "2").press("Continue")
    reader.press("Confirm and continue").choose("I have read this").press("Schedule 2 payments")
    reader = portal.at_amount(portal.reader())
    assert reader.sees("$200.00 of this balance is scheduled for later already.")
    reader.choose("Schedule payments").choose("ebit or credit card").set_hidden("card_nonce", portal.house.nonce())
    reader.press("Continue")
    assert reader.sees("$300.00 can be scheduled")


def test_a_schedule_is_walked_in_spanish_from_the_first_page_to_the_last(portal: Portal) -> None:
    reader = portal.at_amount()
    reader.headers["Accept-Language"] = "es"
    reader.press("Español")
    reader.choose("Programar pagos").choose("Tarjeta de débito o crédito")
    reader.set_hidden("card_nonce", portal.house.nonce()).press("Continuar")
    assert reader.heading == "¿Cuándo desea pagar?"
    reader.choose("Cada semana").fill("Fecha del primer pago", "2026-11-26").fill("Cuántos pagos", "2")
    reader.press("Mostrar las fechas")
    assert reader.sees("2 pagos, $500.00 en total")
    assert reader.sees("en lugar del jue, 26 de nov: día feriado")
    reader.press("Continuar").press("Confirmar y continuar")
    assert reader.sees("1. 27 de noviembre de 2026: $250.00")
    reader.choose("He leído esto").press("Programar 2 pagos")
    assert reader.heading == "Sus pagos están programados"
    assert payments(reader)[0].endswith("Pendiente")


def lower(portal: Portal, amount_cents: int) -> None:
    """Staff lower the balance while somebody is on their way."""
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        row = account.lock(session, portal.account_id)
        key = f"test:{row.version}"
        lower_balance(session, row, amount_cents, event_key=key, now=house.clock.now(), by="test")
