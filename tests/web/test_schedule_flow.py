"""Scheduling in the payment link, walked as a person without script walks it, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from tests.rig.reader import Reader
from tests.rig.series import run_due, today, told
from tests.web.conftest import Portal


def at_dates(portal: Portal, reader: Reader | None = None, number: str = "4111111111111111") -> Reader:
    """Past the amount step, with a new card and payments to be scheduled."""
    reader = portal.at_amount(reader).choose("Schedule payments").choose("Debit or credit card")
    reader.set_hidden("card_nonce", portal.house.nonce(number)).press("Continue")
    assert reader.step == "schedule", (reader.path, reader.errors())
    return reader


def written(day: date) -> str:
    """Mon, Dec 7, 2026."""
    return f"{day:%a, %b} {day.day}, {day.year}"


def payments(reader: Reader) -> list[str]:
    """Each payment as a line, where they are listed."""
    return [each.text for each in reader.page.walk() if "payment" in each.get("class").split()]


def once(portal: Portal, reader: Reader, days: int = 7) -> Reader:
    day = today(portal.house) + timedelta(days=days)
    return reader.choose("Once").fill("Date of the first payment", day.isoformat())


def agreed(reader: Reader) -> Reader:
    assert reader.step == "check", (reader.path, reader.errors())
    reader.press("Confirm and continue")
    assert reader.step == "agreement", reader.path
    return reader.choose("I have read this").press("chedule")


def test_a_person_schedules_one_payment_on_a_date(portal: Portal) -> None:
    reader = at_dates(portal)
    assert reader.sees("Step 2 of 4")
    once(portal, reader).press("Continue")
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
    reader = at_dates(portal)
    reader.choose("Every week").fill("Date of the first payment", today(portal.house).isoformat())
    reader.fill("How many payments", "4").press("Continue")
    assert payments(reader)[0] == "1. Mon, Nov 2, 2026 today $125.00 Change payment 1"
    reader.press("Confirm and continue")
    assert reader.sees("$125.00 of it today")
    reader.choose("I have read this").press("Pay $125.00 and schedule")
    assert reader.heading == "Your payments are scheduled"
    assert [line.rsplit(" ", 1)[1] for line in payments(reader)] == ["Paid", "Pending", "Pending", "Pending"]
    assert portal.balance() == 37_500
    assert [sale["amount_cents"] for sale in portal.house.truth()] == [12_500]
    portal.house.clock.pass_(days=7, hours=1)
    with ThreadPoolExecutor(2) as pool:
        assert run_due(portal.house, pool) == 1
    reader.open(reader.url)
    assert portal.balance() == 25_000
