"""Patients from a spreadsheet, each under the customer who pays for them. Called by the command line.

Reading the same file again changes nothing; a patient on record with other facts is an error to be settled by hand.
"""

from collections.abc import Mapping

from portal.domain.refusal import Refused
from portal.domain.spreadsheet import SheetRow, read_rows
from portal.storage import Session, customer, patient
from portal.usecases.patient import add_patient
from portal.usecases.ports import Ports
from portal.usecases.spreadsheet import ImportReport, day_in, import_rows

NEEDED = ("patient", "customer", "given_name", "family_name")
ADDRESS = ("address_line1", "address_line2", "city", "state", "postal_code")
OPTIONAL = ("born_on", *ADDRESS)

COLUMNS: Mapping[str, str] = {
    "reference_unreadable": "patient", "patient_differs": "patient", "customer_unknown": "customer",
    "patient_name_missing": "given_name", "patient_born_on": "born_on",
}  # fmt: skip


def import_patients(ports: Ports, organisation_id: str, content: bytes, *, by: str, dry_run: bool) -> ImportReport:
    """Records the patients of a CSV file, all or none. Refused by `read_rows` when it is no such file."""
    rows = read_rows(content, NEEDED, OPTIONAL)
    return import_rows(
        ports, organisation_id, rows, lambda session, row: _one(session, row, ports, by), COLUMNS, dry_run=dry_run
    )


def _one(session: Session, row: SheetRow, ports: Ports, by: str) -> tuple[bool, int]:
    cells = row.cells
    payer = customer.by_reference(session, cells["customer"])
    if payer is None:
        raise Refused("customer_unknown")
    born = cells.get("born_on", "")
    facts = {
        "given_name": cells["given_name"],
        "family_name": cells["family_name"],
        "born_on": day_in("born_on", born) if born else None,
        **{name: cells.get(name, "") or None for name in ADDRESS},
    }
    known = patient.by_reference(session, cells["patient"])
    if known is not None:
        if known.customer_id != payer.id or {name: getattr(known, name) for name in facts} != facts:
            raise Refused("patient_differs")
        return False, 0
    add_patient(session, payer.id, cells["patient"], now=ports.clock.now(), by=by, **facts)
    return True, 0
