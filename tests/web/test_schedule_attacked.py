"""Attacks 50, 59, 60, 64-67, 70 and 76 on scheduling: one schedule, one charge, nothing beyond what is owed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from portal.storage import obligation, payment_method, schedule
from tests.rig.reader import Reader
from tests.rig.series import told
from tests.web.conftest import PORTAL_URL, Portal
from tests.web.scheduling import agreed, at_authorization, at_dates, begin, in_days, payments, weekly

OWN = {"Origin": PORTAL_URL, "Sec-Fetch-Site": "same-origin"}


def promised(portal: Portal) -> list[int]:
    """The payments that are promised on the account, of every schedule."""
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        rows = obligation.live_of_account(session, portal.account_id)
    return [each.amount_cents for each in rows if each.kind == "scheduled"]


def schedules(portal: Portal) -> int:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        return len(schedule.of_account(session, portal.account_id))


def twin(portal: Portal, reader: Reader) -> Reader:
    """Another window of the same browser."""
    other = portal.reader()
    other.client._cookies = dict(reader.client._cookies)
    other.url = reader.url
    return other


def test_attack_065_double_presses_and_captured_posts_make_one_schedule_and_one_charge(portal: Portal) -> None:
    reader = at_authorization(portal, days=0)
    values, address = agreed(reader), reader.url

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: twin(portal, reader).post(address, values).status, range(6)))
    assert set(answers) <= {200, 409, 503}
    reader.post(address, values)
    assert (reader.step, reader.heading) == ("result", "Your payments are scheduled")
    assert schedules(portal) == 1
    assert [sale["amount_cents"] for sale in portal.house.truth()] == [12_500]
    assert portal.balance() == 37_500
    assert promised(portal) == [12_500] * 3
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        assert len(payment_method.of_customer(session, portal.house.customer_id)) == 1
    assert told(portal.house).count("schedule_made") == 1


def test_attack_065_two_visits_of_one_link_promise_the_balance_once(portal: Portal) -> None:
    first, second = at_authorization(portal), at_authorization(portal, portal.reader("198.51.100.8"))

    def press(reader: Reader) -> None:
        reader.choose("I have read this").press("Schedule 4 payments")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(press, (first, second)))
    assert schedules(portal) == 1
    assert sum(promised(portal)) == 50_000
    assert sorted(reader.status for reader in (first, second)) == [200, 409]


@pytest.mark.parametrize("first", ["pays", "schedules"])
def test_attack_065_one_window_pays_and_the_other_schedules_and_only_the_first_is_done(
    portal: Portal, first: str
) -> None:
    """The same visit in two windows; whoever comes second is shown the first one's result."""
    reader = at_authorization(portal, days=0)
    scheduling, address = agreed(reader), reader.path
    other = twin(portal, reader).open(reader.url.replace("/agreement", "/amount"))
    portal.card(other.choose("Pay now"))
    other.press("Confirm and continue")
    form, _ = other.form_of("Pay $500.00")
    paying = other.values_of(form) | {"agreed": "yes"}
    if first == "pays":
        other.post(address, paying)
        reader.post(address, scheduling)
        assert reader.heading == other.heading == "Payment received"
        assert schedules(portal) == 0
        assert [sale["amount_cents"] for sale in portal.house.truth()] == [50_000]
    else:
        other.open(other.url.replace("/agreement", "/amount"))
        at_authorization_again(portal, other)
        other.post(address, agreed(other))
        reader.post(address, paying)
        assert reader.heading == other.heading == "Your payments are scheduled"
        assert schedules(portal) == 1
        assert [sale["amount_cents"] for sale in portal.house.truth()] == [12_500]


def at_authorization_again(portal: Portal, reader: Reader) -> None:
    reader.choose("Schedule payments").choose("New debit or credit card")
    reader.set_hidden("card_nonce", portal.house.nonce()).press("Continue")
    weekly(portal, reader, days=0).press("Continue").press("Confirm and continue")


def test_attack_065_back_and_every_other_page_after_scheduling_shows_the_result(portal: Portal) -> None:
    reader = at_authorization(portal)
    values, address = agreed(reader), reader.url
    reader.choose("I have read this").press("Schedule 4 payments")
    base = reader.path.rsplit("/", 1)[0]
    for step in ("contact", "offer", "amount", "schedule", "schedule?change=2", "check", "agreement"):
        reader.open(f"{base}/{step}")
        assert reader.heading == "Your payments are scheduled", step
    reader.post(f"{base}/schedule", values | {"often": "once", "start_on": in_days(portal, 1).isoformat()})
    reader.post(f"{base}/result/again", values)
    reader.post(address, values)
    assert reader.heading == "Your payments are scheduled"
    assert schedules(portal) == 1
    assert len(promised(portal)) == 4


def test_attack_066_no_step_of_scheduling_can_be_skipped(portal: Portal) -> None:
    reader = portal.at_amount()
    base = reader.path.rsplit("/", 1)[0]
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    wanted = {"csrf_token": token, "often": "once", "start_on": in_days(portal, 1).isoformat(), "once": "whole"}
    assert reader.open(f"{base}/schedule").step == "amount"
    assert reader.post(f"{base}/schedule", wanted).step == "amount", "no card yet"
    at_dates(portal, reader)
    base = reader.path.rsplit("/", 1)[0]
    for step in ("check", "agreement", "result"):
        assert reader.open(f"{base}/{step}").step == "schedule"
    begin(reader, "Once", in_days(portal, 1)).press("Continue")
    assert reader.open(f"{base}/agreement").step == "check"
    forged = {"csrf_token": token, "agreed": "yes", "agreement": "0" * 64, "quote": "x"}
    assert reader.post(f"{base}/agreement", forged).step == "check", "figures that nobody checked"
    reader.open(f"{base}/check").press("Confirm and continue")
    reader.press("Schedule the payment")
    assert (reader.status, reader.errors()) == (422, ["Tick the box to authorize the payment."])
    reader.post(f"{base}/agreement", forged)
    assert reader.status == 409
    assert reader.sees("The agreement has changed since you read it.")
    assert schedules(portal) == 0


def test_attack_067_a_text_that_changed_since_it_was_read_is_shown_again(portal: Portal) -> None:
    reader = at_authorization(portal)
    portal.house.set("agreement_terms", "Paid to the penny.")
    reader.choose("I have read this").press("Schedule 4 payments")
    assert reader.status == 409
    assert reader.sees("Paid to the penny.")
    assert schedules(portal) == 0
    reader.choose("I have read this").press("Schedule 4 payments")
    assert schedules(portal) == 1


def test_attack_060_a_balance_that_was_paid_meanwhile_is_not_promised(portal: Portal) -> None:
    reader = at_authorization(portal)
    portal.paid(portal.reader("198.51.100.8"))
    reader.choose("I have read this").press("Schedule 4 payments")
    assert reader.heading == "There is nothing to pay"
    assert schedules(portal) == 0


NONSENSE = {
    "past": {"often": "weekly", "start_on": "2020-01-01", "amounts": "evenly", "number": "2"},
    "far": {"often": "monthly", "start_on": "9999-12-31", "amounts": "evenly", "number": "2"},
    "year zero": {"often": "weekly", "start_on": "0000-00-00", "amounts": "evenly", "number": "2"},
    "29 February": {"often": "once", "start_on": "2027-02-29", "once": "whole"},
    "no payments": {"often": "weekly", "start_on": "", "amounts": "evenly", "number": "0"},
    "a million": {"often": "weekly", "start_on": "2026-11-03", "amounts": "evenly", "number": "1000000"},
    "minus one": {"often": "weekly", "start_on": "2026-11-03", "amounts": "evenly", "number": "-1"},
    "other digits": {"often": "weekly", "start_on": "2026-11-03", "amounts": "evenly", "number": "٣"},
    "no rhythm": {"often": "hourly", "start_on": "2026-11-03", "amounts": "evenly", "number": "2"},
    "interval zero": {"often": "", "start_on": "2026-11-03", "amounts": "evenly", "number": "2"},
    "a ninth weekday": {"often": "payday", "payday": "weekly", "weekday": "9", "amounts": "evenly", "number": "2"},
    "a far payday": {"often": "payday", "payday": "two_weeks", "payday_on": "0001-01-01", "number": "2"},
    "day 40": {"often": "twice_a_month", "first_day": "1", "second_day": "40", "amounts": "evenly", "number": "2"},
    "one cent": {"often": "weekly", "start_on": "2026-11-03", "amounts": "fixed", "each": "0.01", "number": "2"},
    "beyond the balance": {"often": "weekly", "start_on": "2026-11-03", "amounts": "fixed", "each": "500.01"},
    "overflow": {"often": "weekly", "start_on": "2026-11-03", "amounts": "fixed", "each": "9223372036854775807"},
    "not a number": {"often": "once", "start_on": "2026-11-03", "once": "other", "once_amount": "NaN"},
    "one cent too much": {"often": "once", "start_on": "2026-11-03", "once": "other", "once_amount": "500.01"},
    "chosen beyond": {"often": "weekly", "start_on": "2026-11-03", "amounts": "chosen", "number": "2",
                      "amount_1": "400", "amount_2": "100.01"},
    "card number": {"often": "weekly", "start_on": "4111 1111 1111 1111", "amounts": "evenly", "number": "2"},
    "nothing": {},
}  # fmt: skip


def test_attack_076_and_059_schedules_that_make_no_sense_are_refused_with_a_sentence(portal: Portal) -> None:
    reader = at_dates(portal)
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    for name, values in NONSENSE.items():
        if name == "beyond the balance":
            continue
        reader.post(reader.path, {"csrf_token": token, **values})
        assert reader.status == 422, name
        assert reader.errors(), name
        for field, value in values.items():
            if field in ("number", "each", "once_amount"):
                assert value[:60] in [each.get("value") for each in reader.page.all("input")], (name, field)
    assert reader.open(reader.path.replace("/schedule", "/check")).step == "schedule", "nothing of it was stored"


def test_attack_076_an_amount_above_the_balance_without_a_number_takes_no_more_than_is_owed(portal: Portal) -> None:
    reader = at_dates(portal)
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    reader.post(reader.path, {"csrf_token": token, "do": "continue", **NONSENSE["beyond the balance"]})
    assert payments(reader) == ["1. Tue, Nov 3, 2026 $500.00 Change payment 1"]


def test_attack_050_amounts_and_accounts_in_the_form_change_nothing(portal: Portal) -> None:
    reader = at_authorization(portal)
    values = agreed(reader) | {
        "account_id": "x", "amount_cents": "1", "total_cents": "1", "each": "1", "number": "1", "schedule_id": "y",
    }  # fmt: skip
    reader.post(reader.url, values)
    assert promised(portal) == [12_500] * 4


def test_attack_070_cards_that_cannot_be_kept_count_as_declined(portal: Portal) -> None:
    portal.house.set("declines_per_hour", value=2)
    reader = weekly(portal, at_dates(portal, number="4000111111111115")).press("Continue")
    for last in (False, True):
        reader.press("Confirm and continue").choose("I have read this").press("Schedule 4 payments")
        assert reader.heading == "Nothing was scheduled"
        reader.follow("Enter another card").choose("ebit or credit card")
        reader.set_hidden("card_nonce", portal.house.nonce("4000111111111115")).press("Continue")
        if last:
            assert reader.status == 422
            assert reader.sees("Several cards were declined in a short time")
        else:
            reader.press("Continue")
    assert schedules(portal) == 0


def test_a_link_that_was_cancelled_schedules_nothing(portal: Portal) -> None:
    """P4."""
    reader = at_authorization(portal)
    portal.revoke()
    reader.choose("I have read this").press("Schedule 4 payments")
    assert reader.status == 410
    assert schedules(portal) == 0


def test_while_the_card_is_kept_the_balance_may_change_and_nothing_stale_is_made(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.gateway.braintree import BraintreeGateway

    keep: Callable[..., object] = BraintreeGateway.keep_card
    reader = at_authorization(portal)

    def keep_card(gateway: BraintreeGateway, *values: object) -> object:
        monkeypatch.setattr(BraintreeGateway, "keep_card", keep)
        portal.paid(portal.reader("198.51.100.8"), amount="Another amount", other="100")
        return keep(gateway, *values)

    monkeypatch.setattr(BraintreeGateway, "keep_card", keep_card)
    reader.choose("I have read this").press("Schedule 4 payments")
    assert (reader.status, reader.step) == (409, "check")
    assert payments(reader)[0].startswith("1. Tue, Nov 3, 2026 $100.00")
    assert schedules(portal) == 0
    reader.press("Confirm and continue").choose("I have read this").press("Schedule 4 payments")
    assert sum(promised(portal)) == 40_000, "the card that was kept before is found again"


def test_without_script_a_part_is_never_answered_and_with_it_only_the_dates_are_swapped(portal: Portal) -> None:
    reader = weekly(portal, at_dates(portal))
    form, show = reader.form_of("Show the dates")
    values = reader.values_of(form, show)
    asks = {"HX-Request": "true", "HX-Target": "div#dates", "HX-Current-URL": reader.url, **OWN}
    answer = reader.raw("POST", reader.path, data=values, headers=asks)
    assert answer.status_code == 303
    part = reader.raw("GET", answer.headers["Location"], headers=asks).get_data(as_text=True)
    assert 'id="dates"' in part
    assert "4 payments, $500.00 in all" in part
    assert 'id="step"' not in part
    wrong = reader.raw("POST", reader.path, data=values | {"number": "0"}, headers=asks)
    assert (wrong.status_code, wrong.headers["HX-Retarget"]) == (422, "#step")
    assert 'id="error-summary"' in wrong.get_data(as_text=True)


def test_a_visit_that_is_over_schedules_nothing(portal: Portal) -> None:
    reader = at_authorization(portal)
    portal.house.clock.at += timedelta(hours=9)
    reader.choose("I have read this").press("Schedule 4 payments")
    assert reader.status == 403
    assert schedules(portal) == 0
