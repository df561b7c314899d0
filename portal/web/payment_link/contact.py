"""The contact step: what is on file, right or not; and the page where corrections are typed."""

from dataclasses import dataclass

from flask import Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.contact_wish import WishSource
from portal.domain.payment_link import Step
from portal.storage import Session
from portal.usecases import contact, contact_wish
from portal.usecases.contact_wish import Words, agree
from portal.usecases.visit import USER_AGENT_LENGTH_MAX, Walk, look, onward
from portal.web.access import organisation, ports, readable_phone
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.masking import masked
from portal.web.payment_link.door import path_of
from portal.web.payment_link.guard import Here, place, step
from portal.web.personal_link import closed
from portal.web.refusals import sentence
from portal.web.text_consent import text_consent


@dataclass(frozen=True, slots=True)
class Read:
    """What only this page needs: whether a correction was sent, and whether texts may be asked for."""

    corrected: bool
    asks_for_texts: bool


def _read(session: Session, walk: Walk) -> Read:
    return Read(*contact_wish.asked_in_visit(session, walk.visit.id, walk.customer))


@step(Step.contact, read=_read)
def show(here: Here) -> Response:
    """The details on file, shown in part where the organisation wants that."""
    return page(
        "payment_link/contact.html",
        details=details_of(here.walk),
        corrected=here.extras.corrected,
        text_consent=_text_consent(here.walk) if here.extras.asks_for_texts else "",
        change=url_for("payment_link.contact_change", slug=organisation().slug, visit_id=here.visit_id),
        **place(here, Step.contact),
    )


@step(Step.contact, "POST", name="contact_post")
def post(here: Here) -> AnyResponse:
    """The details are right."""
    now = ports().clock.now()
    with ports().database.transaction(organisation().id) as session:
        walk = look(session, here.visit_id, here.secret, now, locked=True)
        if walk is None:
            return closed()
        contact.seen(walk, now)
        if request.form.get("text_consent") == "yes" and _read(session, walk).asks_for_texts:
            agree(session, "sms", walk.customer.phone or "", _said(_text_consent(walk)), now, customer=walk.customer.id)
        return move_on(path_of(onward(walk), here.visit_id))


def _text_consent(walk: Walk) -> str:
    """What the box says, word for word: it is stored so (C27)."""
    name = walk.settings.words("name_in_texts") or organisation().name
    phone = details_of(walk)["phone"]
    shown = phone if walk.settings.is_on("mask_contact") else readable_phone(phone)
    return text_consent(name, shown)


def _said(text: str) -> Words:
    agent = request.headers.get("User-Agent", "")[:USER_AGENT_LENGTH_MAX]
    return Words(text, WishSource.payment_link, locale=current(), ip=request.remote_addr, user_agent=agent)


@step(Step.contact, path="contact/change", name="contact_change")
def change(here: Here) -> Response:
    """The form for corrections; filled with what is on file unless that is only shown in part."""
    masks = here.walk.settings.is_on("mask_contact")
    typed = dict.fromkeys(contact.FIELDS, "") if masks else contact.on_file(here.walk.customer)
    typed |= here.walk.corrected
    return _form(here, typed, {}, 200)


@step(Step.contact, "POST", path="contact/change", name="contact_change_post")
def change_post(here: Here) -> AnyResponse:
    """Stores what is wrong as a request, and goes on."""
    typed = {field: request.form.get(field, "").strip() for field in contact.FIELDS}
    refusals = contact.refused(typed)
    if refusals:
        return _form(here, typed, {field: sentence(refused) for field, refused in refusals.items()}, 422)
    now = ports().clock.now()
    with ports().database.transaction(organisation().id) as session:
        walk = look(session, here.visit_id, here.secret, now, locked=True)
        if walk is None:
            return closed()
        message_id = contact.request_change(session, walk, typed, now)
        further = onward(walk)
    if message_id is not None:
        ports().doorbell.ring_message(organisation().id, message_id)
    return move_on(path_of(further, here.visit_id))


def _form(here: Here, typed: dict[str, str], errors: dict[str, str], status: int) -> Response:
    return page(
        "payment_link/contact_change.html",
        status,
        typed=typed,
        errors=errors,
        masks=here.walk.settings.is_on("mask_contact"),
        contact_path=path_of(Step.contact, here.visit_id),
        place=place(here, Step.contact)["place"],
        here=request.path,
    )


def details_of(walk: Walk) -> dict[str, str]:
    """Contact details as this organisation lets a link show them; the address in lines."""
    details = contact.on_file(walk.customer)
    place_ = f"{details['city']}, {details['state']}".strip(", ")
    lines = [details["address_line1"], details["address_line2"], f"{place_} {details['postal_code']}"]
    shown = {field: details[field] for field in ("name", "email", "phone")}
    if walk.settings.is_on("mask_contact"):
        shown = {field: masked(field, value) for field, value in shown.items()}
        lines = [place_]
    return {**shown, "address": "\n".join(line.strip() for line in lines if line.strip())}
