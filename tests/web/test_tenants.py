"""The tenant matrix (T1, T2), made from the route map: every route, asked by everybody, for what is and is not theirs.

What belongs to somebody else is answered exactly like what does not exist; a route without an audience fails.
"""

import re
from dataclasses import dataclass, field

import pytest
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.app import create_app
from portal.domain.payment_link import digest
from portal.domain.plan_preset_wish import PresetTerms
from portal.domain.service_document import DocumentKind
from portal.domain.staff import Role
from portal.domain.subscription import ChangeKind
from portal.storage import Session, login, message, paper_copy, payment_link, payment_method, subscription
from portal.usecases.account import add_customer, open_account
from portal.usecases.login import remember
from portal.usecases.payment_link import make
from portal.usecases.plan import PlanOrder
from portal.usecases.plan import make as make_plan
from portal.usecases.plan_preset import keep_preset
from portal.usecases.selection import open_selection
from portal.usecases.service_document import issue
from portal.usecases.subscription_change import ask as ask_for
from portal.usecases.subscription_report import WRONG, write
from portal.usecases.subscription_worth import Wish
from portal.web.audience import OPEN, Audience, Who, audience_of
from tests.rig.autopay import turned_on
from tests.rig.house import House, found
from tests.rig.payment import paid
from tests.rig.people import Payer, colleague, payer
from tests.rig.plans import wish
from tests.rig.practice import patient_of, service_of
from tests.rig.reader import Reader
from tests.rig.subscriptions import activated, assigned, row_of
from tests.web.conftest import Portal, settings

MISSING = "0" * 32
MALFORMED = ("x" * 31, "Z" * 33, "..%2f" * 4, "%00" * 8)
OF_NOBODY = {"slug", "way", "name", "number", "limit_cents"}  # parts of an address that are no id
FILLED = {"way": "username", "name": "portal.css", "number": "1", "limit_cents": "20000"}
UNSIGNED = {Who.anyone, Who.machine}


@dataclass
class Person:
    """One customer and what is theirs, by the name an address uses for it."""

    house: House
    payer: Payer
    things: dict[str, str]
    token: str


@dataclass
class World:
    """Two organisations: two customers in the first, one in the second, staff of every role in both."""

    portal: Portal
    one: Person
    sibling: Person
    foreign: Person
    readers: dict[str, Reader] = field(default_factory=dict)


def person(house: House, number: int) -> Person:
    with house.ports.database.transaction(house.organisation_id) as session:
        now = house.clock.now()
        row = add_customer(
            session, reference=f"M-{number}", given_name=f"Person{number}", family_name="Matrix",
            email=f"person{number}@example.com", now=now,
        )  # fmt: skip
        customer_id = row.id
    own = House(house.ports, house.simulator, house.organisation_id, customer_id, house.merchant_id, house.slug)
    known = payer(own, customer_id)
    account_id, _, _ = paid(own, 1_000)
    with house.ports.database.transaction(house.organisation_id) as session:
        owed = open_account(
            session, customer_id, reference=f"M-{number}-2", label="More", balance_cents=5_000, now=now, by="test"
        )
        remember(session, known.login_id, "Chrome, Android", 180, now)
        token = make(session, owed, days=30, now=now, made_by="test")
        things = _things(session, customer_id, account_id, known, token)
        owed_id = owed.id
    things["subscription_id"] = activated_one(own)
    things["program_id"] = row_of(own, things["subscription_id"]).program_id
    things["report_id"], things["change_id"] = written_and_asked(own, things["subscription_id"])
    treated = service_of(own, owed_id, 5_000, patient_of(own))
    things["plan_id"] = drafted(own, f"M-{number}-3")
    things["preset_id"] = usually_offered(own, f"In four {number}")
    things["new_id"] = own.card_on_file("5555555555554444")
    with house.ports.database.transaction(house.organisation_id) as session:
        things["selection_id"] = open_selection(session, customer_id, [treated], "en", now)
    issued = issue(house.ports, house.organisation_id, customer_id, DocumentKind.invoice, [treated], "en", by="test")
    things["document_id"] = issued.documents[0].id
    things["copy_id"] = to_post(own)
    own.set("autopay", value=True)
    turned_on(own, account_id)
    return Person(own, known, things, token)


def drafted(house: House, reference: str) -> str:
    """A plan that staff made and nobody was told of, on an account of its own."""
    now = house.clock.now()
    with house.ports.database.transaction(house.organisation_id) as session:
        owed = open_account(
            session, house.customer_id, reference=reference, label="Parts", balance_cents=9_000, now=now, by="test"
        )
        return make_plan(session, PlanOrder(owed.id, wish(house)), "test", now).id


def usually_offered(house: House, name: str) -> str:
    """A preset that staff make plans from."""
    terms = PresetTerms(name, None, 0, 4, "monthly", 14, "email", 14)
    with house.ports.database.transaction(house.organisation_id) as session:
        return keep_preset(session, None, terms, "test", house.clock.now()).id


def activated_one(own: House) -> str:
    """A subscription that runs."""
    one = assigned(own)
    activated(own, one)
    return one


def written_and_asked(own: House, subscription_id: str) -> tuple[str, str]:
    """What its participant wrote to the case manager, and a change of it that waits for a second person."""
    write(own.ports, own.organisation_id, own.customer_id, subscription_id, WRONG, "The price is not what was said")
    wish = Wish(ChangeKind.waive, numbers=(2, 3))
    change = ask_for(own.ports, own.organisation_id, subscription_id, wish, "Hardship", "test")
    assert change.state == "asked"
    with own.ports.database.read(own.organisation_id) as session:
        [report] = subscription.reports_of(session, subscription_id)
    return report.id, change.id


def to_post(own: House) -> str:
    """A paper that waits to be posted."""
    with own.ports.database.transaction(own.organisation_id) as session:
        about = next(each for each in message.of_customer(session, own.customer_id) if each.event == "receipt")
        copy = paper_copy.PaperCopy(
            organisation_id=own.organisation_id, customer_id=own.customer_id, message_id=about.id,
            made_at=own.clock.now(),
        )  # fmt: skip
        session.add(copy)
        session.flush()
        return copy.id


def _things(session: Session, customer_id: str, account_id: str, known: Payer, token: str) -> dict[str, str]:
    link = payment_link.by_token_sha256(session, digest(token), "pay")
    assert link is not None
    return {
        "account_id": account_id,
        "receipt_id": message.receipts_of(session, customer_id, 1)[0].id,
        "method_id": payment_method.of_customer(session, customer_id)[0].id,
        "device_id": login.devices_of(session, known.login_id, known.house.clock.now())[0].id,
        "message_id": message.of_customer(session, customer_id)[0].id,
        "customer_id": customer_id,
        "link_id": link.id,
    }


@pytest.fixture
def tenants(portal: Portal) -> World:
    other = found(portal.house.ports, portal.house.simulator)
    made = World(portal, person(portal.house, 1), person(portal.house, 2), person(other, 3))
    made.readers["anonymous"] = portal.reader("192.0.2.1")
    for number, (name, who) in enumerate((("one", made.one), ("sibling", made.sibling), ("foreign", made.foreign)), 2):
        made.readers[f"customer {name}"] = who.payer.sign_in(portal.reader(f"192.0.2.{number}"))
        visitor = portal.reader(f"192.0.2.{number + 10}").open(f"/{who.house.slug}/l/{who.token}").press("Continue")
        made.readers[f"visitor {name}"] = visitor
        who.things["visit_id"] = visitor.path.split("/")[3]
        who.things["token"] = who.token
    for number, (house, role) in enumerate(((house, role) for house in (portal.house, other) for role in Role), 30):
        reader = colleague(house, role).sign_in(portal.reader(f"192.0.2.{number}"))
        made.readers[f"staff {role} of {'one' if house is portal.house else 'other'}"] = reader
    return made


def rules(portal: Portal) -> list[Rule]:
    return sorted(portal.app.url_map.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule))


def audience(rule: Rule) -> Audience:
    said = audience_of(rule.endpoint, set(rule.arguments))
    assert said is not None, f"{rule.endpoint} says nothing of its audience: see portal/web/audience.py"
    return said


def address(rule: Rule, slug: str, things: dict[str, str], fallback: str) -> str:
    def filled(match: re.Match[str]) -> str:
        name = match[1].rpartition(":")[2]
        if name == "slug":
            return slug
        return FILLED.get(name) or things.get(name, fallback)

    return re.sub(r"<([^>]+)>", filled, rule.rule)


def ask(reader: Reader, method: str, path: str, ids: dict[str, str]) -> tuple[int, bytes, str]:
    """Status, body without what differs on purpose, and where it leads."""
    if method == "GET":
        answer: TestResponse = reader.raw("GET", path)
    else:
        token = re.search(r'name="csrf_token" value="([^"]+)"', reader.raw("GET", "/nowhere").get_data(as_text=True))
        assert token is not None
        own = {"Origin": reader.base, "Sec-Fetch-Site": "same-origin"}
        answer = reader.raw("POST", path, data={"csrf_token": token[1]}, headers=own)
    body = re.sub(rb'nonce="[^"]+"|name="csrf_token" value="[^"]+"', b"", answer.data)
    led = answer.headers.get("Location", "")
    for value in ids.values():
        body, led = body.replace(value.encode(), b"ID"), led.replace(value, "ID")
    return answer.status_code, body, led


def test_attack_48_every_route_says_for_whom_it_is_and_nobody_says_it_of_a_route_that_is_not_there(
    portal: Portal,
) -> None:
    endpoints = {rule.endpoint for rule in rules(portal)}
    for rule in rules(portal):
        assert audience(rule).who in Who
    assert OPEN.keys() <= endpoints


def test_attack_48_a_route_without_an_audience_is_caught(portal: Portal) -> None:
    portal.app = create_app(settings(portal.house.simulator), portal.house.ports)  # type: ignore[arg-type]  # only what the doors read
    portal.app.add_url_rule("/<slug:slug>/forgotten", endpoint="forgotten", view_func=lambda slug: slug)
    with pytest.raises(AssertionError, match="forgotten says nothing"):
        [audience(rule) for rule in rules(portal)]


def test_attack_48_what_is_somebody_elses_is_answered_like_what_is_not_there(tenants: World) -> None:
    """T1: for every route with an id, every actor: sibling, foreign and missing are one answer, byte for byte."""
    slug = tenants.portal.slug
    looked_at = 0
    for rule in rules(tenants.portal):
        own_ids = rule.arguments - OF_NOBODY
        if not own_ids or audience(rule).who is Who.machine:
            continue
        method = "GET" if "GET" in (rule.methods or ()) else "POST"
        for name, reader in tenants.readers.items():
            if audience(rule).who is Who.token or (audience(rule).who is Who.staff and name.startswith("staff ")):
                # whoever holds a token of this organisation may use it; its staff see all of its customers
                others = [tenants.foreign.things]
            else:
                others = [each.things for each in (tenants.sibling, tenants.foreign) if each is not _of(tenants, name)]
            missing = dict.fromkeys(own_ids, MISSING)
            nothing = ask(reader, method, address(rule, slug, missing, MISSING), missing)
            assert nothing[0] in (303, 400, 403, 404), (rule.endpoint, name, nothing[0])
            for things in others:
                answer = ask(reader, method, address(rule, slug, things, MISSING), things)
                assert answer == nothing, (rule.endpoint, name)
                looked_at += 1
    assert looked_at > 300


def _of(tenants: World, name: str) -> Person | None:
    return {"one": tenants.one, "sibling": tenants.sibling, "foreign": tenants.foreign}.get(name.rpartition(" ")[2])


def test_attack_48_a_malformed_id_is_no_address(tenants: World) -> None:
    for rule in rules(tenants.portal):
        for name in rule.arguments - OF_NOBODY:
            for malformed in MALFORMED:
                path = address(rule, tenants.portal.slug, {name: malformed}, MISSING)
                for actor in ("anonymous", "customer one"):
                    method = "GET" if "GET" in (rule.methods or ()) else "POST"
                    assert ask(tenants.readers[actor], method, path, {})[0] in (400, 403, 404), path


def test_attack_48_a_page_opens_to_its_audience_and_to_nobody_else(tenants: World) -> None:
    """T2: each route as its owner would ask for it, by everybody."""
    for rule in rules(tenants.portal):
        who = audience(rule)
        if who.who in UNSIGNED or who.who in (Who.token,) or "GET" not in (rule.methods or ()):
            continue
        path = address(rule, tenants.portal.slug, tenants.one.things, MISSING)
        for name, reader in tenants.readers.items():
            status, body, led = ask(reader, "GET", path, tenants.one.things)
            assert status < 500
            if may_open(who, name, rule):
                assert status in (200, 303, 503), (rule.endpoint, name, status)
                assert "sign-in" not in led, (rule.endpoint, name)
            else:
                assert status in (303, 403, 404), (rule.endpoint, name, status)
                assert status != 303 or "/sign-in" in led, (rule.endpoint, name, led)
                assert b"Person1" not in body, (rule.endpoint, name)


def may_open(who: Audience, name: str, rule: Rule) -> bool:
    """Whether this actor should see the page; a visit of one kind of link opens no page of another kind."""
    if who.who is Who.visit:
        return name == "visitor one" and "/pay/" in rule.rule
    kind, _, rest = name.partition(" ")
    if who.who is Who.customer:
        is_theirs = not rule.arguments - {"slug"}
        return kind == "customer" and (rest == "one" or (rest == "sibling" and is_theirs))
    return kind == "staff" and rest.endswith("of one") and Role(rest.split()[0]) in who.roles


def test_attack_48_a_post_behind_a_sign_in_does_nothing_for_a_stranger(tenants: World) -> None:
    for rule in rules(tenants.portal):
        who = audience(rule)
        if who.who not in (Who.customer, Who.staff, Who.visit) or "POST" not in (rule.methods or ()):
            continue
        path = address(rule, tenants.portal.slug, tenants.one.things, MISSING)
        for name, reader in tenants.readers.items():
            if may_open(who, name, rule):
                continue
            status, _, led = ask(reader, "POST", path, tenants.one.things)
            assert status in (303, 403, 404), (rule.endpoint, name, status)
            assert status != 303 or "/sign-in" in led, (rule.endpoint, name, led)


def test_attack_51_a_page_of_one_person_names_nobody_else(tenants: World) -> None:
    for path in ("", "/history", "/methods", "/scheduled", "/profile"):
        page = tenants.readers["customer one"].open(f"/{tenants.portal.slug}/account{path}")
        # whole numbers only: a check code may spell "M-3" in the middle of a group
        assert re.findall(r"Person[23]|(?<![0-9A-Za-z])M-[23](?![0-9A-Za-z])", page.html) == []
