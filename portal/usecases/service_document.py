"""Invoices and superbills: made from what is on record, numbered without gaps, frozen when issued.

Called by the pages behind the sign-in and by staff's commands. The same services with nothing new on record are the
same document; anything new makes another one that names the old. A superbill that lacks something is held back: the
practice is told what (C53), the customer only that it will come. Nothing of it is mailed but a link behind the sign-in
(C50).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.domain.due_date import local_date
from portal.domain.refusal import Refused
from portal.domain.service import EntryKind
from portal.domain.service_document import (
    Content,
    DocumentKind,
    LineOnPaper,
    Missing,
    PaymentOnPaper,
    PersonOnPaper,
    Practice,
    ProviderOnPaper,
    ServiceDocumentFacts,
    address_lines,
    digest,
    document_number,
    facts_from,
    missing_from,
    plain_content,
)
from portal.storage import Session, audit, message, organisation, service_document
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import limit as limits
from portal.storage import service as services
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.organisation import Organisation
from portal.storage.patient import Patient
from portal.storage.provider import Provider
from portal.storage.rows import new_id
from portal.storage.service import ServiceEntry
from portal.storage.service_document import ServiceDocument
from portal.usecases import check_code
from portal.usecases.alarm import clear_alarm, raise_alarm
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import record, settings_of
from portal.usecases.payment_link import home
from portal.usecases.ports import Ports
from portal.usecases.promise import promise
from portal.usecases.service import ServiceLine, own_services, with_figures

SERVICES_MAX = 200  # of one document
HOUR = timedelta(hours=1)
PER_HOUR = 120
ALARM = "superbill_incomplete"
INSURERS_LANGUAGE = "en"  # a superbill is read by an insurer; an invoice by whoever asked for it


@dataclass(frozen=True, slots=True)
class Issued:
    """What came of asking: documents, old ones among them, and what keeps superbills back."""

    documents: tuple[ServiceDocument, ...]
    held: tuple[Missing, ...]


def issue(
    ports: Ports,
    organisation_id: str,
    customer_id: str,
    kind: DocumentKind,
    service_ids: Collection[str],
    locale: str,
    *,
    by: str,
) -> Issued:
    """The document about these services, which stand on one account of this customer; a superbill for each patient and
    provider among them. Commits.

    Refused: `services_missing`, `services_too_many`, `service_unknown`, `services_of_two_accounts`,
    `too_many_documents`.
    """
    now = ports.clock.now()

    def work(session: Session) -> Issued:
        owed_on, _ = own_services(session, customer_id, service_ids, SERVICES_MAX)
        if by == "customer" and limits.count_up(session, "document", customer_id, HOUR, now) > PER_HOUR:
            raise Refused("too_many_documents")
        owed_on = accounts.lock(session, owed_on.id)  # no money moves while its figures are written down
        documents: list[ServiceDocument] = []
        held: list[Missing] = []
        for content in contents(session, owed_on, kind, service_ids):
            missing = missing_from(content)
            _tell(session, content, missing, now)
            if missing:
                held += missing
                continue
            language = INSURERS_LANGUAGE if kind is DocumentKind.superbill else locale
            documents.append(_issued(session, ports.portal_url, owed_on, content, language, now, by))
        failpoint("document.before_commit")
        return Issued(tuple(documents), tuple(dict.fromkeys(held)))

    return ports.database.run(organisation_id, work)


def contents(session: Session, owed_on: Account, kind: DocumentKind, service_ids: Collection[str]) -> list[Content]:
    """What documents about these services of one account say now."""
    paid_to = organisation.by_id(session, owed_on.organisation_id)
    payer = customers.by_id(session, owed_on.customer_id)
    if payer is None:
        raise AssertionError(f"account {owed_on.id} has no customer")
    found = with_figures(session, owed_on, services.lines_of(session, service_ids))
    groups: dict[tuple[str, str], list[ServiceLine]] = {}
    for line in found:
        key = (line.patient.id, line.provider.id) if kind is DocumentKind.superbill else ("", "")
        groups.setdefault(key, []).append(line)
    practice = practice_of(session, paid_to)
    made = []
    for group in groups.values():
        is_superbill = kind is DocumentKind.superbill
        made.append(
            Content(
                kind=kind,
                practice=practice,
                payer=payer_on_paper(payer),
                account=owed_on.reference,
                patient=_patient(group[0].patient, payer) if is_superbill else None,
                provider=_provider(group[0].provider) if is_superbill else None,
                lines=tuple(_line(line, kind) for line in group),
                payments=_payments(session, [line.row.id for line in group], paid_to.timezone),
            )
        )
    return made


def facts_of(row: ServiceDocument) -> ServiceDocumentFacts:
    """What a document says, as it was issued. AssertionError: somebody changed the row behind our back."""
    if digest(row.facts) != row.facts_sha256:
        raise AssertionError(f"document {row.id} is not what was issued")
    return facts_from(row.facts)


def promise_link(session: Session, row: ServiceDocument, payer: Customer, now: datetime, *, is_answer: bool) -> str:
    """Promises an email that a document is there, with a link behind the sign-in and nothing about it (C50).

    Once a day. Refused `email_missing`.
    """
    if not payer.email:
        raise Refused("email_missing")
    key = f"document_ready:{row.id}:{now:%Y-%m-%d}"
    return promise(session, "document_ready", "email", payer, payer.email, row.id, key, now, is_answer=is_answer)


def _issued(
    session: Session, portal_url: str, owed_on: Account, content: Content, locale: str, now: datetime, by: str
) -> ServiceDocument:
    ids = sorted(line.service_id for line in content.lines)
    about = digest({"kind": content.kind, "services": ids})
    said = digest({"content": plain_content(content), "locale": locale})
    latest = service_document.latest_about(session, about)
    if latest is not None and latest.content_sha256 == said:
        return latest
    latest = latest or _misnamed(session, owed_on, content)
    document_id = new_id()
    seq = service_document.count_up(session, content.kind)
    code = check_code.give(session, check_code.Kind(content.kind), document_id, now)
    paid_to = organisation.by_id(session, owed_on.organisation_id)
    facts = ServiceDocumentFacts(
        content=content,
        number=document_number(content.kind, seq),
        replaces=latest.number if latest is not None else "",
        issued_at=now,
        check_code=code,
        check_url=check_code.address(home(portal_url, paid_to), code),
    )
    plain = facts.plain()
    row = ServiceDocument(
        id=document_id,
        kind=content.kind.value,
        seq=seq,
        number=facts.number,
        customer_id=owed_on.customer_id,
        account_id=owed_on.id,
        services=ids,
        services_sha256=about,
        replaces_id=latest.id if latest is not None else None,
        locale=locale,
        facts=plain,
        facts_sha256=digest(plain),
        content_sha256=said,
        issued_at=now,
        issued_by=by,
    )
    session.add(row)
    session.flush()
    record(session, by, "document_issued", row.id, now, number=row.number, replaces=facts.replaces or None)
    return row


def _misnamed(session: Session, owed_on: Account, content: Content) -> ServiceDocument | None:
    """The newest superbill that names another patient or provider for one of these services than is true by now.

    A correction takes a service to another superbill; the one that says otherwise must not pass for the last word.
    """
    if content.patient is None or content.provider is None:
        return None
    ids = [line.service_id for line in content.lines]
    for row in service_document.standing_about(session, owed_on.id, content.kind, ids):
        said = facts_of(row).content
        if said.patient is None or said.provider is None:
            raise AssertionError(f"superbill {row.id} is for nobody")
        if (said.patient.id, said.provider.id) != (content.patient.id, content.provider.id):
            return row
    return None


def _tell(session: Session, content: Content, missing: Sequence[Missing], now: datetime) -> None:
    """One alarm for each thing that somebody has to mend, with everything it lacks; none for what is whole (C53)."""
    if content.kind is not DocumentKind.superbill or content.patient is None or content.provider is None:
        return
    lacks: dict[str, list[Missing]] = {}
    for each in missing:
        lacks.setdefault(each.subject_id, []).append(each)
    people = (content.practice.id, content.provider.id, content.patient.id)
    for subject_id in (*people, *(line.service_id for line in content.lines)):
        known = audit.alarm_of(session, ALARM, subject_id)
        found = lacks.get(subject_id, [])
        facts = {"about": found[0].about, "missing": ",".join(each.code for each in found)} if found else {}
        if known is not None and known.cleared_at is None and known.facts != facts:
            clear_alarm(session, known.id, now)
        if found:
            raise_alarm(session, ALARM, subject_id, now, **facts)


def practice_of(session: Session, paid_to: Organisation) -> Practice:
    """The practice as papers name it."""
    rules = settings_of(session, paid_to)
    ein = rules.words("practice_ein").replace("-", "")
    return Practice(
        id=paid_to.id,
        name=paid_to.name,
        address=rules.words("practice_address") or paid_to.postal_address,
        phone=paid_to.support_phone,
        email=paid_to.support_email,
        ein=f"{ein[:2]}-{ein[2:]}" if ein else "",
        npi=rules.words("practice_npi"),
        color=paid_to.brand_colour,
        time_zone=paid_to.timezone,
    )


def payer_on_paper(row: Customer) -> PersonOnPaper:
    """Who pays, with their address where it is whole."""
    address = address_lines(row.address_line1, row.address_line2, row.city, row.state, row.postal_code)
    return PersonOnPaper(row.id, row.reference, row.full_name, address)


def _patient(row: Patient, payer: Customer) -> PersonOnPaper:
    """An empty address is the customer's, as a whole."""
    lives = row if row.address_line1 else payer
    address = address_lines(lives.address_line1, lives.address_line2, lives.city, lives.state, lives.postal_code)
    return PersonOnPaper(row.id, row.reference, row.full_name, address, row.born_on)


def _provider(row: Provider) -> ProviderOnPaper:
    is_licensed = bool(row.licence_number and row.licence_state)
    return ProviderOnPaper(
        id=row.id,
        reference=row.reference,
        name=row.name,
        credentials=row.credentials,
        licence=f"{row.licence_number} ({row.licence_state})" if is_licensed else "",
        npi=row.npi,
        signature_line=row.signature_line,
    )


def _line(line: ServiceLine, kind: DocumentKind) -> LineOnPaper:
    """A service on paper; an invoice says no diagnosis: who pays need not know it (45 CFR 164.502(b))."""
    detail = line.detail
    credentials = f", {line.provider.credentials}" if line.provider.credentials else ""
    return LineOnPaper(
        service_id=line.row.id,
        reference=line.row.reference,
        performed_on=detail.performed_on,
        provider=f"{line.provider.name}{credentials}",
        patient=line.patient.full_name,
        place=detail.place_of_service,
        code=detail.code,
        modifiers=tuple(detail.modifiers),
        units=detail.units,
        diagnoses=tuple(detail.diagnoses) if kind is DocumentKind.superbill else (),
        description=detail.description,
        figures=line.figures,
    )


def _payments(session: Session, service_ids: Sequence[str], zone: str) -> tuple[PaymentOnPaper, ...]:
    """What was paid for these services and given back of it, a row for each move of money, oldest first."""
    entries = services.entries_of_services(session, service_ids, (EntryKind.payment, EntryKind.returned))
    receipts = message.receipts_of_charges(session, {each.charge_id for each in entries if each.charge_id})
    sums: dict[str, int] = {}
    first: dict[str, ServiceEntry] = {}
    for entry in entries:
        sums[entry.event_key] = sums.get(entry.event_key, 0) - entry.change_cents
        first.setdefault(entry.event_key, entry)
    found = []
    for event_key, cents in sums.items():
        entry = first[event_key]
        facts = receipts[entry.charge_id].facts if entry.charge_id in receipts else {}
        found.append(
            PaymentOnPaper(
                on=local_date(entry.posted_at, zone),
                amount_cents=cents,
                card_brand=facts.get("card_brand") or "",
                card_last4=facts.get("card_last4") or "",
                receipt_number=facts.get("receipt_number") or "",
            )
        )
    return tuple(sorted(found, key=lambda each: (each.on, each.receipt_number, -each.amount_cents)))
