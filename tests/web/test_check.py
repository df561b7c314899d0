"""The public check page: genuine or not for whoever holds the paper, and nothing personal for anybody."""

import re
from datetime import timedelta

import pytest

from portal.domain.check_code import ALPHABET, new_code, read_code
from portal.storage import agreement, message
from portal.usecases.charge import charge_obligation
from portal.usecases.check_code import Kind, code_of
from portal.usecases.outbox import deliver
from tests.rig.house import found
from tests.web.conftest import Portal


def paid(portal: Portal) -> tuple[str, dict[str, object]]:
    """A receipt's code, and the email it came in."""
    house = portal.house
    due = house.obligation(portal.account_id, 2_500, payment_method_id=house.card_on_file(), card_last4="1111")
    charge_obligation(house.ports, house.organisation_id, due, timedelta(seconds=2))
    with house.ports.database.read(house.organisation_id) as session:
        [row] = message.latest(session, 1)
        code = code_of(session, Kind.receipt, row.subject_id)
    assert code is not None
    deliver(house.ports, house.organisation_id, row.id)
    mails = house.simulator.call("GET", "/mailbox.json?recipient=ada@example.com")
    return code, next(mail for mail in mails if code in mail["text"])


def test_a_code_has_eighty_bits_in_groups_that_can_be_read_aloud() -> None:
    codes = {new_code() for _ in range(2_000)}
    assert len(codes) == 2_000
    assert all(re.fullmatch(rf"(?:[{ALPHABET}]{{4}}-){{3}}[{ALPHABET}]{{4}}", code) for code in codes)


@pytest.mark.parametrize(
    "typed", ["7k3m9qxt2fhc8zwn", "7K3M 9QXT 2FHC 8ZWN", " 7k3m-9qxt-2fhc-8zwn ", "7K3M–9QXT–2FHC–8ZWN"]
)
def test_a_code_is_read_however_it_is_typed(typed: str) -> None:
    assert read_code(typed) == "7K3M-9QXT-2FHC-8ZWN"
    assert read_code("OIL0-0000-0000-0000") == "0110-0000-0000-0000"


@pytest.mark.parametrize(
    "typed",
    ["", "7K3M", "7K3M-9QXT-2FHC-8ZWNX", "7K3M-9QXT-2FHC-8ZWU", "x" * 10_000, "<script>", "７K3M-9QXT-2FHC-8ZWN"],
)
def test_what_is_no_code_is_none(typed: str) -> None:
    assert read_code(typed) is None


def test_a_genuine_receipt_is_said_to_be_one_and_nothing_more(portal: Portal) -> None:
    code, mail = paid(portal)
    assert f"/{portal.slug}/check?code={code}" in str(mail["html"])
    reader = portal.reader().open(f"/{portal.slug}/check?code={code}")
    assert reader.field("Code")["value"] == code
    assert "Genuine" not in reader.text, "an address alone asks nothing"
    reader.press("Check")
    assert (reader.status, reader.heading) == (200, "Yes, this is from us")
    assert reader.rows() == {
        "What it is": "A receipt",
        "From": "Harbour Recovery",
        "Day": "November 2, 2026",
        "Code": code,
    }
    for secret in ("Ada", "Moss", "25.00", "1111", "A-", "example.com"):
        assert secret not in reader.text.replace(code, ""), "a code may hold any letters and digits"


def test_a_code_nobody_gave_is_not_ours_and_a_wrong_one_is_a_mistake(portal: Portal) -> None:
    reader = portal.reader().open(f"/{portal.slug}/check").fill("Code", "0000-0000-0000-0000").press("Check")
    assert (reader.status, reader.heading) == (404, "We do not know this code")
    reader = portal.reader().open(f"/{portal.slug}/check").fill("Code", "<b>").press("Check")
    assert reader.status == 422
    assert reader.errors() == ["Enter the code of 16 letters and digits, like 7K3M-9QXT-2FHC-8ZWN."]


def test_a_code_of_another_organisation_is_none_of_ours(portal: Portal) -> None:
    code, _ = paid(portal)
    other = found(portal.house.ports, portal.house.simulator)
    reader = portal.reader().open(f"/{other.slug}/check").fill("Code", code).press("Check")
    assert reader.status == 404


def test_in_spanish_too(portal: Portal) -> None:
    code, _ = paid(portal)
    reader = portal.reader().open(f"/{portal.slug}/check?code={code}").press("Español")
    reader.fill("Código", code).press("Verificar")
    assert reader.heading == "Sí, es nuestro"
    assert reader.rows()["Qué es"] == "Un recibo"


def test_agreements_have_codes(portal: Portal) -> None:
    reader = portal.pay() if hasattr(portal, "pay") else portal.at_agreement().choose("I have read this").press("Pay $")
    assert reader.step == "result"
    house = portal.house
    with house.ports.database.read(house.organisation_id) as session:
        sealed = session.query(agreement.Agreement).one()
        code = code_of(session, Kind.agreement, sealed.id)
    assert code is not None
    checked = portal.reader().open(f"/{portal.slug}/check").fill("Code", code).press("Check")
    assert checked.rows()["What it is"] == "An agreement"
