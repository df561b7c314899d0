"""The page of dates and amounts: rhythms, paydays, amounts, limits, and what is wrong, without script."""

from datetime import date

import pytest

from tests.web.conftest import Portal
from tests.web.scheduling import at_dates, begin, in_days, payments, weekly


def test_a_payday_every_other_week_is_aligned_and_listed_before_anything_is_confirmed(portal: Portal) -> None:
    reader = at_dates(portal)
    reader.choose("On my payday").choose("Every other week").fill("One of your paydays", "2026-10-30")
    reader.fill("How many payments", "3").press("Show the dates")
    assert reader.step == "schedule"
    assert reader.sees("3 payments, $500.00 in all")
    assert payments(reader) == [
        "1. Fri, Nov 13, 2026 $166.66",
        "2. Fri, Nov 27, 2026 $166.66",
        "3. Fri, Dec 11, 2026 $166.68",
    ]
    assert reader.field("One of your paydays")["value"] == "2026-10-30"
    assert reader.field("Every other week").has("checked")
    reader.press("Continue")
    assert reader.step == "check"


@pytest.mark.parametrize(
    ("choices", "dates"),
    [
        (
            {"On my payday": "", "Weekly": "", "Day of the week": "4"},
            ["Fri, Nov 6, 2026", "Fri, Nov 13, 2026", "Fri, Nov 20, 2026"],
        ),
        (
            {"On my payday": "", "Last working day": ""},
            ["Mon, Nov 30, 2026", "Thu, Dec 31, 2026", "Fri, Jan 29, 2027"],
        ),
        (
            {"On my payday": "", "Two days a month": "", "First day": "15", "Second day": "31"},
            ["Mon, Nov 16, 2026", "Mon, Nov 30, 2026", "Tue, Dec 15, 2026"],
        ),
        (
            {"Twice a month": "", "First day": "5", "Second day": "20"},
            ["Thu, Nov 5, 2026", "Fri, Nov 20, 2026", "Mon, Dec 7, 2026"],
        ),
        (
            {"Every month": "", "Date of the first payment": "2026-11-30"},
            ["Mon, Nov 30, 2026", "Wed, Dec 30, 2026", "Mon, Feb 1, 2027"],
        ),
        (
            {"Every two weeks": "", "Date of the first payment": "11/12/2026"},
            ["Thu, Nov 12, 2026", "Fri, Nov 27, 2026", "Thu, Dec 10, 2026"],
        ),
    ],
    ids=["weekly pay", "last working day", "two paydays", "twice a month", "monthly", "two weeks"],
)
def test_each_rhythm_lists_its_dates(portal: Portal, choices: dict[str, str], dates: list[str]) -> None:
    reader = at_dates(portal)
    for label, value in choices.items():
        if value:
            reader.fill(label, value)
        else:
            reader.choose(label)
    reader.fill("How many payments", "3").press("Show the dates")
    assert reader.errors() == []
    assert [line.split(". ", 1)[1].split(" $")[0].split(" moved")[0] for line in payments(reader)] == dates


def test_a_date_on_a_weekend_or_holiday_says_where_it_was_moved_from(portal: Portal) -> None:
    reader = begin(at_dates(portal), "Every week", date(2026, 11, 26)).fill("How many payments", "2")
    assert reader.sees("A date on a weekend or federal holiday moves to the next working day.")
    reader.press("Continue")
    assert payments(reader)[0].startswith("1. Fri, Nov 27, 2026 moved from Thu, Nov 26: holiday $250.00")
    reader.follow("Change dates")
    begin(reader, "Once", date(2026, 11, 7)).press("Continue")
    assert payments(reader)[0].startswith("1. Mon, Nov 9, 2026 moved from Sat, Nov 7: weekend")


def test_a_fixed_amount_goes_on_until_the_balance_is_paid(portal: Portal) -> None:
    reader = begin(at_dates(portal), "Every month", in_days(portal, 1))
    reader.choose("Same amount each time").fill("Amount of each payment", "$120").press("Show the dates")
    assert [line.split("$")[1] for line in payments(reader)] == ["120.00"] * 4 + ["20.00"]
    reader.choose("Same amount each time").fill("How many payments", "2").press("Continue")
    assert reader.rows()["Left to pay after these"] == "$260.00"


def test_each_amount_can_be_chosen_and_a_row_of_the_check_page_changed_by_itself(portal: Portal) -> None:
    reader = weekly(portal, at_dates(portal), 3).choose("I choose each amount").press("Show the dates")
    assert [reader.field(f"{n}. ")["value"] for n in (1, 2, 3)] == ["166.66", "166.66", "166.68"]
    reader.fill("1. ", "100").fill("2. ", "50.50").fill("3. ", "349.50").press("Continue")
    assert reader.step == "check", reader.errors()
    assert [line.split("$")[1].split()[0] for line in payments(reader)] == ["100.00", "50.50", "349.50"]
    reader.follow("Change payment 2")
    assert reader.field("2. ").has("autofocus")
    reader.fill("2. ", "40").press("Continue")
    assert reader.rows()["Left to pay after these"] == "$10.50"


def test_a_row_of_equal_parts_is_changed_by_itself_and_the_others_stay(portal: Portal) -> None:
    reader = weekly(portal, at_dates(portal), 4).press("Continue")
    reader.follow("Change payment 4").fill("4. ", "100").press("Continue")
    assert [line.split("$")[1].split()[0] for line in payments(reader)] == ["125.00", "125.00", "125.00", "100.00"]
    assert reader.rows()["Left to pay after these"] == "$25.00"


def test_dates_added_to_chosen_amounts_share_what_is_left(portal: Portal) -> None:
    reader = weekly(portal, at_dates(portal), 2).choose("I choose each amount").press("Show the dates")
    reader.fill("1. ", "300").fill("2. ", "50").fill("How many payments", "4").press("Show the dates")
    assert [reader.field(f"{n}. ")["value"] for n in (1, 2, 3, 4)] == ["300.00", "50.00", "75.00", "75.00"]


def test_limits_are_said_before_and_refused_kindly_after_and_nothing_typed_is_lost(portal: Portal) -> None:
    portal.house.set("schedule_number_max", value=6)
    portal.house.set("schedule_days_max", value=60)
    portal.house.set("schedule_minimum_cents", value=5_000)
    reader = at_dates(portal)
    assert reader.sees("From Mon, Nov 2, 2026 to Fri, Jan 1, 2027.")
    assert reader.sees("$500.00 can be scheduled, $50.00 or more each time.")
    assert reader.sees("At most 6.")
    for number, sentence in (
        ("7", "That makes more than 6 payments. Choose fewer, or a higher amount."),
        ("x", "Enter how many payments you want to make, like 6."),
        ("", "Enter how many payments you want to make, like 6."),
    ):
        weekly(portal, reader).fill("How many payments", number).press("Show the dates")
        assert (reader.status, reader.errors()) == (422, [sentence])
        assert reader.title.startswith("Error: ")
        assert reader.field("How many payments")["value"] == number
        assert reader.field("How many payments")["aria-invalid"] == "true"
        assert reader.field("Every week").has("checked")
        assert reader.field("Date of the first payment")["value"] == in_days(portal, 1).isoformat()
    begin(reader, "Every month", in_days(portal, 1)).fill("How many payments", "5").press("Show the dates")
    assert reader.errors() == [
        "The last payment would be later than January 1, 2027. Choose fewer payments, or earlier dates."
    ]
    begin(reader, "Once", in_days(portal, -1)).press("Continue")
    assert reader.errors() == ["That date has passed. Choose today or a later date."]
    begin(reader, "Once", in_days(portal, 61)).press("Continue")
    assert reader.errors()[0].startswith("The last payment would be later than January 1, 2027.")
    begin(reader, "Every week", in_days(portal, 1)).choose("Same amount each time")
    reader.fill("Amount of each payment", "49.99").fill("How many payments", "2").press("Continue")
    assert reader.errors() == ["The amount must be at least $50.00."]
    assert reader.field("Amount of each payment")["value"] == "49.99"


def test_everything_that_is_missing_is_named_at_once(portal: Portal) -> None:
    reader = at_dates(portal).choose("Every week").choose("Same amount each time").press("Continue")
    assert reader.errors() == ["Enter the date of the first payment.", "Enter the amount you want to pay."]
    reader.choose("On my payday").press("Continue")
    assert reader.errors() == ["Choose how you are paid.", "Enter the amount you want to pay."]
    reader.choose("Weekly").press("Continue")
    assert reader.errors()[0] == "Choose the day of the week you are paid."
    reader.choose("Two days a month").fill("First day", "1").fill("Second day", "5").press("Continue")
    assert reader.errors()[0] == "Choose two days that are at least 10 days apart."


def test_wrong_amounts_of_single_dates_are_marked_and_the_others_stay(portal: Portal) -> None:
    reader = weekly(portal, at_dates(portal), 3).choose("I choose each amount").press("Show the dates")
    reader.fill("1. ", "100").fill("2. ", "12,50").fill("3. ", "").press("Continue")
    assert reader.status == 422
    assert reader.errors() == [
        "Enter the amount in dollars and cents, like 125.50", "Enter the amount you want to pay.",
    ]  # fmt: skip
    assert [reader.field(f"{n}. ").get("value") for n in (1, 2, 3)] == ["100", "12,50", ""]
    assert reader.sees("Tue, Nov 10, 2026"), "the dates are still there"
    reader.fill("2. ", "12.50").fill("3. ", "400").press("Continue")
    assert reader.errors() == ["These payments come to more than you owe, which is $500.00."]
    reader.fill("3. ", "300").press("Continue")
    assert reader.step == "check"


def test_the_payment_a_card_does_not_live_to_see_is_said_at_that_moment(portal: Portal) -> None:
    portal.house.clock.pass_(days=365 * 4)
    portal.house.set("schedule_days_max", value=900)
    reader = begin(at_dates(portal), "Every month", in_days(portal, 365)).fill("How many payments", "8")
    reader.press("Show the dates")
    assert reader.sees("This card ends 12/31, before payment 3.")
    reader.press("Continue")
    assert reader.sees("This card ends 12/31, before payment 3.")
    reader.follow("Use another card")
    assert reader.step == "amount"
