"""What staff, other customers and passers-by try to get at: sign-ins of others, files of others, exports, headers."""

import re
from itertools import pairwise

import pytest
from sqlalchemy import select

from portal.domain.staff import Role
from portal.storage import message
from portal.storage.audit import AuditEntry
from portal.storage.rows import new_id
from portal.usecases.account import add_customer, open_account
from portal.web.audience import Who, audience_of
from tests.rig.house import House
from tests.rig.observatory import grade, score
from tests.rig.payment import paid
from tests.rig.people import Payer, colleague, payer
from tests.rig.reader import Reader
from tests.web.conftest import Portal, settled
from tests.web.test_pages import https

MISSING = "0" * 32


@pytest.fixture
def dana(portal: Portal) -> Payer:
    return payer(portal.house)


@pytest.fixture
def kim(portal: Portal) -> Payer:
    """Another customer of the same organisation."""
    house = portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        now = house.clock.now()
        row = add_customer(session, reference="C-K", given_name="Kim", family_name="Lee", now=now)
        open_account(session, row.id, reference="A-K", label="Kim's", balance_cents=7_700, now=now, by="test")
        customer_id = row.id
    return payer(house, customer_id)


def receipt_of(house: House) -> tuple[str, str]:
    """(id, number) of a receipt of the customer's."""
    paid(house, 1_000)
    with house.ports.database.read(house.organisation_id) as session:
        row = message.receipts_of(session, house.customer_id, 1)[0]
    return row.id, row.number


@pytest.mark.parametrize("role", list(Role))
def test_attack_22_nobody_of_the_staff_can_become_a_customer(portal: Portal, dana: Payer, role: Role) -> None:
    """There is no door to it: the console opens no customer's page, so nothing is paid in anybody's name there."""
    portal.house.card_on_file()
    desk = colleague(portal.house, role).sign_in(portal.reader())
    assert desk.step == "staff"
    pages = [
        rule
        for rule in portal.app.url_map.iter_rules()
        if (said := audience_of(rule.endpoint, rule.arguments)) is not None and said.who is Who.customer
    ]
    assert len(pages) > 20
    for rule in pages:
        address = re.sub(r"<[^>]*>", MISSING, rule.rule.replace("<slug:slug>", portal.slug))
        if "GET" in (rule.methods or ()):
            assert desk.open(address).step == "sign-in", address
    token = desk.open(f"/{portal.slug}/staff").page.all("input", name="csrf_token")[0]["value"]
    answer = desk.raw(
        "POST", f"/{portal.slug}/account/pay/{portal.account_id}", data={"csrf_token": token},
        headers={"Origin": desk.base, "Sec-Fetch-Site": "same-origin"},
    )  # fmt: skip
    assert (answer.status_code, portal.house.truth()) == (303, [])


def test_attack_49_ids_are_random_and_numbers_that_people_see_open_nothing(portal: Portal, dana: Payer) -> None:
    made = [new_id() for _ in range(200)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in made)
    assert all(one[:8] != other[:8] for one, other in pairwise(sorted(made))), "no part of them counts"
    receipt_id, number = receipt_of(portal.house)
    reader = dana.sign_in(portal.reader())
    assert reader.raw("GET", f"/{portal.slug}/account/history/{receipt_id}.pdf").mimetype == "application/pdf"
    near = f"{int(receipt_id, 16) ^ 1:032x}"
    for guessed in (number, "1", "2", near, receipt_id[:-1], receipt_id.upper()):
        answer = reader.raw("GET", f"/{portal.slug}/account/history/{guessed}.pdf")
        assert answer.status_code == 404, guessed


def test_attack_52_a_paper_of_another_customer_is_not_there_for_a_valid_session(
    portal: Portal, dana: Payer, kim: Payer
) -> None:
    receipt_id, _ = receipt_of(portal.house)
    owner, other = dana.sign_in(portal.reader()), kim.sign_in(portal.reader("198.51.100.7"))
    address = f"/{portal.slug}/account/history/{{}}.pdf"
    assert owner.raw("GET", address.format(receipt_id)).data[:5] == b"%PDF-"
    foreign, missing = (other.raw("GET", address.format(each)) for each in (receipt_id, MISSING))
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert settled(foreign.text) == settled(missing.text)
    assert portal.reader("198.51.100.8").raw("GET", address.format(receipt_id)).status_code == 303, "and not signed in"


def test_attack_53_one_address_never_shows_one_person_what_another_saw(portal: Portal, dana: Payer, kim: Payer) -> None:
    """The same address, as a whole page and as the block that htmx asks for, by two people in turns."""
    receipt_of(portal.house)
    readers = [dana.sign_in(portal.reader()), kim.sign_in(portal.reader("198.51.100.7"))]
    for headers in ({}, {"HX-Request": "true", "HX-Target": "main#step"}):
        seen = [each.raw("GET", f"/{portal.slug}/account", headers=headers) for each in (*readers, *readers)]
        assert [answer.headers["Cache-Control"] for answer in seen] == ["no-store"] * 4
        assert {"HX-Request", "HX-Target"} <= set(seen[0].headers["Vary"].replace(" ", "").split(","))
        assert ["A-K" in answer.text for answer in seen] == [False, True, False, True]


def test_attack_113_an_export_is_made_for_who_asks_kept_nowhere_and_written_down(
    portal: Portal, dana: Payer, kim: Payer
) -> None:
    house = portal.house
    _, number = receipt_of(house)
    address = f"/{portal.slug}/account/history.csv"
    reader, other = dana.sign_in(portal.reader()), kim.sign_in(portal.reader("198.51.100.7"))
    assert portal.reader("198.51.100.9").raw("GET", address).status_code == 303, "only behind the sign-in"
    mine, theirs = reader.raw("GET", address), other.raw("GET", address)
    assert (number in mine.text, number in theirs.text) == (True, False)
    assert mine.headers["Cache-Control"] == "no-store"
    reader.open(f"/{portal.slug}/account").press("Sign out")
    assert reader.raw("GET", address).status_code == 303, "the address of it is worth nothing afterwards"
    with house.ports.database.read(house.organisation_id) as session:
        kept = session.scalars(select(AuditEntry).where(AuditEntry.action == "history_exported")).all()
    assert len(kept) == 2
    assert [each.actor for each in kept if each.subject_id == house.customer_id] == [f"customer:{house.customer_id}"]


def test_attack_125_the_observatory_would_grade_every_kind_of_page_a_plus(portal: Portal, world: object) -> None:
    base = "https://pay.example"
    reader = Reader(https(portal, world), base)
    kinds = {
        "sign-in": f"/{portal.slug}/sign-in/username",
        "staff": f"/{portal.slug}/staff/sign-in",
        "link": portal.link(),
        "missing": f"/{portal.slug}/nowhere",
        "check": f"/{portal.slug}/check",
    }
    sandbox = Reader(
        https(
            portal, world, gateway="production", braintree_script_base="https://js.braintreegateway.com/web/3.144.0/js"
        ),
        base,
    )
    for name, (who, path) in {
        **{kind: (reader, path) for kind, path in kinds.items()},
        "card": (sandbox, f"/{portal.slug}/card-page"),
    }.items():
        who.open(path)
        answer = who.response
        points, found = score(answer.headers, answer.headers.getlist("Set-Cookie"), who.page, "pay.example")
        assert grade(points) == "A+", (name, points, found)
        assert min(found.values()) >= 0, (name, found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Security-Policy", ""),
        ("Content-Security-Policy", "default-src 'none'; script-src 'self' 'unsafe-inline'; frame-ancestors 'none'"),
        ("Strict-Transport-Security", "max-age=60"),
        ("X-Content-Type-Options", ""),
        ("Access-Control-Allow-Origin", "*"),
    ],
)
def test_the_observatory_here_takes_points_for_what_is_wrong(
    portal: Portal, world: object, name: str, value: str
) -> None:
    reader = Reader(https(portal, world), "https://pay.example").open(portal.link())
    headers = dict(reader.response.headers) | {name: value}
    cookies = reader.response.headers.getlist("Set-Cookie")
    as_it_is, _ = score(reader.response.headers, cookies, reader.page, "pay.example")
    points, found = score(headers, cookies, reader.page, "pay.example")
    assert points < as_it_is
    assert min(found.values()) < 0
