"""The schedule link as a person without script walks it: each payment as it stands; cancel, move, skip, all checked."""

import hashlib
from datetime import date, timedelta

import pytest

from portal.domain.payment_link import Purpose
from portal.storage import account, message, obligation
from portal.storage import agreement as agreements
from portal.usecases import schedule_change
from portal.usecases.charge import apply, charge_obligation, claim, send
from portal.usecases.upcoming import announce_upcoming
from tests.rig.payment import give_back, settle
from tests.rig.reader import Reader
from tests.rig.series import attempts_of, go_to, link_to, payments_of, plan_of, scheduled, told, weekly
from tests.web.conftest import Portal, settled

SOON = timedelta(seconds=2)


def opened(portal: Portal, schedule_id: str, reader: Reader | None = None) -> Reader:
    """Past the landing page of a new link."""
    link = link_to(portal.house, schedule_id, Purpose.schedule)
    reader = (reader or portal.reader()).open(link).press("Continue")
    assert reader.step == "list", reader.path
    return reader


def listed(reader: Reader) -> list[str]:
    """The payments of the page, a line each."""
    return [" ".join(each.text.split()) for each in reader.page.walk() if each.get("class") == "payment"]


def links_of(reader: Reader) -> list[str]:
    return [each.text for each in reader.page.all("main")[0].all("a")]


def test_every_payment_is_listed_with_its_date_amount_and_status(portal: Portal) -> None:
    made = scheduled(portal.house)
    first, second, third, _ = payments_of(portal.house, made.schedule_id)
    go_to(portal.house, first)
    charge_obligation(portal.house.ports, portal.house.organisation_id, first.id, SOON)
    go_to(portal.house, second)
    portal.house.simulator.faults("decline_soft", merchant=portal.house.merchant_id, operation="sale", times=1)
    charge_obligation(portal.house.ports, portal.house.organisation_id, second.id, SOON)
    go_to(portal.house, third)
    charge_obligation(portal.house.ports, portal.house.organisation_id, third.id, SOON)
    [paid] = attempts_of(portal.house, third.id)
    settle(portal.house, paid.gateway_id or "")
    give_back(portal.house, paid.id)
    reader = opened(portal, made.schedule_id)
    one, two, three, four = listed(reader)
    assert one.startswith("1. Tue, Nov 3, 2026 $10.00 Paid")
    assert "Declined We try again on" in two
    assert three.startswith("3. Tue, Nov 17, 2026 $10.00 Paid Refunded")
    assert four.startswith("4. Tue, Nov 24, 2026 $10.00 Pending")
    assert reader.amount == "$20.00"
    assert reader.sees("Charged to Visa •••• 1111")


def test_a_payment_is_moved_after_a_look_at_the_new_date(portal: Portal) -> None:
    made = scheduled(portal.house)
    reader = opened(portal, made.schedule_id)
    reader.open(reader.path.replace("list", "2/move"))
    assert reader.rows()["Date now"] == "Tue, Nov 10, 2026"
    days = [each["value"] for each in reader.page.all("option") if each["value"]]
    assert days[0] == "2026-11-04"
    assert days[-1] == "2026-11-20"
    assert not {"2026-11-07", "2026-11-08", "2026-11-11", "2026-11-03", "2026-11-10", "2026-11-17"} & set(days)
    assert reader.press("Continue").errors() == ["Choose a date."]
    reader.fill("New date", "2026-11-12").press("Continue")
    assert reader.rows()["New date"] == "Thu, Nov 12, 2026"
    assert payments_of(portal.house, made.schedule_id)[1].due_on == date(2026, 11, 10)
    reader.press("Move the payment")
    assert reader.step == "list"
    assert reader.sees("The payment is now on November 12, 2026. We confirm it by email.")
    assert not reader.open(reader.path).sees("We confirm it by email."), "said once"
    assert payments_of(portal.house, made.schedule_id)[1].due_on == date(2026, 11, 12)
    assert told(portal.house) == ["payment_moved", "schedule_made"]


def test_a_date_that_is_not_on_the_list_is_not_taken(portal: Portal) -> None:
    made = scheduled(portal.house)
    reader = opened(portal, made.schedule_id)
    base = reader.path.replace("list", "2/move")
    for typed in ("2026-11-07", "2026-12-30", "2020-01-01", "soon", "%00", "2026-11-12T00:00"):
        assert reader.open(f"{base}/{typed}").path in (base, f"{base}/{typed}"), typed
        assert reader.step == "move" or reader.status in (400, 404), typed
    form, button = reader.open(base).form_of("Continue")
    values = reader.values_of(form, button)
    for typed in ("2026-11-07", "2026-12-30", "' OR 1=1", "2026-11-12\n"):
        assert reader.post(base, {**values, "to_on": typed}).status == 422, typed
    assert payments_of(portal.house, made.schedule_id)[1].moved_from is None


def test_one_payment_is_skipped_and_what_it_was_for_stays_owed(portal: Portal) -> None:
    made = scheduled(portal.house)
    reader = opened(portal, made.schedule_id)
    reader.open(reader.path.replace("list", "2/skip"))
    assert reader.press("Skip this payment").errors() == ["Tick the box to confirm."]
    reader.choose("Yes, leave out").press("Skip this payment")
    assert "Declined Skipped" in listed(reader)[1]
    assert "Skip" not in " ".join(links_of(reader)), "one may be skipped"
    assert reader.sees("No more of these payments can be left out.")
    assert reader.rows()["Balance today"] == "$500.00"
    told(portal.house)
    assert payments_of(portal.house, made.schedule_id)[1].refused_code == "skipped"


def test_one_payment_is_cancelled_and_the_others_stay(portal: Portal) -> None:
    made = scheduled(portal.house)
    reader = opened(portal, made.schedule_id)
    reader.open(reader.path.replace("list", "3/cancel"))
    assert reader.rows()["Date"] == "Tue, Nov 17, 2026"
    assert reader.press("Cancel this payment").status == 422
    reader.choose("Yes, cancel this payment").press("Cancel this payment")
    assert reader.sees("The payment of November 17, 2026 was cancelled.")
    assert [row.status for row in payments_of(portal.house, made.schedule_id)] == ["due", "due", "cancelled", "due"]
    assert told(portal.house) == ["payment_cancelled", "schedule_made"]


def test_c4_all_payments_are_cancelled_and_nothing_more_is_charged(portal: Portal) -> None:
    made = scheduled(portal.house)
    reader = opened(portal, made.schedule_id).follow("Cancel all payments")
    assert reader.sees("These 4 payments will not be charged:")
    assert len(listed(reader)) == 4
    assert reader.press("Cancel all payments").errors() == ["Tick the box to confirm."]
    reader.choose("Yes, cancel all").press("Cancel all payments")
    assert reader.sees("4 payments were cancelled. We confirm it by email.")
    assert reader.sees("Nothing more is charged.")
    rows = payments_of(portal.house, made.schedule_id)
    go_to(portal.house, rows[-1])
    for row in rows:
        charge_obligation(portal.house.ports, portal.house.organisation_id, row.id, SOON)
    assert portal.house.truth() == []
    assert plan_of(portal.house, made.schedule_id).ended_by == "customer"


def test_c4_the_page_names_the_right_to_stop_a_payment_at_the_bank(portal: Portal) -> None:
    reader = opened(portal, scheduled(portal.house).schedule_id)
    assert reader.sees("stop a payment through your bank, at least three business days before its date")


def test_p2_a_payment_on_its_way_is_cancelled_with_the_rest_and_the_page_says_so(portal: Portal) -> None:
    made = scheduled(portal.house)
    first = payments_of(portal.house, made.schedule_id)[0]
    go_to(portal.house, first)
    claimed = claim(portal.house.ports, portal.house.organisation_id, first.id, SOON)
    reader = opened(portal, made.schedule_id).follow("Cancel all payments")
    assert reader.sees("One payment is being sent at this moment.")
    reader.choose("Yes, cancel all").press("Cancel all payments")
    assert reader.sees("if it was taken, we give it back and write to you")
    outcome = send(portal.house.ports, claimed, SOON)
    assert outcome is not None
    apply(portal.house.ports, claimed, outcome)
    assert attempts_of(portal.house, first.id)[0].cancel_requested_at is not None


def test_attack_065_a_second_press_of_cancel_is_told_that_it_was_done(portal: Portal) -> None:
    made = scheduled(portal.house)
    reader = opened(portal, made.schedule_id)
    reader.open(reader.path.replace("list", "1/cancel"))
    form, button = reader.form_of("Cancel this payment")
    values = {**reader.values_of(form, button), "sure": "yes"}
    path = reader.path
    assert reader.post(path, values).sees("was cancelled")
    assert reader.post(path, values).step == "list"
    assert told(portal.house).count("payment_cancelled") == 1


def test_a_change_that_came_too_late_says_why(portal: Portal) -> None:
    made = scheduled(portal.house)
    portal.house.clock.pass_(hours=1)
    reader = opened(portal, made.schedule_id)
    assert not any("Move payment 1" in each for each in links_of(reader)), "less than a day ahead"
    assert any("Move payment 2" in each for each in links_of(reader))
    assert any("Cancel payment 1" in each for each in links_of(reader))
    assert reader.open(reader.path.replace("list", "1/move")).step == "list"
    assert reader.sees("until 24 hours before it is due")


def test_where_the_organisation_wants_a_call_the_page_says_so_and_no_form_does_it(portal: Portal) -> None:
    portal.house.set("customer_may_cancel", False)
    portal.house.set("customer_may_move", False)
    made = scheduled(portal.house)
    reader = opened(portal, made.schedule_id)
    assert reader.sees("To cancel, call us.")
    assert reader.sees("To move a payment, call us.")
    assert not any(word in " ".join(links_of(reader)) for word in ("Cancel", "Move", "Skip"))
    base = reader.path.rsplit("/", 1)[0]
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    for part in ("cancel", "1/cancel", "2/skip", "2/move", "2/move/2026-11-12"):
        assert reader.open(f"{base}/{part}").step == "list", part
        assert reader.post(f"{base}/{part}", {"csrf_token": token, "sure": "yes"}).step == "list", part
    assert {row.status for row in payments_of(portal.house, made.schedule_id)} == {"due"}


def test_c2_the_sealed_authorization_is_shown_and_kept_word_for_word(portal: Portal) -> None:
    made = scheduled(portal.house)
    reader = opened(portal, made.schedule_id).follow("Read your authorization")
    assert reader.sees("It is kept word for word.")
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        sealed = agreements.by_id(session, made.agreement_id)
    assert sealed is not None
    assert "".join(sealed.text.split()) in "".join(reader.text.split())
    file = reader.raw("GET", reader.path + ".txt")
    assert file.get_data() == sealed.text.encode()
    assert file.headers["Content-Disposition"] == 'attachment; filename="authorization.txt"'
    assert file.headers["Cache-Control"] == "no-store"


def test_attack_025_a_scanner_that_submits_every_form_and_follows_every_link_changes_nothing(portal: Portal) -> None:
    made = scheduled(portal.house)
    link = link_to(portal.house, made.schedule_id, Purpose.schedule)
    scanner = portal.reader("192.0.2.55").open(link)
    told(portal.house)
    waiting, seen = [scanner.path], set()
    while waiting:
        address = waiting.pop()
        if address in seen or len(seen) > 60:
            continue
        seen.add(address)
        scanner.open(address)
        if scanner.response.mimetype != "text/html":
            continue
        main = scanner.page.all("main")[0]
        waiting += [each["href"] for each in main.all("a") if each["href"].startswith("/")]
        for form in main.all("form"):
            scanner.post(form.get("action") or scanner.url, scanner.values_of(form))
            waiting.append(scanner.path)
    assert len(seen) > 8
    rows = payments_of(portal.house, made.schedule_id)
    assert {(row.status, row.version) for row in rows} == {("due", 1)}
    assert told(portal.house) == ["schedule_made"]
    assert portal.reader().open(link).press("Continue").step == "list"


def test_attack_036_no_link_opens_the_door_of_another(portal: Portal) -> None:
    made = scheduled(portal.house)
    words = {Purpose.pay: "l", Purpose.card: "card", Purpose.schedule: "scheduled"}
    links = {purpose: link_to(portal.house, made.schedule_id, purpose) for purpose in Purpose}
    unknown = settled(portal.reader().open(f"/{portal.slug}/l/{'x' * 32}").html)
    for purpose, link in links.items():
        for other, word in words.items():
            reader = portal.reader().open(f"/{portal.slug}/{word}/{link.rsplit('/', 1)[1]}")
            assert (reader.status == 200) is (purpose is other), (purpose, other)
            if purpose is not other:
                assert settled(reader.html).replace(word, "l") == unknown.replace(word, "l")


def test_attack_036_the_cookie_of_a_visit_opens_no_page_of_another_door(portal: Portal) -> None:
    made = scheduled(portal.house)
    reader = opened(portal, made.schedule_id)
    visit_id = reader.path.split("/")[3]
    cookie = next(each for each in reader.client._cookies.values() if each.key == "visit")
    for path in (f"change-card/{visit_id}/card", f"pay/{visit_id}/contact", f"pay/{visit_id}/amount"):
        answer = portal.reader().raw("GET", f"/{portal.slug}/{path}", headers={"Cookie": f"visit={cookie.value}"})
        assert answer.status_code == 403, path


def test_attack_048_another_visit_and_another_schedule_are_out_of_reach(portal: Portal) -> None:
    mine, other = scheduled(portal.house), scheduled(portal.house)
    reader = opened(portal, mine.schedule_id)
    base = reader.path.rsplit("/", 1)[0]
    for number in ("5", "99", "0", "99999999999999999999"):
        assert reader.open(f"{base}/{number}/cancel").step in ("list", "cancel"), number
    assert portal.reader("198.51.100.9").open(reader.path).status == 403
    foreign = settled(portal.reader().open(f"{base}/list").html)
    missing = settled(portal.reader().open(f"/{portal.slug}/payments/{'0' * 32}/list").html)
    assert foreign.replace(base.split("/")[3], "") == missing.replace("0" * 32, "")
    assert {row.status for row in payments_of(portal.house, other.schedule_id)} == {"due"}


def test_attack_028_the_token_is_in_no_page_address_or_log_after_the_press(
    capsys: pytest.CaptureFixture[str], portal: Portal
) -> None:
    made = scheduled(portal.house)
    link = link_to(portal.house, made.schedule_id, Purpose.schedule)
    reader = portal.reader()
    assert reader.raw("GET", link).headers["Referrer-Policy"].startswith("no-referrer")
    reader.open(link).press("Continue")
    token = link.rsplit("/", 1)[1]
    assert token not in reader.url + reader.html
    assert token not in capsys.readouterr().out


def test_attack_030_a_link_to_a_closed_account_still_stops_payments(portal: Portal) -> None:
    made = scheduled(portal.house)
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        rows = obligation.of_subject(session, made.schedule_id)
        row = account.by_id(session, rows[0].account_id)
        assert row is not None
        row.status = "on_hold"
    reader = opened(portal, made.schedule_id).follow("Cancel all payments")
    reader.choose("Yes, cancel all").press("Cancel all payments")
    assert plan_of(portal.house, made.schedule_id).status == "cancelled"


@pytest.mark.parametrize(
    ("event", "change"),
    [("schedule_made", ""), ("payment_moved", "move"), ("payment_cancelled", "skip"), ("payment_upcoming", "")],
)
def test_the_link_of_each_message_leads_to_the_list(portal: Portal, event: str, change: str) -> None:
    made = scheduled(portal.house, weekly(portal.house, 2, days_ahead=30))
    house, due = portal.house, payments_of(portal.house, made.schedule_id)[0]
    if change == "move":
        schedule_change.move(house.ports, house.organisation_id, due.id, date(2026, 12, 4), "customer")
    if change == "skip":
        schedule_change.skip(house.ports, house.organisation_id, due.id, "customer")
    if event == "payment_upcoming":
        house.clock.pass_(days=23)
        announce_upcoming(house.ports)
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        [row] = [row for row in message.of_customer(session, house.customer_id) if row.event == event]
    assert (row.state, row.sealed_facts) == ("sent", None)
    mails = house.simulator.call("GET", "/mailbox.json?recipient=ada@")
    [mail] = [mail for mail in mails if row.message_id in str(mail)]
    path = mail["text"].split("127.0.0.1:8080")[1].split()[0]
    assert path.startswith(f"/{portal.slug}/scheduled/")
    assert portal.reader().open(path).press("Continue").heading == "Your scheduled payments"


def test_in_spanish_every_page_is_spanish(portal: Portal) -> None:
    made = scheduled(portal.house)
    reader = opened(portal, made.schedule_id).press("Español")
    assert reader.heading == "Sus pagos programados"
    assert reader.sees("Pendiente")
    reader.open(reader.path.replace("list", "2/move"))
    assert reader.heading == "Mover este pago"
    reader.open(reader.path.replace("2/move", "cancel"))
    assert reader.press("Cancelar todos los pagos").errors() == ["Marque la casilla para confirmar."]


@pytest.mark.parametrize("ends", ["paid", "revoked"])
def test_c9_an_authorization_can_be_had_two_years_after_it_ended(portal: Portal, ends: str) -> None:
    house = portal.house
    made = scheduled(house, weekly(house, 1))
    with house.ports.database.read(house.organisation_id) as session:
        sealed = agreements.by_id(session, made.agreement_id)
    assert sealed is not None
    if ends == "paid":
        due = payments_of(house, made.schedule_id)[0]
        go_to(house, due)
        charge_obligation(house.ports, house.organisation_id, due.id, SOON)
    else:
        schedule_change.cancel(house.ports, house.organisation_id, made.schedule_id, "customer")
    house.clock.pass_(days=2 * 366)
    reader = opened(portal, made.schedule_id).follow("Read your authorization")
    file = reader.raw("GET", reader.path + ".txt").get_data()
    assert file.decode() == sealed.text
    numbered = f"{sealed.text_version}\n{sealed.locale}\n".encode() + file
    assert hashlib.sha256(numbered).hexdigest() == sealed.text_sha256
