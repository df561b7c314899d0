"""The last page: the agreement is complete, how each payment stands, the signed copies, and a way back to paper."""

from flask import Response, abort, flash, get_flashed_messages, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.signing import SignStep
from portal.storage import Session
from portal.storage import signing as signings
from portal.usecases import contact as contacts
from portal.usecases import payment_status, sign
from portal.web.access import organisation, ports
from portal.web.agreement.guard import Here, locked, step
from portal.web.files import pdf
from portal.web.fragments import move_on, page
from portal.web.payment_status import line, words
from portal.web.personal_link import closed
from portal.web.records import records_of
from portal.web.refusals import sentence

REACHED_BY = ("email", "phone")
KINDS = {"agreement": "authorization-agreement", "schedule": "payment-schedule"}


@step(SignStep.done)
def show(here: Here) -> AnyResponse:
    """How it stands now. A payment being confirmed asks again by itself, and there is a link to ask by hand."""
    walk, told = here.walk, " ".join(map(str, get_flashed_messages()))
    with ports().database.read(organisation().id) as session:
        shown = payment_status.of_schedule(session, walk.plan.schedule_id or "", walk.organisation)
    if shown is None:
        raise AssertionError("a plan was signed without a schedule")
    waiting = request.headers.get("HX-Target") == "div#outcome"
    return page(
        "agreement/done.html",
        announce="" if waiting else told or _("Agreement completed"),
        plan=walk.plan,
        shown=shown,
        words=words(),
        line=line,
        told=told,
        **records_of(walk.customer.id, walk.customer.email),
        here=here.path(SignStep.done.value),
        paths={kind: here.path(f"{kind}_pdf") for kind in KINDS},
        withdraw_path=here.path("withdraw"),
        contact_path=here.path("contact"),
    )


@step(SignStep.done, path="done/agreement.pdf", name="agreement_pdf")
def agreement_pdf(here: Here) -> AnyResponse:
    """The signed agreement with its page of evidence, byte for byte as it was signed."""
    return _paper(here, "agreement")


@step(SignStep.done, path="done/schedule.pdf", name="schedule_pdf")
def schedule_pdf(here: Here) -> AnyResponse:
    """The payment schedule as it was signed."""
    return _paper(here, "schedule")


@step(SignStep.done, "POST", path="done/paper", name="withdraw")
def withdraw(here: Here) -> AnyResponse:
    """Takes the consent to electronic records back: from now on they come by mail (C14)."""
    try:
        sign.withdraw(
            ports(),
            organisation().id,
            here.signing_id,
            here.secret,
            ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
        )
    except Refused:
        return closed()
    flash(_("We will send your records on paper from now on. Your plan goes on as it is."))
    return move_on(here.path(SignStep.done.value))


@step(SignStep.done, path="done/contact", name="contact")
def contact(here: Here) -> AnyResponse:
    """Where the signed disclosures say that a new email address or number is told, so that records arrive (C14)."""
    return _contact(here, dict.fromkeys(REACHED_BY, ""), {}, 200)


@step(SignStep.done, "POST", path="done/contact", name="contact_post")
def contact_post(here: Here) -> AnyResponse:
    """Stores it as a request: staff check it before records go anywhere else."""
    typed = {field: request.form.get(field, "").strip() for field in REACHED_BY}
    refusals = contacts.refused(typed)
    if refusals:
        # with neither filled in, the first of the two fields says so
        errors = {field if field in typed else REACHED_BY[0]: sentence(each) for field, each in refusals.items()}
        return _contact(here, typed, errors, 422)

    def work(session: Session) -> tuple[bool, str | None]:
        now = ports().clock.now()
        walk = locked(here, session)
        if walk is None:
            return False, None
        return True, contacts.ask_change(session, walk.customer, walk.account.id, walk.visit.id, typed, now)

    is_open, message_id = ports().database.run(organisation().id, work)
    if not is_open:
        return closed()
    if message_id is not None:
        ports().doorbell.ring_message(organisation().id, message_id)
    flash(_("Thank you. We will check what you sent, and then use it for your records."))
    return move_on(here.path(SignStep.done.value))


def _contact(here: Here, typed: dict[str, str], errors: dict[str, str], status: int) -> Response:
    return page(
        "agreement/contact.html",
        status,
        typed=typed,
        errors=errors,
        back=here.path(SignStep.done.value),
        here=here.path("contact"),
    )


def _paper(here: Here, kind: str) -> AnyResponse:
    with ports().database.read(organisation().id) as session:
        paper = signings.paper_of(session, here.walk.plan.id, kind)
    if paper is None:
        abort(404)
    return pdf(paper.content, f"{KINDS[kind]}-{here.walk.plan.reference}.pdf", "attachment")
