"""The papers of a signed plan as they are kept: taken out by staff, and checked against what was signed.

Called by the command line and the console; the crash rig asks `papers_match` too. Writes nothing but the audit trail.
"""

import hashlib
from dataclasses import dataclass

from portal.domain.plan_document import agreement_of, schedule_of
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import signing as signings
from portal.storage.signing import PlanSignature
from portal.usecases.organisation import record
from portal.usecases.ports import Ports
from portal.usecases.sign import AGREEMENT, SCHEDULE


@dataclass(frozen=True, slots=True)
class SignedPapers:
    """Both PDFs; `as_signed`: they still hash to what the signature says; `printed_again`: so does what its facts print
    today, which ends with the printing program of the day it was signed.
    """

    agreement: bytes
    schedule: bytes
    as_signed: bool
    printed_again: bool


def take_out(ports: Ports, organisation_id: str, plan_id: str, by: str) -> SignedPapers:
    """The kept papers, with a line in the trail (P10, C15). Refused `plan_not_signed`; DeliveryFailed when nothing can
    be printed for the comparison.
    """
    with ports.database.read(organisation_id) as session:
        signature = signings.signature_of(session, plan_id)
        agreement = signings.paper_of(session, plan_id, AGREEMENT)
        schedule = signings.paper_of(session, plan_id, SCHEDULE)
        visit = signings.by_id(session, signature.signing_id) if signature is not None else None
        if signature is None or agreement is None or schedule is None or visit is None:
            raise Refused("plan_not_signed")
        as_signed = papers_match(session, signature)
        facts, locale = signature.facts, visit.locale
        digests = (signature.agreement_pdf_sha256, signature.schedule_pdf_sha256)
    printed = (
        ports.paper.agreement(agreement_of(facts[AGREEMENT]), locale),
        ports.paper.schedule(schedule_of(facts[SCHEDULE]), locale),
    )
    with ports.database.transaction(organisation_id) as session:
        record(session, by, "plan_papers_opened", plan_id, ports.clock.now())
    return SignedPapers(agreement.content, schedule.content, as_signed, tuple(map(_digest, printed)) == digests)


def open_paper(ports: Ports, organisation_id: str, plan_id: str, kind: str, by: str) -> bytes:
    """One kept paper, `AGREEMENT` or `SCHEDULE`, of any edition that was signed, with a line in the trail.

    Refused `plan_not_signed`, and `plan_papers_differ` when it is not what was signed: that is nobody's agreement.
    """
    with ports.database.transaction(organisation_id) as session:
        signature, paper = signings.signature_of(session, plan_id), signings.paper_of(session, plan_id, kind)
        if signature is None or paper is None:
            raise Refused("plan_not_signed")
        if not papers_match(session, signature):
            raise Refused("plan_papers_differ")
        record(session, by, "plan_papers_opened", plan_id, ports.clock.now(), paper=kind)
        return paper.content


def papers_match(session: Session, signature: PlanSignature) -> bool:
    """Whether the kept papers still hash to what the signature says (P10, C15)."""
    for kind, digest in ((AGREEMENT, signature.agreement_pdf_sha256), (SCHEDULE, signature.schedule_pdf_sha256)):
        paper = signings.paper_of(session, signature.plan_id, kind)
        if paper is None or not paper.content_sha256 == _digest(paper.content) == digest:
            return False
    return True


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
