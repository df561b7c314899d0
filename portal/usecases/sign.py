"""THE SIGNATURE: evidence, papers, schedule and payments of a plan in one commit, or none of them.

Called by the sign page, any number of times and by several at once: one signs, who comes second is shown what was
signed. A typed card is kept at the gateway before, the first payment is charged after; both are safe to repeat. What is
signed is what was read last: digests are compared, never amounts from a form.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from portal.domain.agreement import Text
from portal.domain.check_code import new_code
from portal.domain.message import DeliveryFailed
from portal.domain.plan import PlanState
from portal.domain.plan_document import AgreementFacts, ScheduleFacts, SignatureFacts
from portal.domain.record_disclosure import withdrawal
from portal.domain.refusal import Refused
from portal.domain.schedule_agreement import keep_words
from portal.domain.signing import SignWay, typed_name
from portal.storage import Session
from portal.storage import obligation as obligations
from portal.storage import payment_method as methods
from portal.storage import signing as signings
from portal.storage.payment_method import PaymentMethod
from portal.storage.schedule import Schedule
from portal.storage.signing import PlanPaper, PlanSignature, RecordConsent
from portal.usecases.agreement import seal_text
from portal.usecases.alarm import raise_alarm
from portal.usecases.failpoint import failpoint
from portal.usecases.organisation import record
from portal.usecases.paper_copy import is_on_paper
from portal.usecases.plan import move
from portal.usecases.plan_life import supersede
from portal.usecases.plan_paper import agreement_facts, of_walk, schedule_facts, with_code
from portal.usecases.plan_promise import tell
from portal.usecases.ports import Ports
from portal.usecases.schedule import KeptCard, add_method, keep
from portal.usecases.schedule_payment import add_payments
from portal.usecases.signing import (
    SignWalk,
    agreement_shown,
    disclosure_shown,
    disclosure_terms,
    look,
    require_open,
)
from portal.usecases.visit import USER_AGENT_LENGTH_MAX

KIND = "plan"
AGREEMENT, SCHEDULE = "agreement", "schedule"


@dataclass(frozen=True, slots=True)
class Given:
    """What the sign page posts: the way, what it needs, and the name of the text that was shown. Nothing else counts:
    time, address and browser are the server's own (attack 105).
    """

    way: str
    typed: str
    drawing: str
    shown_digest: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A plan that was signed. `due_now_id` is the payment to charge at once, while the customer is present."""

    plan_id: str
    due_now_id: str | None


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the server knows of this press, and the code by which its papers will be checked."""

    way: str
    name: str
    image: bytes | None
    ip: str
    user_agent: str
    at: datetime
    code: str
    portal_url: str


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Everything that goes on paper, worked out from one look at the rows. Two are equal when nothing changed."""

    code: str
    text: Text
    disclosed: Text
    agreement: AgreementFacts
    schedule: ScheduleFacts


def sign(
    ports: Ports, organisation_id: str, signing_id: str, secret: str, given: Given, *, ip: str, user_agent: str
) -> Signed:
    """Signs, once. Refused: `visit_over`, `plan_not_open`, `plan_disputed`, `plan_outdated`, `agreement_changed`,
    `sign_way_missing`, `sign_name_...`, `drawing_...`, `consent_missing`, `card_...`, `method_missing`,
    `gateway_unreachable`.
    """
    now = ports.clock.now()
    with ports.database.read(organisation_id) as session:
        walk = look(session, signing_id, secret, now)
        if walk is None:
            raise Refused("visit_over")
        if walk.progress.signed:
            return _again(session, walk)
        name, image = _given(ports, walk, given)
        evidence = _Evidence(
            given.way, name, image, ip, user_agent[:USER_AGENT_LENGTH_MAX], now, new_code(), ports.portal_url
        )
        prepared = _prepared(walk, given.shown_digest, evidence)
        nonce, account_id = walk.visit.card_nonce, walk.account.id
    papers = _printed(ports, prepared)
    failpoint("plan.sign.after_print")
    kept = keep(ports, organisation_id, account_id, nonce) if nonce else None
    failpoint("plan.sign.after_keep")

    def work(session: Session) -> tuple[Signed, list[str]]:
        walk = look(session, signing_id, secret, now, locked=True)
        if walk is None:
            raise Refused("visit_over")
        if walk.progress.signed:
            return _again(session, walk), []
        if _prepared(walk, given.shown_digest, evidence) != prepared:
            raise Refused("agreement_changed")  # something changed since the paper was printed
        done = _sign(session, walk, prepared, papers, kept, given, now)
        session.flush()
        failpoint("plan.sign.before_commit")
        return done

    signed, promised = ports.database.run(organisation_id, work)
    failpoint("plan.sign.after_commit")
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)
    return signed


def withdraw(ports: Ports, organisation_id: str, signing_id: str, secret: str, *, ip: str, user_agent: str) -> None:
    """Takes the consent to electronic records back, once: staff are told to send paper. What was signed stays (C14)."""

    def work(session: Session) -> None:
        now = ports.clock.now()
        walk = look(session, signing_id, secret, now, locked=True)
        if walk is None or not walk.progress.signed:
            raise Refused("visit_over")
        if is_on_paper(session, walk.customer.id):
            return
        text = withdrawal(disclosure_terms(walk), walk.visit.locale)
        session.add(_consent(walk, "withdrawn", text, now, ip, user_agent[:USER_AGENT_LENGTH_MAX]))
        session.flush()
        record(session, "customer", "records_on_paper", walk.customer.id, now, plan_id=walk.plan.id)
        raise_alarm(session, "records_on_paper", walk.customer.id, now, reference=walk.plan.reference)

    ports.database.run(organisation_id, work)


def _given(ports: Ports, walk: SignWalk, given: Given) -> tuple[str, bytes | None]:
    """The name that signs, and the drawing on a sheet of ours."""
    require_open(walk)
    if walk.visit.consented_at is None or walk.visit.document_opened_at is None:
        raise Refused("consent_missing")
    match given.way:
        case SignWay.typed:
            return typed_name(given.typed), None
        case SignWay.drawn:
            return walk.customer.full_name, ports.drawings.redrawn(given.drawing)
        case SignWay.pressed:
            return walk.customer.full_name, None
    raise Refused("sign_way_missing")


def _prepared(walk: SignWalk, shown_digest: str, seen: _Evidence) -> _Prepared:
    require_open(walk)
    text, disclosed, visit = agreement_shown(walk), disclosure_shown(walk), walk.visit
    if not text.digest == shown_digest == visit.terms_sha256 == visit.opened_sha256:
        raise Refused("agreement_changed")
    if visit.consented_sha256 != disclosed.digest or visit.consented_at is None or visit.document_opened_at is None:
        raise Refused("agreement_changed")
    signature = SignatureFacts(
        way=seen.way,
        name=seen.name,
        image=seen.image,
        signed_at=seen.at,
        ip=seen.ip,
        user_agent=seen.user_agent,
        identity=visit.identity_method or "none",
        identity_at=visit.identity_proven_at,
        document_opened_at=visit.document_opened_at,
        consented_at=visit.consented_at,
        consent_version=disclosed.version,
        consent_sha256=disclosed.digest,
    )
    head = with_code(of_walk(walk), seen.code, seen.portal_url, walk.organisation)
    return _Prepared(
        seen.code,
        text,
        disclosed,
        agreement_facts(walk, text, disclosed, seen.at, signature, head),
        schedule_facts(walk, head, seen.at),
    )


def _printed(ports: Ports, prepared: _Prepared) -> dict[str, bytes]:
    """Both papers; with no transaction open, for a page takes a while."""
    locale = prepared.text.locale
    try:
        return {
            AGREEMENT: ports.paper.agreement(prepared.agreement, locale),
            SCHEDULE: ports.paper.schedule(prepared.schedule, locale),
        }
    except DeliveryFailed as failed:
        raise Refused("plan_unprintable", reason=failed.reason) from failed


def _sign(
    session: Session,
    walk: SignWalk,
    prepared: _Prepared,
    papers: dict[str, bytes],
    kept: KeptCard | None,
    given: Given,
    now: datetime,
) -> tuple[Signed, list[str]]:
    plan, visit, signature = walk.plan, walk.visit, prepared.agreement.signature
    if signature is None:
        raise AssertionError("a signature was prepared")
    method = _method(session, walk, kept, now)
    if walk.replaces is not None:
        supersede(session, walk.replaces, "customer", now)
    consented = _consent(walk, "given", prepared.disclosed, signature.consented_at, signature.ip, signature.user_agent)
    session.add(consented)
    sealed = seal_text(
        session, walk.customer.id, walk.account.id, visit.id, KIND, prepared.text,
        ip=signature.ip, user_agent=signature.user_agent, now=now, code=prepared.code,
    )  # fmt: skip
    schedule = Schedule(
        customer_id=walk.customer.id,
        account_id=walk.account.id,
        agreement_id=sealed.id,
        payment_method_id=method.id,
        visit_id=None,
        series="installment",
        rhythm=plan.wish["rhythm"],
        locale=visit.locale,
        made_at=now,
        made_by="customer",
    )
    session.add(schedule)
    session.flush()
    rows = add_payments(session, schedule, method, walk.account, walk.payments, walk.organisation, now)
    plan.balance_cents = prepared.schedule.balance_cents
    plan.schedule_id, plan.signed_at = schedule.id, now
    move(plan, PlanState.signed)
    session.add(
        PlanSignature(
            plan_id=plan.id,
            signing_id=visit.id,
            agreement_id=sealed.id,
            consent_id=consented.id,
            customer_id=walk.customer.id,
            way=signature.way,
            typed_name=signature.name if given.way == SignWay.typed else None,
            image=signature.image,
            facts={AGREEMENT: prepared.agreement.plain(), SCHEDULE: prepared.schedule.plain()},
            agreement_pdf_sha256=hashlib.sha256(papers[AGREEMENT]).hexdigest(),
            schedule_pdf_sha256=hashlib.sha256(papers[SCHEDULE]).hexdigest(),
            signed_at=now,
            ip=signature.ip,
            user_agent=signature.user_agent,
        )
    )
    for kind, content in papers.items():
        digest = hashlib.sha256(content).hexdigest()
        session.add(PlanPaper(plan_id=plan.id, kind=kind, content=content, content_sha256=digest, kept_at=now))
    visit.card_nonce = None
    visit.version += 1
    walk.customer.locale = visit.locale  # what follows comes in the language that was signed
    record(session, "customer", "plan_signed", plan.id, now, way=signature.way, schedule_id=schedule.id)
    due_now = rows[0].id if rows[0].due_at <= now else None
    return Signed(plan.id, due_now), tell(
        session, "plan_signed", plan, f"plan_signed:{plan.id}", now, visit.locale, is_answer=True
    )


def _again(session: Session, walk: SignWalk) -> Signed:
    """It was signed before: by this signing, and then the first payment may be asked for again; or by another."""
    signature = signings.signature_of(session, walk.plan.id)
    if signature is None or signature.signing_id != walk.visit.id:
        raise Refused("plan_not_open")
    payments = obligations.of_subject(session, walk.plan.schedule_id or "")
    return Signed(walk.plan.id, payments[0].id if payments and payments[0].due_at <= signature.signed_at else None)


def _method(session: Session, walk: SignWalk, kept: KeptCard | None, now: datetime) -> PaymentMethod:
    if kept is not None:
        if kept.card.last4 != walk.visit.card_last4:
            raise Refused("agreement_changed")
        return add_method(session, walk.customer.id, kept, keep_words(walk.organisation.name, walk.visit.locale), now)
    row = methods.owned_by(session, walk.visit.payment_method_id or "", walk.customer.id)
    if row is None:
        raise Refused("method_missing")
    return row


def _consent(walk: SignWalk, said: str, text: Text, now: datetime, ip: str, user_agent: str) -> RecordConsent:
    return RecordConsent(
        customer_id=walk.customer.id,
        signing_id=walk.visit.id,
        said=said,
        text_version=text.version,
        locale=text.locale,
        text=text.plain,
        text_sha256=text.digest,
        document_opened_at=walk.visit.document_opened_at,
        said_at=now,
        ip=ip,
        user_agent=user_agent,
    )
