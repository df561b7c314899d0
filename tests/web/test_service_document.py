"""Invoices and superbills as a client asks for them: from Make a Payment and the history, before and after payment."""

import io
from datetime import date

import pytest
from pypdf import PdfReader

from portal.domain.provider import ProviderFacts
from portal.domain.service import Share
from portal.storage import audit
from portal.usecases.receipt import paper_facts, receipt_of
from tests.rig.payment import give_back, settle
from tests.rig.people import Payer, payer
from tests.rig.practice import charge_of, patient_of, pay, provider_of, service_of
from tests.rig.reader import Reader
from tests.web.conftest import Portal


@pytest.fixture
def owed(portal: Portal) -> str:
    portal.house.set("practice_ein", "94-3312208")
    return portal.house.account(0)


@pytest.fixture
def client(portal: Portal) -> Payer:
    return payer(portal.house)


def opened(portal: Portal, client: Payer, page: str = "services") -> Reader:
    return client.sign_in(portal.reader()).open(f"/{portal.slug}/account/{page}")


def ask(portal: Portal, reader: Reader, kind: str, service_id: str = "", **boxes: str) -> Reader:
    """Presses the button of one service, or the one below the list."""
    form, _ = reader.form_of("Invoice")
    values = {name: value for name, value in reader.values_of(form).items() if name != "checked"}
    return reader.post(f"/{portal.slug}/account/documents", values | boxes | {kind: service_id})


def test_t7_an_invoice_and_a_superbill_are_printed_from_make_a_payment(
    portal: Portal, client: Payer, owed: str
) -> None:
    one = service_of(portal.house, owed, 15_000, days_ago=9, insurance_cents=3_000, modifiers=("95",))
    invoice = ask(portal, opened(portal, client), "invoice", one)
    assert invoice.heading == "Invoice INV-000001"
    for expected in (
        "Bill to",
        "Ada Moss",
        "$150.00",
        "-$30.00",
        "$120.00",
        "Balance due",
        "Nothing has been paid yet.",
    ):
        assert invoice.sees(expected), expected
    assert not invoice.sees("F41.1")
    superbill = ask(portal, opened(portal, client), "superbill", one)
    assert superbill.heading == "Superbill SB-000001"
    for expected in ("04/17/1990", "LMFT-48213 (CA)", "1234567893", "94-3312208", "F41.1", "90837", "95", "11",
                     "Provider signature", "Print this page", "This is not a claim"):  # fmt: skip
        assert superbill.sees(expected), expected
    link = next(each for each in superbill.page.all("a") if "Download as PDF" in each.text)
    answer = superbill.raw("GET", link["href"])
    assert (answer.content_type, answer.headers["Cache-Control"]) == ("application/pdf", "no-store")
    assert 'filename="SB-000001.pdf"' in answer.headers["Content-Disposition"]
    assert "Superbill SB-000001" in PdfReader(io.BytesIO(answer.data)).pages[0].extract_text()


def test_a_superbill_on_screen_is_in_the_insurers_language_for_a_client_who_reads_spanish(
    portal: Portal, client: Payer, owed: str
) -> None:
    one = service_of(portal.house, owed, 15_000, patient_of(portal.house))
    superbill = ask(portal, opened(portal, client), "superbill", one).press("Español")
    for expected in ("Patient", "Date of birth", "Provider signature", "This is not a claim", "Imprimir esta página"):
        assert superbill.sees(expected), expected
    for other in ("Paciente", "Fecha de nacimiento", "Emitido el"):
        assert not superbill.sees(other), other
    assert superbill.page.all(lang="en")


def test_t7_after_payment_it_is_there_from_the_history_with_its_stamp(portal: Portal, client: Payer, owed: str) -> None:
    ada = patient_of(portal.house)
    one, two = service_of(portal.house, owed, 15_000, ada, days_ago=9), service_of(portal.house, owed, 9_000, ada)
    before = ask(portal, opened(portal, client), "invoice", one)
    old = before.path
    assert not before.page.all("p", _class="stamp")
    pay(portal.house, owed, {one: 15_000, two: 4_000})
    history = opened(portal, client, "history")
    history.press("Superbill for receipt")
    assert history.heading == "Superbill SB-000001"
    assert history.sees("$190.00"), "what was paid of both"
    after = ask(portal, opened(portal, client, "documents"), "invoice", **{f"service-{one}": "yes"})
    assert (after.heading, after.page.all("p", _class="stamp")[0].text) == ("Invoice INV-000002", "Paid")
    assert after.sees("Replaces INV-000001")
    assert after.sees("Visa •••• 1111")
    again = after.open(old)
    assert again.heading == "Invoice INV-000001"
    assert again.sees("A newer document replaces this one: INV-000002")
    assert again.sees("Nothing has been paid yet.")
    listed = after.open(f"/{portal.slug}/account/documents")
    assert listed.sees("replaced by a newer one")


def test_check_all_and_boxes_count_without_script(portal: Portal, client: Payer, owed: str) -> None:
    ada = patient_of(portal.house)
    one, two, three = (service_of(portal.house, owed, cents, ada) for cents in (1_000, 2_000, 4_000))
    every = ask(portal, opened(portal, client), "invoice", all=owed)
    assert every.sees("$70.00")
    boxes = {f"service-{each}": "yes" for each in (one, three)}
    assert ask(portal, opened(portal, client), "superbill", **boxes).sees("$50.00")
    nothing = ask(portal, opened(portal, client), "invoice")
    assert (nothing.status, nothing.errors()) == (422, ["Check at least one service, or Check All."])
    assert ask(portal, opened(portal, client), "invoice", **{f"service-{two}": "yes"}).sees("$20.00")


def test_c53_a_client_is_kindly_told_to_wait_and_the_practice_what_is_missing(
    portal: Portal, client: Payer, owed: str
) -> None:
    bare = provider_of(portal.house, "NEW", ProviderFacts("Tunde Oyelaran"))
    one = service_of(portal.house, owed, 15_000, provider_id=bare)
    reader = ask(portal, opened(portal, client), "superbill", one)
    assert reader.heading == "Invoices and superbills"
    assert reader.sees("your practice has to add something to it first")
    for inside in ("NPI", "icense", "redential"):
        assert inside not in reader.text
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        [alarm] = [each for each in audit.open_alarms(session) if each.kind == "superbill_incomplete"]
    assert "provider_npi" in alarm.facts["missing"]


def test_a_guardian_gets_a_superbill_for_each_child_and_a_list_of_them(
    portal: Portal, client: Payer, owed: str
) -> None:
    ids = [service_of(portal.house, owed, 1_000, patient_of(portal.house, name)) for name in ("Lina", "Omar")]
    reader = ask(portal, opened(portal, client), "superbill", **{f"service-{each}": "yes" for each in ids})
    assert reader.sees("Each person and provider has a superbill of their own.")
    for expected in ("SB-000001", "SB-000002", "Lina Moss", "Omar Moss"):
        assert reader.sees(expected), expected


def test_c50_a_link_is_mailed_and_what_it_leads_to_stands_behind_the_sign_in(
    portal: Portal, client: Payer, owed: str
) -> None:
    one = service_of(portal.house, owed, 1_000)
    reader = ask(portal, opened(portal, client), "invoice", one)
    path = reader.path
    reader.press("Email me a link to this page")
    assert reader.sees("It opens after you sign in.")
    stranger = portal.reader("192.0.2.77").open(path)
    assert stranger.step == "sign-in" or "Sign in" in stranger.heading
    assert "INV-" not in stranger.html
    assert stranger.raw("GET", f"{path}.pdf").status_code == 303


def test_attack_085_what_was_typed_about_a_service_stays_text_on_the_page(
    portal: Portal, client: Payer, owed: str
) -> None:
    bad = "<script>alert(1)</script>"
    ada = patient_of(portal.house, bad, family_name="#image(1)", born_on=date(1990, 1, 1))
    one = service_of(portal.house, owed, 1_000, ada, description='<img src="http://127.0.0.1:1/x">')
    for kind in ("invoice", "superbill"):
        reader = ask(portal, opened(portal, client), kind, one)
        assert reader.sees("alert(1)")
        assert "<script>alert" not in reader.html
        assert '<img src="http' not in reader.html


def test_a_statement_is_shown_for_the_days_a_client_chooses_and_anothers_is_not_found(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    one = service_of(house, owed, 15_000, description="Talk")
    pay(house, owed, {one: 4_000})
    reader = opened(portal, client, f"statement?account={owed}")
    for expected in ("Balance forward", "Talk", "Payment", "-$40.00", "$110.00"):
        assert reader.sees(expected), expected
    link = next(each["href"] for each in reader.page.all("a") if "Download as PDF" in each.text)
    assert reader.raw("GET", link).content_type == "application/pdf"
    reader.fill("From", "2999-01-01").fill("Until", "2999-02-01").press("Show these days")
    assert (reader.status, reader.sees("Nothing happened in these days.")) == (200, True)
    reader.fill("Until", "2998-01-01").press("Show these days")
    assert (reader.status, "The first day must not be after the last" in reader.errors()[0]) == (422, True)
    for path in ("statement", "statement.pdf"):
        assert reader.raw("GET", f"/{portal.slug}/account/{path}?account={'0' * 32}").status_code == 404
    stranger = portal.reader("192.0.2.9").raw("GET", f"/{portal.slug}/account/statement.pdf?account={owed}")
    assert stranger.status_code == 303


def test_t6_the_history_shows_what_was_declined_given_back_and_for_what(
    portal: Portal, client: Payer, owed: str
) -> None:
    house = portal.house
    ada = patient_of(house)
    one, two = service_of(house, owed, 200_100, ada), service_of(house, owed, 9_000, ada)
    pay(house, owed, {one: 200_100})  # the amount at which the gateway's sandbox declines
    taken, _ = pay(house, owed, {two: 9_000})
    attempt = charge_of(house, taken)
    settle(house, attempt.gateway_id or "")
    give_back(house, attempt.id, 2_500)
    reader = opened(portal, client, "history")
    for expected in ("$2,001.00", "Declined", "$90.00", "Paid, Partly refunded", "Given back: $25.00", "$65.00",
                     "•••• 1111"):  # fmt: skip
        assert reader.sees(expected), expected
    rows = reader.raw("GET", f"/{portal.slug}/account/history.csv").get_data(as_text=True).splitlines()
    assert len(rows) == 3
    assert any('"Declined","","2001.00","0.00","Visa","1111"' in row for row in rows)
    assert any('"Paid (partly refunded)"' in row and '"90.00","25.00"' in row and '"65.00"' in row for row in rows)


@pytest.mark.parametrize("number", [2, 30])
def test_a_receipt_behind_the_sign_in_says_what_each_service_got_and_c50_the_mailed_one_names_none(
    portal: Portal, client: Payer, owed: str, number: int
) -> None:
    house = portal.house
    ada = patient_of(house)
    got = {service_of(house, owed, 15_000, ada, days_ago=9): 10_000 + each for each in range(number)}
    taken, _ = pay(house, owed, got)
    attempt = charge_of(house, taken)
    settle(house, attempt.gateway_id or "")
    give_back(house, attempt.id, 2_500, shares=(Share(next(iter(got)), 2_500),))
    reader = opened(portal, client, "history")
    link = next(each for each in reader.page.all("a") if "Receipt" in each.text)
    pages = PdfReader(io.BytesIO(reader.raw("GET", link["href"]).data)).pages
    said = "\n".join(each.extract_text() for each in pages)
    assert "What it paid for" in said
    for cents in got.values():
        assert f"${cents / 100:,.2f}" in said, cents
    assert said.count("Miriam Reed") == number
    assert "Questions?" in pages[-1].extract_text()
    with house.ports.database.read(house.organisation_id) as session:
        receipt = receipt_of(session, attempt.id)
        assert receipt is not None
        mailed = paper_facts(house.ports, session, receipt)
    assert mailed.parts == ()
    words = PdfReader(io.BytesIO(house.ports.paper.receipt(mailed, "en"))).pages[0].extract_text()
    assert "Miriam Reed" not in words
