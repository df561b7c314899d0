"""A practice in a house: a provider, patients, services on an account, and payments for chosen services.

Acts through use cases; judges nothing.
"""

import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from portal.domain.provider import ProviderFacts
from portal.domain.service import Figures, ServiceFacts, Share
from portal.storage import account, charge, provider
from portal.storage import service as services
from portal.usecases.charge import ChargeResult, charge_obligation
from portal.usecases.patient import add_patient
from portal.usecases.provider import add_provider
from portal.usecases.service import lines, record_service
from portal.usecases.share import for_obligation
from tests.rig.house import House

SOON = timedelta(seconds=2)
NPI = "1234567893"  # the example of the standard itself (45 CFR 162.406)
REED = ProviderFacts("Miriam Reed", "PhD, LMFT", "LMFT-48213", "CA", NPI, "Miriam Reed, PhD, LMFT")


def provider_of(house: House, reference: str = "REED", facts: ProviderFacts = REED) -> str:
    with house.ports.database.transaction(house.organisation_id) as session:
        known = provider.by_reference(session, reference)
        return known.id if known else add_provider(session, reference, facts, now=house.ports.clock.now(), by="test").id


def patient_of(house: House, given_name: str = "Ada", **facts: Any) -> str:
    wanted = {"family_name": "Moss", "born_on": date(1990, 4, 17)} | facts
    with house.ports.database.transaction(house.organisation_id) as session:
        row = add_patient(
            session, house.customer_id, f"P-{uuid.uuid4().hex[:8]}", given_name=given_name, now=house.ports.clock.now(),
            by="test", **wanted,
        )  # fmt: skip
        return row.id


def service_of(house: House, account_id: str, fee_cents: int, patient_id: str | None = None, **facts: Any) -> str:
    """The id of a service recorded now; `on` days ago, other facts by their names."""
    said = {
        "performed_on": house.ports.clock.now().date() - timedelta(days=facts.pop("days_ago", 0)),
        "provider_id": provider_of(house),
        "code": "90837",
        "diagnoses": ("F41.1",),
    }
    money = {name: facts.pop(name) for name in ("insurance_cents", "adjustment_cents") if name in facts}
    treated = patient_id or patient_of(house)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = record_service(
            session, account_id, treated, f"S-{uuid.uuid4().hex[:8]}", ServiceFacts(**(said | facts)), fee_cents,
            now=house.ports.clock.now(), by="test", **money,
        )  # fmt: skip
        return row.id


def due_for(house: House, account_id: str, shares: Mapping[str, int], **values: Any) -> str:
    """An obligation due now for these services."""
    if not values:
        values = {"payment_method_id": house.card_on_file()}
    due = house.obligation(account_id, sum(shares.values()), **values)
    with house.ports.database.transaction(house.organisation_id) as session:
        for_obligation(session, due, [Share(*each) for each in shares.items()], house.ports.clock.now())
    return due


def pay(house: House, account_id: str, shares: Mapping[str, int]) -> tuple[str, ChargeResult]:
    """(obligation id, how it ended) of a payment for these services."""
    due = due_for(house, account_id, shares)
    return due, charge_obligation(house.ports, house.organisation_id, due, SOON)


def charge_of(house: House, obligation_id: str) -> charge.Charge:
    with house.ports.database.read(house.organisation_id) as session:
        return charge.of_obligation(session, obligation_id)[-1]


def balances(house: House, account_id: str) -> dict[str, int]:
    """Service id -> what is owed of it."""
    with house.ports.database.read(house.organisation_id) as session:
        return {row.id: row.balance_cents for row, *_ in services.lines_of_account(session, account_id)}


def figures_of(house: House, account_id: str) -> dict[str, Figures]:
    with house.ports.database.read(house.organisation_id) as session:
        owed_on = account.by_id(session, account_id)
        assert owed_on is not None
        return {line.row.id: line.figures for line in lines(session, owed_on)}
