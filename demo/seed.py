"""What the demo is filled with: four organisations, their customers, accounts, offers, a card on file, and links.

Called once per database by demo/seed_once.py. Everything is made through use cases, nothing is real: names are
invented, numbers and addresses are ones set aside for fiction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from demo.numbers import number_of
from demo.practice import practise
from demo.schedule import schedule_running
from demo.seed_people import people
from demo.subscription import assign_one, run_one
from portal.domain.card import KeepKind
from portal.domain.due_date import Frequency, Rhythm, local_date
from portal.domain.organisation import Profile
from portal.domain.payment_link import Purpose
from portal.domain.plan import PlanKind, PlanWish
from portal.domain.schedule import Amounts, AmountsKind
from portal.storage import Session, organisation
from portal.storage.account import Account
from portal.storage.offer import Offer
from portal.storage.payment_method import PaymentMethod
from portal.storage.plan import PlanPreset
from portal.storage.rows import new_id
from portal.usecases.account import add_customer, found_organisation, open_account
from portal.usecases.organisation import set_gateway_account, set_setting
from portal.usecases.payment_link import address, by_token, make
from portal.usecases.plan import PlanOrder, offer
from portal.usecases.plan import make as make_plan
from portal.usecases.plan_offer import make_link, offer_address
from portal.usecases.plan_preset import set_preset
from portal.usecases.ports import Ports
from portal.usecases.sms_account import set_sms_account

SEED = "demo"
TWO_SCREENS = "birch-lane"


@dataclass(frozen=True)
class Founded:
    """An organisation of the demo and the ports to fill it."""

    ports: Ports
    id: str
    now: datetime

    def customer(
        self,
        session: Session,
        number: str,
        given: str,
        family: str,
        *,
        locale: str = "en",
        phone: str = "+13125550141",
        agrees_to_texts: bool = True,
    ) -> str:
        row = add_customer(
            session,
            reference=number,
            given_name=given,
            family_name=family,
            email=f"{given}.{family}@example.com".lower().replace(" ", ""),
            phone=phone,
            address_line1="482 Linden Avenue",
            city="Springfield",
            state="IL",
            postal_code="62704",
            locale=locale,
            timezone="America/Chicago",
            sms_consent_at=self.now if agrees_to_texts else None,
            now=self.now,
        )
        return row.id

    def account(
        self,
        session: Session,
        customer_id: str,
        reference: str,
        label: str,
        balance_cents: int,
        creditor: str | None = None,
    ) -> Account:
        return open_account(
            session,
            customer_id,
            reference=reference,
            label=label,
            balance_cents=balance_cents,
            creditor=creditor,
            now=self.now,
            by=SEED,
        )

    def link(
        self,
        session: Session,
        account: Account,
        *,
        days: int = 30,
        purpose: Purpose = Purpose.pay,
        subject_id: str | None = None,
    ) -> str:
        token = make(session, account, days=days, now=self.now, made_by=SEED, purpose=purpose, subject_id=subject_id)
        return address(self.ports.portal_url, organisation.by_id(session, self.id), token, purpose)

    def presets(self, session: Session) -> None:
        """What is usually offered, to start from in the console."""
        for name, settles, down, number in (("Half a year", None, 0, 6), ("60 % in four parts", 6_000, 1_000, 4)):
            preset = PlanPreset(
                name=name, settlement_basis_points=settles, down_basis_points=down, number=number, frequency="monthly",
                first_in_days=14, channels="email", offer_days=14,
            )  # fmt: skip
            set_preset(session, preset, SEED, self.now)

    def plan(self, account_id: str) -> str:
        """A settlement in six parts after a down payment, offered by email and text; the ZIP code on file is 62704.

        The messages wait in the outbox for the worker, and at night for the morning where the customer is.
        """
        with self.ports.database.transaction(self.id) as session:
            today = local_date(self.now, organisation.by_id(session, self.id).timezone)
            wish = PlanWish(
                kind=PlanKind.settlement,
                rhythm=Rhythm(Frequency.monthly, today + timedelta(days=14)),
                amounts=Amounts(AmountsKind.evenly, 6),
                total_cents=74_400,
                down_cents=10_000,
            )
            plan_id = make_plan(session, PlanOrder(account_id, wish, "both"), SEED, self.now).id
        row = offer(self.ports, self.id, plan_id, SEED)
        with self.ports.database.transaction(self.id) as session:
            token = make_link(session, row, expires_at=self.now + timedelta(days=30), now=self.now, made_by=SEED)
            return offer_address(self.ports.portal_url, organisation.by_id(session, self.id), token)


def seed(ports: Ports) -> dict[str, Any]:
    """Fills an empty database; returns {"links": {name: URL}, "logins": {}}."""
    links: dict[str, str] = {}
    links |= _supervision(ports)
    links |= _receivables(ports)
    links |= _therapy(ports)
    _two_screens(ports)
    return {"links": links, "logins": people(ports)}


def _found(ports: Ports, profile: Profile, settings: Mapping[str, object], **facts: str) -> Founded:
    now = ports.clock.now()
    organisation_id = found_organisation(ports.database, profile=profile, now=now, **facts)
    merchant = "demo_two_screens" if facts["slug"] == TWO_SCREENS else f"demo_{profile.value}"
    with ports.database.transaction(organisation_id) as session:
        set_gateway_account(
            session,
            ports.seal,
            environment="simulator",
            merchant_id=merchant,
            public_key=f"{merchant}_public_key",
            private_key=f"{merchant}_private_key",
            merchant_account_id=f"{merchant}_usd",
        )
        account = number_of(facts["slug"])
        set_sms_account(
            session,
            ports.seal,
            account_sid=account.account_sid,
            auth_token=account.auth_token,
            sender=account.number,
            by=SEED,
            now=now,
        )
        for name, value in settings.items():
            set_setting(session, name, value, by=SEED, now=now)
    return Founded(ports, organisation_id, now)


def _supervision(ports: Ports) -> dict[str, str]:
    """Plain payments: contact step, no offers. The `card` link, and the ends a link can come to."""
    house = _found(
        ports,
        Profile.supervision,
        {
            "receipt_by_sms": True,
            "quiet_hours": False,
        },  # no debt collector: its mail is there at night, too
        slug="northfield",
        name="Northfield Community Supervision",
        brand_colour="#1f5f4f",
        timezone="America/Chicago",
        support_email="payments@northfield.example",
        support_phone="+1 312 555 0114",
        postal_address="210 Court Street, Springfield, IL 62701",
    )
    with ports.database.transaction(house.id) as session:
        jordan = house.customer(session, "P-20417", "Jordan", "Reyes", agrees_to_texts=False)  # asked in the link
        main = house.account(session, jordan, "NCS-20417", "Program fees", 18_450)
        expired = house.account(session, jordan, "NCS-20418", "Program fees, spring", 6_000)
        paid = house.account(session, jordan, "NCS-20419", "Intake fee", 0)
        cancelled = house.account(session, jordan, "NCS-20420", "Testing fee", 4_000)
        marisol = house.customer(session, "P-20977", "Marisol", "Ibarra", locale="es", phone="+13125550142")
        spanish = house.account(session, marisol, "NCS-20977", "Cuotas del programa", 22_000)
        riley = house.customer(session, "P-20733", "Riley", "Brooks", phone="+13125550145")
        owing = house.account(session, riley, "NCS-20733", "Program fees, whole term", 48_000)
        links = {
            "card": house.link(session, main),
            "expired": house.link(session, expired, days=-1),
            "paid": house.link(session, paid),
            "cancelled": house.link(session, cancelled),
            "spanish": house.link(session, spanish),
            "schedule": house.link(session, owing),
        }
        by_token(session, links["cancelled"].rpartition("/")[2]).status = "revoked"
        casey = house.customer(session, "P-20811", "Casey", "Lindqvist", phone="+13125550146")
        house.account(session, casey, "NCS-20811", "Program fees", 0)
    assign_one(ports, house.id, jordan)
    run_one(ports, house.id, casey, _card_on_file(house, casey), f"demo_{Profile.supervision.value}")
    return links


def _receivables(ports: Ports) -> dict[str, str]:
    """A collection agency: masked contact details, discreet messages, two settlement offers that may be skipped."""
    house = _found(
        ports,
        Profile.receivables,
        {"allow_skip_offer": True, "catch_up_per_day": 5, "name_in_texts": "Harbor Lane Office"},
        slug="harbor-lane",
        name="Harbor Lane Receivables",
        brand_colour="#0b4f8a",
        timezone="America/New_York",
        support_email="help@harborlane.example",
        support_phone="+1 212 555 0132",
        postal_address="77 Harbor Lane, Albany, NY 12207",
    )
    with ports.database.transaction(house.id) as session:
        dana = house.customer(session, "C-88120", "Dana", "Whitfield")
        main = house.account(session, dana, "HL-88120", "Balance with Lakeside Dental", 124_000, "Lakeside Dental")
        refused = house.account(session, dana, "HL-88122", "Balance with Oak Hill Clinic", 200_100, "Oak Hill Clinic")
        second = house.account(session, dana, "HL-88121", "Balance with Brightline Energy", 48_250, "Brightline Energy")
        for kind, value in (("percent", {"basis_points": 6_000}), ("amount", {"amount_cents": 80_000})):
            session.add(
                Offer(
                    account_id=main.id,
                    kind=kind,
                    valid_until=house.now + timedelta(days=60),
                    created_at=house.now,
                    **value,
                )
            )
        ellis = house.customer(session, "C-88140", "Ellis", "Marchetti", phone="+13125550144")
        planned = house.account(session, ellis, "HL-88140", "Balance with Cedar Point Clinic", 300_000, "Cedar Point")
        links = {
            "offer": house.link(session, main),
            "no-offer": house.link(session, second),
            # $2,001.00 is declined with 2001, insufficient funds, whatever the card; another amount goes through.
            "declined": house.link(session, refused),
            "part-scheduled": house.link(session, planned),
        }
        alma = house.customer(session, "C-88150", "Alma", "Rivera", phone="+13125550145")
        in_parts = house.account(session, alma, "HL-88150", "Balance with Lakeside Dental", 124_000, "Lakeside Dental")
        house.presets(session)
    links["plan"] = house.plan(in_parts.id)
    _card_on_file(house, alma)
    running = schedule_running(ports, house.id, planned.id, _card_on_file(house, ellis))
    with ports.database.transaction(house.id) as session:
        links["scheduled"] = house.link(session, planned, purpose=Purpose.schedule, subject_id=running)
        links["change-card"] = house.link(session, planned, purpose=Purpose.card, subject_id=running)
    return links


def _therapy(ports: Ports) -> dict[str, str]:
    """A practice that skips the contact step, and a client with a card on file (Visa 1881, ZIP 62704)."""
    house = _found(
        ports,
        Profile.therapy,
        {"contact_verification": False, "practice_ein": "94-3312208", "practice_npi": "2000000028", "autopay": True},
        slug="willow-street",
        name="Willow Street Therapy",
        brand_colour="#6b3fa0",
        timezone="America/Los_Angeles",
        support_email="office@willowstreet.example",
        support_phone="+1 415 555 0187",
        postal_address="5 Willow Street, Oakland, CA 94607",
    )
    with ports.database.transaction(house.id) as session:
        sam = house.customer(session, "T-1042", "Sam", "Okafor")
        first = house.account(session, sam, "WST-1042", "Sessions", 0)
        lee = house.customer(session, "T-1077", "Lee", "Fontaine", phone="+13125550143")
        second = house.account(session, lee, "WST-1077", "Sessions in October", 17_000)
        practise(session, sam, first.id, house.now)
        links = {"no-contact": house.link(session, second), "card-on-file": house.link(session, first)}
    _card_on_file(house, sam)
    return links


def _two_screens(ports: Ports) -> None:
    """A practice whose clients enter the card on a second screen, with the same client as the first (S2:16-17)."""
    house = _found(
        ports,
        Profile.therapy,
        {"pay_services_screens": "two", "practice_ein": "94-3312216", "autopay": True},
        slug=TWO_SCREENS,
        name="Birch Lane Counseling",
        brand_colour="#1d6b4f",
        timezone="America/Los_Angeles",
        support_email="office@birchlane.example",
        support_phone="+1 510 555 0186",
        postal_address="88 Birch Lane, Berkeley, CA 94704",
    )
    with ports.database.transaction(house.id) as session:
        sam = house.customer(session, "T-1042", "Sam", "Okafor")
        practise(session, sam, house.account(session, sam, "BLC-1042", "Sessions", 0).id, house.now)
    _card_on_file(house, sam)


def _card_on_file(house: Founded, customer_id: str) -> str:
    """Kept at the gateway as a customer's card would be, through the same port; the id of its row."""
    method_id = new_id()
    answer = house.ports.gateways.of(house.id).keep_card(
        customer_id, f"c{method_id}", "fake-valid-visa-nonce", house.ports.timing.page_timeout
    )
    if answer.kind is not KeepKind.kept or answer.card is None:
        raise RuntimeError(f"the demo's card could not be kept: {answer}")
    with house.ports.database.transaction(house.id) as session:
        session.add(
            PaymentMethod(
                id=method_id,
                customer_id=customer_id,
                token=f"c{method_id}",
                brand=answer.card.brand,
                last4=answer.card.last4,
                expires_month=answer.card.expires_month,
                expires_year=answer.card.expires_year,
                postal_code="62704",
                consent_text="Save this card for future payments",
                saved_at=house.now,
            )
        )
    return method_id
