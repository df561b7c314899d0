"""Attack 114, on both databases: every column that can hold words is wiped or known to hold none of a person's."""

from typing import Any

import pytest
from sqlalchemy import LargeBinary, Text, select, text, update
from sqlalchemy.exc import DBAPIError

from portal.storage.audit import Alarm
from portal.storage.customer import Customer
from portal.storage.erasure import Erasure
from portal.storage.erasure_wipe import WAYS, Gone, at_once, kept_for_the_law, wipe, wipe_kept
from portal.storage.inbound_text import InboundText
from portal.storage.rows import Row, TenantRow, new_id
from portal.storage.sign_in import SignIn
from portal.storage.types import Day, Plain
from tests.rig.above import above
from tests.storage.conftest import NOW, Tenant
from tests.storage.test_schema import TABLES

CANARY = "canary"
GONE = Gone("X-TEST", NOW)
WIPED: dict[str, dict[str, Any]] = {
    row.__tablename__: dict(values) for row, values in {**at_once(GONE), **kept_for_the_law(GONE)}.items()
}
WIPED["account"] |= {"reference": ""}
WIPED["receipt"] = {"facts": {}}
WIPED["alarm"] = {"facts": {}}
WIPED["notice"] = {"payload": "", "signature": ""}
WIPED["customer"] = dict.fromkeys(
    ("reference", "given_name", "family_name", "email", "phone", "address_line1", "address_line2", "city", "state",
     "postal_code", "timezone", "gateway_customer_id", "locale")
)  # fmt: skip
DROPPED = {"diagnosis"}
# Rows of a customer that hold states, figures and the names of other rows, and nothing a person could be told from.
KEPT_WHOLE = {
    "autopay_payment",
    "dispute", "gateway_fact", "gateway_retry", "ledger_entry", "offer", "paper_copy", "schedule", "service",
    "service_entry", "service_share",
}  # fmt: skip
# Nothing of one customer's stands in these: an organisation's own rows, and counts under digests.
OF_NO_CUSTOMER = {
    "deployment_limit_count",
    "deployment_stamp", "organisation", "organisation_setting", "gateway_account", "sms_account", "staff", "provider",
    "program", "plan_preset", "charging_hold", "document_counter", "reconcile_day", "reconcile_result", "limit_count",
    "audit_entry", "check_code", "erasure",
}  # fmt: skip
# What may stay of the rows of a customer: ids and digests of random things, words of ours, and figures.
KEPT_ENDINGS = ("_id", "_sha256", "_by", "_code", "_version")
KEPT_NAMES = {"id", "kind", "state", "status", "currency", "locale", "way", "purpose", "channel", "event", "series",
              "rhythm", "source", "reason", "recipe", "debit_book", "credit_book", "event_key", "dedupe_key", "key",
              "request_key", "what", "code", "outcome", "meaning", "scope", "method", "paused_for", "number",
              "said"}  # fmt: skip
KEPT = {
    "account.creditor",  # who is owed
    "payment_method.consent_text", "obligation.keep_card_consent",  # our sentence
    "obligation.refused_code", "obligation.hold_reason", "charge.processor_type", "charge.gateway_status",
    "refund.gateway_status",
    "charge.reason", "refund.reason", "gateway_fact.facts",  # the gateway's words on the answer, not on the person
    "dispute.case_number", "gateway_retry.became",
    "autopay_payment.services",  # ids
    "plan.reference", "subscription.reference", "service.reference",  # numbers of things that were sold
    "plan.instalments", "plan.wish", "plan.channels", "subscription.features", "subscription.periods",
    "subscription.program_name", "subscription.manager_name", "subscription.manager_email",
    "subscription.manager_phone", "subscription_change.facts", "selection.services", "service_document.services",
    "visit.amount_choice", "visit.quote_version", "signing.identity_method", "notice.result", "message.last_error",
    "dispute.opened_on", "dispute.reply_by_on", "obligation.due_on", "obligation.moved_from", "subscription.start_on",
    "subscription.end_on", "service_detail.performed_on",  # the books': when something was owed, sold or disputed
    "service_detail.modifiers", "service_detail.place_of_service", "sign_in.way",
}  # fmt: skip


def words_of(table: Any) -> list[str]:
    return [column.name for column in table.c if isinstance(column.type, Text | Plain | LargeBinary)]


def days_of(table: Any) -> list[str]:
    """Days too may tell of a person: one is born on one."""
    return [column.name for column in table.c if isinstance(column.type, Day)]


def test_attack_114_each_table_has_its_place_in_one_of_the_lists() -> None:
    lists = [WIPED.keys(), DROPPED, KEPT_WHOLE, OF_NO_CUSTOMER]
    assert sorted(name for each in lists for name in each) == sorted(TABLES)
    naming = {name for name, table in TABLES.items() if "customer_id" in table.c}
    assert naming & OF_NO_CUSTOMER == {"erasure"}


@pytest.mark.parametrize("name", sorted(TABLES.keys() - OF_NO_CUSTOMER - DROPPED))
def test_attack_114_a_column_that_can_hold_words_is_wiped_or_known_to_hold_none_of_a_person(name: str) -> None:
    unknown = {
        column
        for column in (*words_of(TABLES[name]), *days_of(TABLES[name]))
        if column not in WIPED.get(name, {})
        and column not in KEPT_NAMES
        and not column.endswith(KEPT_ENDINGS)
        and f"{name}.{column}" not in KEPT
    }
    assert unknown == set()


def everything(tenant: Tenant) -> dict[str, list[str]]:
    """Table -> all of its values that are not the other organisation's, as text."""
    found: dict[str, list[str]] = {}
    with above(tenant.database).connect() as connection:
        for name, table in TABLES.items():
            rows = connection.execute(select(table)).all()
            found[name] = [
                value.decode("latin-1") if isinstance(value, bytes) else str(value) for row in rows for value in row
            ]
    return found


def planted_in(tenant: Tenant) -> set[str]:
    return {name for name, values in everything(tenant).items() if any(CANARY in value for value in values)}


def canary(column: Any, where: str) -> Any:
    if isinstance(column.type, LargeBinary):
        return f"{CANARY} {where}".encode()
    return {"is": f"{CANARY} {where}"} if isinstance(column.type, Plain) else f"{CANARY} {where}"


FIXED = {"status", "state", "last4", "locale", "typed_name", "ended_by"}  # held to a list or length, or never theirs


def plant(tenant: Tenant, erasure_id: str) -> set[str]:
    """A word of the customer's in every column that is to be wiped; names of the tables it stands in."""
    own = tenant.organisation_id
    with above(tenant.database).connect() as connection:
        is_wiping = Row.metadata.tables["erasure"]
        mark = update(is_wiping).where(is_wiping.c.id == erasure_id)
        connection.execute(mark.values(is_wiping=True))
        for name, values in WIPED.items():
            table = TABLES[name]
            words = {
                column.name: canary(column, f"{name}.{column.name}-{own[:4]}")
                for column in table.c
                if column.name in values and column.name in words_of(table) and column.name not in FIXED
            }
            mine = table.c.id == tenant.ids[name]
            if words:
                connection.execute(update(table).where(table.c.organisation_id == own, mine).values(**words))
        connection.execute(mark.values(is_wiping=False))
        connection.execute(text("UPDATE notice SET gateway_id = 'g1' WHERE organisation_id = :own"), {"own": own})
        connection.execute(
            text("UPDATE alarm SET subject_id = :account WHERE organisation_id = :own"),
            {"own": own, "account": tenant.ids["account"]},
        )
        connection.commit()
    return {name for name, values in WIPED.items() if set(values) & set(words_of(TABLES[name])) - FIXED}


def test_attack_114_a_text_from_their_number_goes_also_where_nobody_knew_whose_it_was(ours: Tenant) -> None:
    with ours.transaction() as session:
        for number, provider_id in (("+13125550123", "SM8"), ("+13125550999", "SM9")):
            session.add(
                InboundText(provider_id=provider_id, sender=number, words=CANARY, meaning="other", heard_at=NOW)
            )
            session.add(Alarm(kind="text_to_read", subject_id=number, facts={}, raised_at=NOW))
        session.get_one(Customer, (ours.organisation_id, ours.ids["customer"])).phone = "(312) 555-0123"
    erasure_id = erasure_of(ours)
    with ours.transaction() as session:
        row = session.get_one(Erasure, (ours.organisation_id, erasure_id))
        row.is_wiping = True
        session.flush()
        wipe(session, ours.ids["customer"], GONE, [])
        row.is_wiping = False
    with ours.read() as session:
        texts = {row.provider_id: (row.sender, row.words) for row in session.scalars(select(InboundText))}
        raised = {row.subject_id for row in session.scalars(select(Alarm).where(Alarm.kind == "text_to_read"))}
    assert texts == {"SM1": ("", ""), "SM8": ("", ""), "SM9": ("+13125550999", CANARY)}
    assert "+13125550999" in raised
    assert "+13125550123" not in raised


def erasure_of(tenant: Tenant) -> str:
    with tenant.transaction() as session:
        row = Erasure(
            id=new_id(), customer_id=tenant.ids["customer"], pseudonym="X-TEST", why="asked", asked_by="test",
            erased_at=NOW, keep_until=NOW, next_try_at=NOW,
        )  # fmt: skip
        session.add(row)
        here = SignIn(
            id=new_id(), customer_id=tenant.ids["customer"], secret_sha256="9" * 64, way="username", epoch=0,
            opened_at=NOW, seen_at=NOW, proved_at=NOW, ip="", user_agent="",
        )  # fmt: skip
        session.add(here)
        tenant.ids["sign_in"] = here.id  # the one there was is of the staff
        return row.id


def test_attack_114_no_column_of_any_table_holds_a_word_of_an_erased_customer(ours: Tenant) -> None:
    erasure_id = erasure_of(ours)
    assert plant(ours, erasure_id) == planted_in(ours)
    kept = {row.__tablename__ for row in kept_for_the_law(GONE)}
    with ours.transaction() as session:
        row = session.get_one(Erasure, (ours.organisation_id, erasure_id))
        row.is_wiping = True
        session.flush()
        wipe(session, ours.ids["customer"], GONE, ["g1"])
        row.is_wiping = False
    assert planted_in(ours) == kept
    with ours.transaction() as session:
        row = session.get_one(Erasure, (ours.organisation_id, erasure_id))
        row.is_wiping = True
        session.flush()
        wipe_kept(session, ours.ids["customer"], GONE)
        row.is_wiping = False
    assert planted_in(ours) == set()
    left = everything(ours)
    assert left["diagnosis"] == []
    assert "Ada" not in left["customer"]
    assert "+13125550123" not in left["inbound_text"]


FOR_GOOD = ("agreement", "receipt", "contact_wish", "inbound_text", "record_consent", "plan_signature",
            "service_document", "message_fact", "plan_paper", "service_detail")  # fmt: skip


def test_attack_114_only_what_is_personal_of_only_this_customer_may_be_emptied(ours: Tenant) -> None:
    """M6: the exception is for the columns named, for the customer under erasure, and never takes a row away."""
    erasure_id = erasure_of(ours)
    erasures = TABLES["erasure"]
    of_another = update(erasures).where(erasures.c.id == ours.ids["erasure"]).values(is_wiping=True)
    of_theirs = update(erasures).where(erasures.c.id == erasure_id).values(is_wiping=True)

    def refused(statement: Any, mark: Any = None) -> None:
        with above(ours.database).connect() as connection:
            if mark is not None:
                connection.execute(mark)
            with pytest.raises(DBAPIError, match="append only"):
                connection.execute(statement)
            connection.rollback()

    for name in FOR_GOOD:
        table, column = TABLES[name], next(each for each in WIPED[name] if each in words_of(TABLES[name]))
        empty = update(table).where(table.c.id == ours.ids[name]).values({column: canary(table.c[column], "")})
        refused(empty)  # an erasure is known, and nobody wipes
        refused(empty, of_another)
        refused(table.delete().where(table.c.id == ours.ids[name]), of_theirs)
        refused(empty.values({"id": new_id()}), of_theirs)
        with above(ours.database).connect() as connection:
            connection.execute(of_theirs)
            assert connection.execute(empty).rowcount == 1
            connection.rollback()


def test_attack_114_each_way_to_a_customer_is_there(ours: Tenant) -> None:
    """A table that names no customer and has no way to one is wiped by nobody."""
    for row in {**at_once(GONE), **kept_for_the_law(GONE)}:
        assert row in WAYS or hasattr(row, "customer_id"), row
    assert issubclass(Customer, TenantRow)
