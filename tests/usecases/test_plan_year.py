"""A year of payment plans in English and in Spanish: what becomes of each, who is told what, in which hours.

One walk for everybody; gateway, ledger and mailbox agree at the end. Shorter lives are in tests/usecases/test_plan.py.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.domain.contact_wish import WishSource
from portal.domain.due_date import Frequency, Rhythm
from portal.domain.plan import PlanWish
from portal.storage import account, ledger, message, obligation
from portal.storage.message import Message
from portal.storage.plan import Plan
from portal.usecases.account import add_customer, open_account
from portal.usecases.charge import charge_obligation
from portal.usecases.contact_wish import Words, agree, stop
from portal.usecases.ledger import differs_from_entries
from portal.usecases.plan import PlanOrder, make, offer
from portal.usecases.plan_life import cancel
from portal.usecases.plan_offer import OfferState, find
from portal.usecases.simulate import walk
from tests.rig.house import House, ManualClock
from tests.rig.plans import instalments, plan_now, settlement, signer, wish
from tests.rig.series import today

OPENS, CLOSES = time(8), time(21)
BALANCE_CENTS = 50_000
# locale -> every zone the person may be in, what is on file of it, and a number of theirs
PEOPLE = {
    "en": (("America/Chicago", "America/Los_Angeles"), {"state": "CA"}, "+13125550{:03d}"),  # an ambiguous one: both
    "es": (("Pacific/Honolulu",), {"timezone": "Pacific/Honolulu", "state": "HI"}, "+18085550{:03d}"),
}
LINK = re.compile(r"/agreement/([A-Za-z0-9_-]{32})")
TOLD: dict[str, dict[str, int]] = {  # everything each person is emailed in a year, and nothing else
    "keeps": {"plan_signed": 1, "payment_upcoming": 10, "receipt": 12, "plan_completed": 1},
    "lapses": {"plan_offer": 1, "plan_reminder": 3, "plan_expired": 1},
    "stumbles": {"plan_signed": 1, "payment_upcoming": 2, "payment_declined": 1, "receipt": 3, "plan_completed": 1},
    "misses": {"plan_signed": 1, "payment_upcoming": 3, "payment_declined": 2, "receipt": 3, "plan_completed": 1},
    "breaks": {"plan_signed": 1, "payment_upcoming": 2, "payment_declined": 5, "plan_broken": 1},
    "leaves": {"plan_signed": 1, "receipt": 1, "plan_cancelled": 1},
    "mutes": {"plan_offer": 1, "plan_reminder": 3, "plan_expired": 1},
}
ENDS = {
    "keeps": "completed", "lapses": "expired", "stumbles": "completed", "misses": "completed", "breaks": "broken",
    "leaves": "cancelled", "mutes": "expired",
}  # fmt: skip


class Movable(ManualClock):
    """The house's clock, put forward by the walk."""

    def move_to(self, at: datetime) -> None:
        self.at = at


@dataclass
class Person:
    """One customer with one plan, and what they are an example of."""

    kind: str
    locale: str
    house: House
    account_id: str
    email: str
    phone: str
    plan_id: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def zones(self) -> list[ZoneInfo]:
        return [ZoneInfo(zone) for zone in PEOPLE[self.locale][0]]

    def plan(self) -> Plan:
        return plan_now(self.house, self.plan_id)

    def messages(self) -> list[Message]:
        with self.house.ports.database.read(self.house.organisation_id) as session:
            return message.of_customer(session, self.house.customer_id)

    def sent(self, channel: str = "email") -> Counter[str]:
        return Counter(each.event for each in self.messages() if each.channel == channel and each.state == "sent")

    def fail(self, number: int, fault: str, times: int) -> None:
        """The gateway says no to one payment, so many times."""
        due = instalments(self.house, self.plan())[number - 1]
        order = f"{self.house.organisation_id}-{due.id}-"
        self.faults.append(
            self.house.simulator.faults(fault, operation="sale", order_prefix=order, times=times)
        )  # fmt: skip


def person(house: House, kind: str, locale: str, number: int) -> Person:
    _, on_file, digits = PEOPLE[locale]
    email, phone = f"{kind}-{locale}-{house.slug}@example.com", digits.format(number)
    with house.ports.database.transaction(house.organisation_id) as session:
        now = house.clock.now()
        row = add_customer(
            session, reference=f"Y-{kind}-{locale}", given_name="Ada", family_name=kind.title(), email=email,
            phone=phone, postal_code="60614", locale=locale, now=now, **on_file,
        )  # fmt: skip
        owed = open_account(
            session, row.id, reference=f"Y-{kind}-{locale}", label="Balance", balance_cents=BALANCE_CENTS, now=now,
            by="test",
        )  # fmt: skip
        if kind in {"lapses", "mutes"}:
            agree(session, "sms", phone, Words("Yes.", WishSource.payment_link), now, customer=row.id)
        return Person(kind, locale, replace(house, customer_id=row.id), owed.id, email, phone)


def offered(who: Person, wanted: PlanWish) -> Plan:
    house = who.house
    order = PlanOrder(who.account_id, wanted, "both" if who.kind in {"lapses", "mutes"} else "email", 14)
    row = house.ports.database.run(
        house.organisation_id, lambda session: make(session, order, "staff", house.clock.now())
    )
    who.plan_id = row.id
    return offer(house.ports, house.organisation_id, row.id, "staff")


def begin(who: Person) -> None:
    """The offer, and the signature of those who sign; what is due then is charged as the page does."""
    first_on = today(who.house) + timedelta(days=10)
    number = {"keeps": 11, "breaks": 4}.get(who.kind, 3)
    monthly: dict[str, Any] = {"number": number, "rhythm": Rhythm(Frequency.monthly, first_on)}
    wanted = settlement(who.house, 24_000, down_cents=4_000, **monthly) if who.kind == "keeps" else wish(
        who.house, **monthly
    )  # fmt: skip
    row = offered(who, wanted)
    if who.kind in {"lapses", "mutes"}:
        return
    house = who.house
    done = signer(house, row, who.locale).read().sign()
    if done.due_now_id is not None:
        charge_obligation(house.ports, house.organisation_id, done.due_now_id, house.ports.timing.page_timeout)
    match who.kind:
        case "stumbles":
            who.fail(2, "decline_soft", 1)
        case "misses":
            who.fail(2, "decline_soft", 50)
        case "breaks":
            for number in (1, 2, 3, 4):
                who.fail(number, "decline_soft", 50)


def acts(people: list[Person], clock: ManualClock) -> Callable[[int], None]:
    """What people and staff do on the way."""

    def on_day(day: int) -> None:
        for who in people:
            house = who.house
            if who.kind == "leaves" and day == 14:
                cancel(replace(house.ports, clock=clock), house.organisation_id, who.plan_id, "staff", "Moved abroad.")
            if who.kind == "mutes" and day == 5:  # after the first reminder
                with house.ports.database.transaction(house.organisation_id) as session:
                    stop(session, "sms", who.phone, Words("STOP", WishSource.sms_reply), clock.now(),
                         customer=house.customer_id)  # fmt: skip
            if who.kind == "misses" and day == 75:  # the missed one was put last: by then the card works again
                for fault in who.faults:
                    house.simulator.call("DELETE", f"/simulator/faults/{fault}")

    return on_day


@pytest.mark.slow
def test_p3_p4_p5_p6_a_year_of_plans_in_two_languages_adds_up(house: House) -> None:
    house.set("debt_collector", value=True)
    house.has_carrier()
    house.clock.at = house.clock.at.replace(hour=21)  # day everywhere, in Honolulu too
    people = [
        person(house, kind, locale, number)
        for number, kind in enumerate(ENDS)
        for locale in PEOPLE
    ]  # fmt: skip
    for who in people:
        begin(who)
    clock = Movable(house.clock.at)
    walk(house.ports, clock, 365, shift=lambda _: None, on_day=acts(people, clock))
    house.clock.at = clock.at
    assert {(who.kind, who.locale): who.plan().state for who in people} == {
        (kind, locale): end for kind, end in ENDS.items() for locale in PEOPLE
    }
    mails = {each["message_id"]: each for who in people for each in mails_to(who)}
    for who in people:
        assert who.sent() == TOLD[who.kind], (who.kind, who.locale)
        in_its_hours(who)
        the_mailbox_agrees(who, mails)
        the_books_agree(who)
    the_hours_made_some_of_them_wait(people)
    the_lapsed_links_are_inactive(people)
    no_text_after_a_stop(people)
    each_reads_their_own_language(people, mails)
    assert max(Counter((each.subject_id, each.channel) for who in people for each in who.messages()
                       if each.event == "plan_reminder").values()) == 3  # fmt: skip


def mails_to(who: Person) -> list[dict[str, Any]]:
    return list(who.house.simulator.call("GET", f"/mailbox.json?recipient={who.email}"))


def in_its_hours(who: Person) -> None:
    """C18: 8:00 to 21:00 wherever the customer may be, for whatever does not answer what they just did."""
    for each in who.messages():
        if each.sent_at is None or (each.is_answer and each.sent_at - each.created_at < timedelta(minutes=15)):
            continue
        for zone in who.zones:
            at = each.sent_at.astimezone(zone)
            assert OPENS <= at.time() < CLOSES, (who.kind, who.locale, each.event, at.isoformat())


def the_hours_made_some_of_them_wait(people: list[Person]) -> None:
    """What is charged at nine in Chicago is before eight in the others: each language has receipts that waited."""
    for locale in PEOPLE:
        waited = [
            each
            for who in people if who.locale == locale
            for each in who.messages() if each.event == "receipt" and each.sent_at is not None
            if any(each.created_at.astimezone(zone).time() < OPENS for zone in who.zones)
        ]  # fmt: skip
        assert len(waited) > 10, locale
        assert all(each.sent_at is not None and each.sent_at > each.created_at for each in waited)


def the_mailbox_agrees(who: Person, mails: dict[str, dict[str, Any]]) -> None:
    """Each email that was sent arrived once, under its own Message-ID; nothing else did."""
    sent = {f"<{each.message_id}@{who.house.ports.mail_domain}>": each for each in who.messages()
            if each.channel == "email" and each.state == "sent"}  # fmt: skip
    arrived = Counter(each["message_id"] for each in mails_to(who))
    assert arrived == Counter(sent.keys())
    files = {event: {len(mails[key]["attachments"]) for key, each in sent.items() if each.event == event}
             for event in ("plan_signed", "plan_completed", "receipt")}  # fmt: skip
    assert files["plan_signed"] <= {2}
    assert files["plan_completed"] <= {1}
    assert files["receipt"] <= {1}


def the_books_agree(who: Person) -> None:
    """What the gateway took is what was booked, what the payments say and what is no longer owed."""
    house, row = who.house, who.plan()
    with house.ports.database.read(house.organisation_id) as session:
        owed = account.by_id(session, who.account_id)
        assert owed is not None
        assert differs_from_entries(session, owed) == 0
        booked = [each.amount_cents for each in ledger.of_account(session, who.account_id)
                  if each.recipe == "payment_taken"]  # fmt: skip
        forgiven = [each.amount_cents for each in ledger.of_account(session, who.account_id)
                    if each.recipe == "settlement_forgiven"]  # fmt: skip
        due = obligation.of_subject(session, row.schedule_id) if row.schedule_id else []
    ids = {each.id for each in due}
    taken = [sale["amount_cents"] for sale in house.truth()
             if sale["success"] and str(sale["order_id"]).split("-")[1] in ids]  # fmt: skip
    paid = [each.amount_cents for each in due if each.status == "paid"]
    assert sorted(taken) == sorted(booked) == sorted(paid)
    assert owed.balance_cents == BALANCE_CENTS - sum(booked) - sum(forgiven)
    assert forgiven == ([26_000] if who.kind == "keeps" else [])
    if row.state == "completed":
        assert sum(paid) == row.total_cents
    if row.state in {"broken", "cancelled"}:
        assert {each.status for each in due} <= {"paid", "declined", "cancelled"}


def the_lapsed_links_are_inactive(people: list[Person]) -> None:
    """S1:40: whichever of the messages it was in."""
    links = 0
    for who in people:
        if who.kind != "lapses":
            continue
        for mail in mails_to(who):
            for token in LINK.findall(mail["text"]):
                with who.house.ports.database.read(who.house.organisation_id) as session:
                    offer_ = find(session, token, who.house.clock.now())
                assert offer_ is not None
                assert offer_.state is OfferState.expired
                links += 1
    assert links >= 8


def no_text_after_a_stop(people: list[Person]) -> None:
    """C28: the offer and the first reminder by text, and nothing after STOP; who said nothing gets all of them."""
    for who in people:
        if who.kind == "mutes":
            assert who.sent("sms") == {"plan_offer": 1, "plan_reminder": 1}
            assert [each.event for each in who.messages() if each.channel == "sms" and each.state != "sent"] == []
        elif who.kind == "lapses":
            assert who.sent("sms") == {"plan_offer": 1, "plan_reminder": 3, "plan_expired": 1}
        else:
            assert who.sent("sms") == {}


def each_reads_their_own_language(people: list[Person], mails: dict[str, dict[str, Any]]) -> None:
    words: dict[str, dict[str, str]] = {}
    for who in people:
        for each in who.messages():
            if each.channel == "email" and each.state == "sent":
                assert each.locale == who.locale, (who.kind, each.event)
                mail = mails[f"<{each.message_id}@{who.house.ports.mail_domain}>"]
                assert f'lang="{who.locale}"' in mail["html"] if "html" in mail else True
                words.setdefault(each.event, {})[who.locale] = mail["text"]
    assert {"plan_offer", "plan_reminder", "plan_expired", "plan_signed", "plan_completed", "plan_cancelled",
            "plan_broken", "payment_declined", "receipt", "payment_upcoming"} <= set(words)  # fmt: skip
    for event, text in words.items():
        assert re.search(r"[áéíóúñ¿]", text["es"]), event
        assert not re.search(r"[áéíóúñ¿]", text["en"]), event
