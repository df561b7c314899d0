"""Scheduling in the payment link, walked as a person without script walks it, on both databases, with the real SDK."""

from concurrent.futures import ThreadPoolExecutor

from tests.rig.series import run_due, told
from tests.web.conftest import Portal
from tests.web.scheduling import at_dates, begin, in_days, payments, weekly


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
