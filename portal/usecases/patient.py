"""Patients and their diagnoses: for whom services are, as the practice has them on file.

Called by the command line and imports. One customer may pay for several patients: a guardian signs in once.
"""

from datetime import date, datetime

from portal.domain.refusal import Refused
from portal.domain.service import require_diagnosis, require_reference
from portal.storage import Session, customer, patient
from portal.storage.patient import Diagnosis, Patient
from portal.usecases.organisation import record

CHANGEABLE = frozenset(
    {"given_name", "family_name", "born_on", "address_line1", "address_line2", "city", "state", "postal_code"}
)
TEXT_LENGTH_MAX = 120


def add_patient(
    session: Session,
    customer_id: str,
    reference: str,
    *,
    now: datetime,
    by: str,
    **facts: str | date | None,
) -> Patient:
    """Somebody this customer pays for; `facts` by the names of the row, given and family name among them.

    Refused `customer_unknown`, `patient_exists`, `patient_name_missing`, `patient_text`, `patient_born_on`.
    """
    if customer.by_id(session, customer_id) is None:
        raise Refused("customer_unknown")
    if patient.by_reference(session, require_reference(reference)) is not None:
        raise Refused("patient_exists", reference=reference)
    checked = _checked({"given_name": "", "family_name": "", **facts}, now)
    row = Patient(customer_id=customer_id, reference=reference, created_at=now, **checked)
    session.add(row)
    session.flush()
    record(session, by, "patient_added", row.id, now)
    return row


def change_patient(session: Session, reference: str, *, now: datetime, by: str, **facts: str | date | None) -> Patient:
    """Other facts of a patient from now on; papers already issued keep theirs. Refused `patient_unknown`."""
    row = patient.by_reference(session, reference)
    if row is None:
        raise Refused("patient_unknown", reference=reference)
    for name, value in _checked(facts, now).items():
        setattr(row, name, value)
    row.version += 1
    record(session, by, "patient_changed", row.id, now, changed=sorted(facts))
    return row


def note_diagnosis(session: Session, patient_id: str, code: str, *, now: datetime, by: str) -> Diagnosis:
    """A diagnosis on file; the same one when it is there already. Refused `diagnosis_code`."""
    require_diagnosis(code)
    for known in patient.diagnoses_of(session, patient_id):
        if known.code == code:
            return known
    row = Diagnosis(patient_id=patient_id, code=code, noted_at=now, noted_by=by)
    session.add(row)
    session.flush()
    return row


def _checked(facts: dict[str, str | date | None], now: datetime) -> dict[str, str | date | None]:
    unknown = facts.keys() - CHANGEABLE
    if unknown:
        raise AssertionError(f"a patient has no {sorted(unknown)}")
    for name, value in facts.items():
        if isinstance(value, str) and (len(value) > TEXT_LENGTH_MAX or not value.isprintable()):
            raise Refused("patient_text", field=name, most=TEXT_LENGTH_MAX)
        if name == "given_name" and not str(value or "").strip():
            raise Refused("patient_name_missing")
        if name == "born_on" and isinstance(value, date) and not date(1900, 1, 1) <= value <= now.date():
            raise Refused("patient_born_on")
    return facts
