"""Two organisations on each database, with a row in most tables each, and a raw connection that obeys no house rule."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, make_url

from portal.domain.organisation import Profile
from portal.storage import Database, Session
from portal.storage.agreement import Agreement
from portal.storage.audit import Alarm, AuditEntry, GatewayFact
from portal.storage.autopay import Autopay, AutopayPayment
from portal.storage.bounce import Bounce
from portal.storage.charge import Charge
from portal.storage.check_code import CheckCode
from portal.storage.contact_wish import ContactWish
from portal.storage.customer import ContactChangeRequest
from portal.storage.dispute import Dispute
from portal.storage.erasure import Erasure
from portal.storage.gateway_retry import GatewayRetry
from portal.storage.hold import ChargingHold
from portal.storage.inbound_text import InboundText
from portal.storage.limit import count_up
from portal.storage.login import Device, Login, LoginCode
from portal.storage.message import Message, Receipt
from portal.storage.message_fact import MessageFact
from portal.storage.notice import Notice
from portal.storage.objection import Objection
from portal.storage.obligation import Obligation
from portal.storage.offer import Offer
from portal.storage.opt_out_link import OptOutLink
from portal.storage.organisation import GatewayAccount, OrganisationSetting
from portal.storage.paper_copy import PaperCopy
from portal.storage.patient import Diagnosis, Patient
from portal.storage.payment_link import PaymentLink
from portal.storage.payment_method import PaymentMethod
from portal.storage.plan import Plan, PlanLink, PlanPreset
from portal.storage.provider import Provider
from portal.storage.reconcile import ReconcileDay, ReconcileResult
from portal.storage.refund import Refund
from portal.storage.rows import TenantRow, new_id
from portal.storage.schedule import Schedule
from portal.storage.selection import Selection
from portal.storage.service import Service, ServiceDetail, ServiceEntry
from portal.storage.service_document import DocumentCounter, ServiceDocument
from portal.storage.share import ServiceShare
from portal.storage.sign_in import SignIn
from portal.storage.signing import PlanPaper, PlanSignature, RecordConsent, Signing
from portal.storage.sms_account import SmsAccount
from portal.storage.staff import Staff
from portal.storage.subscription import Program, Subscription, SubscriptionChange, SubscriptionReport
from portal.storage.visit import Visit
from portal.usecases.account import add_customer, found_organisation, open_account
from tests.conftest import ENGINES

NOW = datetime(2026, 11, 2, 15, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url, pool_size=20)
    yield made
    made.dispose()


@dataclass(frozen=True)
class Tenant:
    """One organisation and the ids of its rows, by table."""

    database: Database
    organisation_id: str
    ids: dict[str, str]

    def transaction(self) -> AbstractContextManager[Session]:
        return self.database.transaction(self.organisation_id)

    def read(self) -> AbstractContextManager[Session]:
        return self.database.read(self.organisation_id)

    def obligation(self, **values: Any) -> Obligation:
        wanted = {
            "customer_id": self.ids["customer"],
            "account_id": self.ids["account"],
            "kind": "checkout",
            "subject_id": new_id(),
            "seq": 1,
            "amount_cents": 1_000,
            "due_at": NOW,
            "created_at": NOW,
        }
        return Obligation(**(wanted | values))

    def charge(self, obligation_id: str, n: int = 1, **values: Any) -> Charge:
        wanted = {
            "obligation_id": obligation_id,
            "account_id": self.ids["account"],
            "customer_id": self.ids["customer"],
            "n": n,
            "state": "sending",
            "order_id": f"{self.organisation_id}-{obligation_id}-{n}",
            "is_keyed": True,
            "request_sha256": "0" * 64,
            "amount_cents": 1_000,
            "held_cents": 1_000,
            "currency": "USD",
            "lease_until": NOW,
            "send_deadline": NOW,
            "next_try_at": NOW,
            "claimed_at": NOW,
        }
        return Charge(**(wanted | values))


def tenant(database: Database, slug: str) -> Tenant:
    """An organisation with a row in every tenant table."""
    organisation_id = found_organisation(
        database, slug=slug, name=slug.title(), profile=Profile.therapy, brand_colour="#0b5394", timezone="UTC",
        support_email="help@example.com", support_phone="+13125550100", postal_address="1 Pier Street", now=NOW,
    )  # fmt: skip
    ids: dict[str, str] = {}
    made = Tenant(database, organisation_id, ids)

    with made.transaction() as session:

        def add(row: TenantRow) -> None:
            session.add(row)
            session.flush()
            ids[row.__tablename__] = row.id

        person = add_customer(session, reference="C-1", given_name="Ada", family_name="Moss", now=NOW)
        owed_on = open_account(
            session, person.id, reference="A-1", label="Balance", balance_cents=5_000, now=NOW, by="test"
        )
        ids |= {"customer": person.id, "account": owed_on.id}
        both = {"customer_id": person.id, "account_id": owed_on.id}
        add(OrganisationSetting(name="link_days", seq=1, value=30, set_at=NOW, set_by="test"))
        add(GatewayAccount(environment="simulator", merchant_id="m", public_key="p", private_key_sealed="s",
                           merchant_account_id="a"))  # fmt: skip
        add(Offer(account_id=owed_on.id, kind="amount", amount_cents=100, valid_until=NOW, created_at=NOW))
        add(PaymentLink(**both, token_sha256="0" * 64, expires_at=NOW, created_at=NOW, made_by="test"))
        add(PaymentMethod(customer_id=person.id, token="t", brand="Visa", last4="1111", expires_month=1,
                          expires_year=2030, consent_text="Keep it", saved_at=NOW))  # fmt: skip
        add(Agreement(**both, kind="payment", text_version="1", locale="en", text="I agree", text_sha256="0" * 64,
                      accepted_at=NOW, ip="192.0.2.1", user_agent="test"))  # fmt: skip
        add(Visit(**both, link_id=ids["payment_link"], secret_sha256="0" * 64, opened_at=NOW, expires_at=NOW,
                  ip="192.0.2.1", user_agent="test", locale="en"))  # fmt: skip
        add(Schedule(**both, agreement_id=ids["agreement"], payment_method_id=ids["payment_method"],
                     visit_id=ids["visit"], series="installment", rhythm={}, locale="en", made_at=NOW,
                     made_by="test"))  # fmt: skip
        add(Autopay(**both, agreement_id=ids["agreement"], payment_method_id=ids["payment_method"], limit_cents=100,
                    notice_days=10, status="on", covers_from=NOW, next_look_at=NOW, locale="en",
                    made_at=NOW))  # fmt: skip
        add(AutopayPayment(autopay_id=ids["autopay"], schedule_id=ids["schedule"], amount_cents=100, services=[],
                           made_at=NOW))  # fmt: skip
        add(Plan(**both, reference="PL-1", state="signed", kind="total", balance_cents=5_000, total_cents=5_000,
                 down_cents=0, instalments=[], wish={}, channels="email", offer_days=14, made_at=NOW, made_by="test",
                 offered_at=NOW, expires_at=NOW, signed_at=NOW, schedule_id=ids["schedule"]))  # fmt: skip
        add(Program(name="Monitoring", features=[], set_at=NOW, set_by="test"))
        add(Subscription(**both, program_id=ids["program"], reference="SU-1", program_name="Monitoring", features=[],
                         price_cents=100, start_on=NOW.date(), end_on=NOW.date(), billing_day=1, prorated=False,
                         manager_name="Kim Ode", manager_email="kim@example.com", manager_phone="+13125550101",
                         state="active", assigned_at=NOW, assigned_by="test", activate_by=NOW, activated_at=NOW,
                         schedule_id=ids["schedule"], periods=[]))  # fmt: skip
        add(SubscriptionReport(subscription_id=ids["subscription"], customer_id=person.id, kind="wrong", said="No",
                               made_at=NOW))  # fmt: skip
        add(SubscriptionChange(subscription_id=ids["subscription"], kind="pause", facts={}, worth_cents=0, why="ill",
                               state="done", asked_at=NOW, asked_by="test", decided_at=NOW,
                               decided_by="test"))  # fmt: skip
        add(PlanPreset(name="Half a year", number=6, frequency="monthly", first_in_days=7, channels="email",
                       offer_days=14, set_at=NOW, set_by="test"))  # fmt: skip
        add(PlanLink(plan_id=ids["plan"], customer_id=person.id, token_sha256="0" * 64, expires_at=NOW, created_at=NOW,
                     made_by="test"))  # fmt: skip
        add(Signing(plan_id=ids["plan"], link_id=ids["plan_link"], customer_id=person.id, secret_sha256="0" * 64,
                    opened_at=NOW, expires_at=NOW, ip="192.0.2.1", user_agent="test", locale="en"))  # fmt: skip
        add(RecordConsent(customer_id=person.id, signing_id=ids["signing"], said="given", text_version="1",
                          locale="en", text="I agree", text_sha256="0" * 64, said_at=NOW, ip="192.0.2.1",
                          user_agent="test"))  # fmt: skip
        add(PlanSignature(plan_id=ids["plan"], signing_id=ids["signing"], agreement_id=ids["agreement"],
                      consent_id=ids["record_consent"], customer_id=person.id, way="drawn", image=b"PNG", facts={},
                      agreement_pdf_sha256="0" * 64, schedule_pdf_sha256="0" * 64, signed_at=NOW, ip="192.0.2.1",
                      user_agent="test"))  # fmt: skip
        add(PlanPaper(plan_id=ids["plan"], kind="agreement", content=b"%PDF", content_sha256="0" * 64,
                      kept_at=NOW))  # fmt: skip
        add(made.obligation())
        add(made.charge(ids["obligation"], state="succeeded", gateway_id="g1"))
        add(Receipt(**both, charge_id=ids["charge"], number="R-1", facts={"amount_cents": 1_000}, issued_at=NOW))
        add(Message(dedupe_key="d", event="receipt", channel="email", customer_id=person.id, subject_id="s",
                    recipient="ada@example.com", locale="en", message_id="m", next_try_at=NOW,
                    created_at=NOW))  # fmt: skip
        add(PaperCopy(customer_id=person.id, message_id=ids["message"], made_at=NOW))
        add(SmsAccount(account_sid="AC1", auth_token_sealed="s", sender="+13125550100", set_at=NOW))
        add(InboundText(provider_id="SM1", customer_id=person.id, sender="+13125550123", words="Hi", meaning="other",
                        heard_at=NOW))  # fmt: skip
        add(OptOutLink(token_sha256="1" * 64, channel="email", address="ada@example.com", customer_id=person.id,
                       message_id=ids["message"], created_at=NOW))  # fmt: skip
        add(Objection(**both, plan_id=ids["plan"], words="Not mine", way="letter", made_at=NOW, made_by="test"))
        add(CheckCode(code="7K3M-9QXT-2FHC-8ZWN", kind="receipt", subject_id="s", made_at=NOW))
        add(Bounce(channel="email", address="ada@example.com", reason="r", message_id=ids["message"], found_at=NOW))
        add(MessageFact(message_id=ids["message"], key="k", what="held", code="quiet_hours", source="outbox", facts={},
                        at=NOW))  # fmt: skip
        add(ContactWish(customer_id=person.id, kind="consent", subject="sms:+13125550123", seq=1, channel="sms",
                        is_on=True, scope="all", source="staff", words="Yes", locale="en", said_at=NOW,
                        said_by="test"))  # fmt: skip
        add(ContactChangeRequest(**both, changes={"city": "Chicago"}, made_at=NOW))
        add(AuditEntry(at=NOW, actor="test", action="made", subject_id="s", facts={}))
        add(GatewayFact(charge_id=ids["charge"], outcome="succeeded", source="sender", facts={}, heard_at=NOW))
        add(Refund(**both, charge_id=ids["charge"], request_key="r", n=1, way="refund", state="succeeded",
                   order_id=f"{organisation_id}-r-1", is_keyed=True, amount_cents=1, currency="USD",
                   reopens_balance=True, asked_by="test", lease_until=NOW, send_deadline=NOW, next_try_at=NOW,
                   claimed_at=NOW))  # fmt: skip
        add(Provider(reference="REED", name="Miriam Reed", credentials="PhD", licence_number="1", licence_state="CA",
                     npi="1234567893", signature_line="", created_at=NOW))  # fmt: skip
        add(Patient(customer_id=person.id, reference="P-1", given_name="Ada", family_name="Moss", created_at=NOW))
        add(Diagnosis(patient_id=ids["patient"], code="F41.1", noted_at=NOW, noted_by="test"))
        add(Service(account_id=owed_on.id, patient_id=ids["patient"], reference="S-1", balance_cents=100,
                    created_at=NOW))  # fmt: skip
        add(ServiceDetail(service_id=ids["service"], seq=1, performed_on=NOW.date(), provider_id=ids["provider"],
                          code="90837", modifiers=[], units=1, place_of_service="11", diagnoses=["F41.1"],
                          description="", noted_at=NOW, noted_by="test"))  # fmt: skip
        add(ServiceEntry(service_id=ids["service"], account_id=owed_on.id, kind="fee", change_cents=100,
                         event_key="e", charge_id=ids["charge"], posted_at=NOW, posted_by="test"))  # fmt: skip
        add(ServiceShare(obligation_id=ids["obligation"], service_id=ids["service"], amount_cents=100, made_at=NOW))
        add(DocumentCounter(kind="invoice", last_seq=1))
        add(ServiceDocument(**both, kind="invoice", seq=1, number="INV-000001", services=[ids["service"]],
                            services_sha256="0" * 64, locale="en", facts={}, facts_sha256="0" * 64,
                            content_sha256="0" * 64, issued_at=NOW, issued_by="test"))  # fmt: skip
        add(Selection(**both, services=[ids["service"]], obligation_id=ids["obligation"], locale="en", opened_at=NOW))
        add(Notice(payload_sha256="0" * 64, signature="k|0", payload="PGE+", kind="check", received_at=NOW,
                   next_try_at=NOW))  # fmt: skip
        add(Dispute(**both, charge_id=ids["charge"], gateway_id="d1", kind="chargeback", status="open", reason="fraud",
                    reason_code="83", case_number="c", amount_cents=1, currency="USD", heard_at=NOW,
                    next_look_at=NOW, created_at=NOW))  # fmt: skip
        add(GatewayRetry(charge_id=ids["charge"], gateway_id="r1", amount_cents=1, status="settled", became="stands",
                         heard_at=NOW))  # fmt: skip
        add(ReconcileDay(day="2026-11-02", lease_until=NOW))
        add(ReconcileResult(from_at=NOW, until_at=NOW, asked_by="test", sales_count=0, sales_cents=0, refunds_count=0,
                            refunds_cents=0, settled_count=0, difference_count=0, open_count=0, is_clean=True,
                            differences=[], started_at=NOW, finished_at=NOW))  # fmt: skip
        add(Staff(username="ada", name="Ada Moss", role="clerk", password_hash="h", pepper_version=1, totp_sealed="t",
                  created_at=NOW, made_by="test"))  # fmt: skip
        add(Login(customer_id=ids["customer"], created_at=NOW, made_by="test"))
        add(
            Device(
                login_id=ids["login"],
                secret_sha256="1" * 64,
                label="Safari",
                added_at=NOW,
                seen_at=NOW,
                expires_at=NOW + timedelta(days=90),
            )
        )
        add(
            LoginCode(
                login_id=ids["login"],
                purpose="sign_in",
                way="username",
                secret_sha256="2" * 64,
                made_at=NOW,
                expires_at=NOW + timedelta(minutes=10),
            )
        )
        add(SignIn(staff_id=ids["staff"], secret_sha256="0" * 64, way="password", epoch=1, opened_at=NOW, seen_at=NOW,
                   proved_at=NOW, ip="192.0.2.1", user_agent="test"))  # fmt: skip
        gone = add_customer(session, reference="C-2", given_name="", family_name="", now=NOW)
        add(Erasure(customer_id=gone.id, pseudonym="E-1", why="asked", asked_by="test", erased_at=NOW, keep_until=NOW,
                    next_try_at=NOW))  # fmt: skip
        add(ChargingHold(reason="restored", held_at=NOW, held_by="test"))
        add(Alarm(kind="test", subject_id="s", facts={}, raised_at=NOW))
        count_up(session, "test", "key", timedelta(hours=1), NOW)
    return made


@pytest.fixture
def ours(database: Database) -> Tenant:
    return tenant(database, "ours")


@dataclass(frozen=True)
class Pair:
    """Two organisations that many tests look at; a test that keeps a change asks for a database of its own."""

    ours: Tenant
    theirs: Tenant


@pytest.fixture(scope="module", params=ENGINES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("pair") / "pair.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("postgres_server").create()
    database = Database(url, pool_size=20)
    yield Pair(tenant(database, "ours"), tenant(database, "theirs"))
    database.dispose()


@pytest.fixture
def raw_engine(database_url: str) -> Iterator[Engine]:
    """As somebody with the database's password sees it: no house rule but those the database itself keeps."""
    url = make_url(database_url)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    if url.get_backend_name() == "sqlite":

        @event.listens_for(engine, "connect")
        def obey_foreign_keys(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA foreign_keys=ON")

    yield engine
    engine.dispose()


@pytest.fixture
def raw(raw_engine: Engine) -> Iterator[Connection]:
    with raw_engine.connect() as connection:
        yield connection
