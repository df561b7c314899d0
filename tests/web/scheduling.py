"""Scheduling in the payment link, as a person without script does it: the way to the dates, and what is listed."""

from datetime import date, timedelta

from tests.rig.reader import Reader
from tests.rig.series import today
from tests.web.conftest import Portal


def at_dates(portal: Portal, reader: Reader | None = None, number: str = "4111111111111111") -> Reader:
    """Past the amount step, with a new card and payments to be scheduled."""
    reader = portal.at_amount(reader).choose("Schedule payments").choose("ebit or credit card")
    reader.set_hidden("card_nonce", portal.house.nonce(number)).press("Continue")
    assert reader.step == "schedule", (reader.path, reader.errors())
    return reader


def in_days(portal: Portal, days: int) -> date:
    return today(portal.house) + timedelta(days=days)


def begin(reader: Reader, often: str, start_on: date | None) -> Reader:
    """How often, and from when."""
    return reader.choose(often).fill("Date of the first payment", start_on.isoformat() if start_on else "")


def weekly(portal: Portal, reader: Reader, number: int = 4, days: int = 1) -> Reader:
    """The balance in equal parts, week by week."""
    return begin(reader, "Every week", in_days(portal, days)).fill("How many payments", str(number))


def payments(reader: Reader) -> list[str]:
    """Each payment as a line, where they are listed."""
    return [each.text for each in reader.page.walk() if "payment" in each.get("class").split()]


def at_authorization(portal: Portal, reader: Reader | None = None, number: int = 4, days: int = 1) -> Reader:
    """At the agreement step, with weekly payments that were checked."""
    reader = weekly(portal, at_dates(portal, reader), number, days).press("Continue")
    assert reader.step == "check", (reader.path, reader.errors())
    reader.press("Confirm and continue")
    assert reader.step == "agreement", reader.path
    return reader


def agreed(reader: Reader) -> dict[str, str]:
    """What the press of the button sends."""
    form, _ = reader.form_of("chedule")
    return reader.values_of(form) | {"agreed": "yes"}
