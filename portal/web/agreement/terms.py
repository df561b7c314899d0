"""Terms and Authorization: the exact text, the disclosures about electronic records, the document to open, the tick."""

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.signing import SignStep
from portal.storage import Session
from portal.usecases import signing
from portal.usecases.plan_paper import agreement_facts
from portal.web.access import organisation, ports
from portal.web.agreement.guard import NOT_OPEN, Here, locked, place, step
from portal.web.files import pdf
from portal.web.fragments import move_on, page
from portal.web.personal_link import closed
from portal.web.refusals import sentence


@step(SignStep.terms)
def show(here: Here) -> AnyResponse:
    """The text for the card and the figures as they are now."""
    return _page(here, {}, 200)


@step(SignStep.terms, "POST", path="terms/open", name="open_document")
def open_document(here: Here) -> AnyResponse:
    """Notes that the document was opened, and opens it: its reader can show what we send (C13)."""

    def work(session: Session) -> bool:
        walk = locked(here, session)
        if walk is not None:
            signing.open_document(walk, ports().clock.now())
        return walk is not None

    try:
        opened = ports().database.run(organisation().id, work)
    except Refused:
        return move_on(here.path(SignStep.terms.value))  # the guard says what it is now
    return move_on(here.path("document")) if opened else closed()


@step(SignStep.terms, path="terms/agreement.pdf", name="document")
def document(here: Here) -> AnyResponse:
    """The agreement as it will be signed, as a tagged PDF."""
    walk = here.walk
    text, told = signing.agreement_shown(walk), signing.disclosure_shown(walk)
    content = ports().paper.agreement(agreement_facts(walk, text, told, ports().clock.now()), text.locale)
    return pdf(content, f"agreement-{walk.plan.reference}.pdf", "inline")


@step(SignStep.terms, "POST", name="terms_post")
def post(here: Here) -> AnyResponse:
    """The terms were read, the document opened, and the records may be electronic."""

    def work(session: Session) -> bool:
        walk = locked(here, session)
        if walk is not None:
            signing.consent(
                walk,
                request.form.get("agreement", ""),
                agreed=request.form.get("consent") == "yes",
                now=ports().clock.now(),
            )
        return walk is not None

    try:
        agreed = ports().database.run(organisation().id, work)
    except Refused as refused:
        return _refused(here, refused)
    return move_on(here.path(SignStep.sign.value)) if agreed else closed()


def _refused(here: Here, refused: Refused) -> AnyResponse:
    if refused.code == "agreement_changed":
        return _page(here, {}, 409, changed=sentence(refused))
    if refused.code in NOT_OPEN:
        return move_on(here.path(SignStep.terms.value))
    field = "open-document" if refused.code == "document_not_opened" else "consent"
    return _page(here, {field: sentence(refused)}, 422)


def _page(here: Here, errors: dict[str, str], status: int, changed: str | None = None) -> Response:
    walk = here.walk
    text = signing.agreement_shown(walk)
    return page(
        "agreement/terms.html",
        status,
        text=text,
        disclosures=signing.disclosure_shown(walk),
        was_opened=walk.visit.opened_sha256 == text.digest,
        ending=walk.ending,
        card_path=here.path(SignStep.card.value),
        open_path=here.path("open_document"),
        errors=errors,
        changed=changed,
        **place(here, SignStep.terms),
    )
