"""Services from a spreadsheet. Called by the command line.

Reading the same file again changes nothing: what is on record already, word for word, counts as unchanged.
"""

from collections.abc import Mapping

from portal.domain.refusal import Refused
from portal.domain.service import ServiceFacts, figures
from portal.domain.spreadsheet import SheetRow, read_rows
from portal.storage import Session, account, patient, provider
from portal.storage import service as services
from portal.storage.service import Service
from portal.usecases.ports import Ports
from portal.usecases.service import facts_of, record_service
from portal.usecases.spreadsheet import ImportReport, cents_in, day_in, import_rows, whole_in

NEEDED = ("service", "account", "patient", "date", "provider", "code", "fee")
OPTIONAL = ("modifiers", "units", "place", "diagnoses", "insurance", "adjustment", "description")

COLUMNS: Mapping[str, str] = {
    "reference_unreadable": "service", "service_exists": "service", "service_differs": "service",
    "account_unknown": "account", "account_not_open": "account", "patient_unknown": "patient",
    "service_in_future": "date", "provider_unknown": "provider", "service_code": "code",
    "service_modifiers": "modifiers", "service_units": "units", "service_place": "place",
    "service_diagnoses": "diagnoses", "diagnosis_code": "diagnoses", "service_description": "description",
    "service_fee": "fee", "service_below_zero": "fee", "balance_too_large": "fee",
}  # fmt: skip


def import_services(ports: Ports, organisation_id: str, content: bytes, *, by: str, dry_run: bool) -> ImportReport:
    """Records the services of a CSV file, all or none. Refused by `read_rows` when it is no such file."""
    rows = read_rows(content, NEEDED, OPTIONAL)
    return import_rows(
        ports, organisation_id, rows, lambda session, row: _one(session, row, ports, by), COLUMNS, dry_run=dry_run
    )


def _one(session: Session, row: SheetRow, ports: Ports, by: str) -> tuple[bool, int]:
    cells = row.cells
    owed_on = account.by_reference(session, cells["account"])
    treated = patient.by_reference(session, cells["patient"])
    treated_by = provider.by_reference(session, cells["provider"])
    if owed_on is None:
        raise Refused("account_unknown")
    if treated is None:
        raise Refused("patient_unknown")
    if treated_by is None:
        raise Refused("provider_unknown")
    facts = ServiceFacts(
        performed_on=day_in("date", cells["date"]),
        provider_id=treated_by.id,
        code=cells["code"].upper(),
        modifiers=tuple(cells.get("modifiers", "").upper().split()),
        units=whole_in("units", cells.get("units", ""), 1),
        place_of_service=cells.get("place", "") or "11",
        diagnoses=tuple(cells.get("diagnoses", "").upper().split()),
        description=cells.get("description", ""),
    )
    fee_cents = cents_in("fee", cells["fee"])
    insurance_cents = cents_in("insurance", cells.get("insurance", ""))
    adjustment_cents = cents_in("adjustment", cells.get("adjustment", ""))
    known = services.by_reference(session, cells["service"])
    if known is not None:
        _require_same(session, known, (owed_on.id, treated.id), facts, fee_cents)
        return False, fee_cents
    record_service(
        session, owed_on.id, treated.id, cells["service"], facts, fee_cents, now=ports.clock.now(), by=by,
        insurance_cents=insurance_cents, adjustment_cents=adjustment_cents,
    )  # fmt: skip
    return True, fee_cents


def _require_same(
    session: Session, known: Service, owners: tuple[str, str], facts: ServiceFacts, fee_cents: int
) -> None:
    """What insurances and customers paid since may differ; what was sold and for how much may not."""
    on_record = figures(services.changes_of(session, [known.id])[known.id]).fee_cents
    said = facts_of(services.latest_detail(session, known.id))
    if (known.account_id, known.patient_id) != owners or said != facts or on_record != fee_cents:
        raise Refused("service_differs")
