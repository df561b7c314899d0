"""My Profile: how we reach the person, in which language, which browsers we know; to Self Pay (S0:26-30) and AutoPay.

What is wrong with a contact is asked to be corrected; staff decide. No message goes to a typed address.
"""

from flask import abort, flash, get_flashed_messages, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.sign_in import Who
from portal.storage import login as logins
from portal.usecases import autopay, contact
from portal.usecases.login import forget, sign_out_everywhere
from portal.usecases.organisation import settings
from portal.usecases.profile import ask_correction, choose_language
from portal.web.access import organisation, ports
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.fragments import move_on, page
from portal.web.language import LANGUAGES
from portal.web.refusals import sentence
from portal.web.signed_in import farewell


@page_for("/profile")
def profile(here: Here) -> AnyResponse:
    """What we have on file."""
    with ports().database.read(organisation().id) as session:
        devices = logins.devices_of(session, here.login.id, ports().clock.now())
        has_autopay = autopay.is_on_for(session, here.customer.id, settings(session))
    details = contact.on_file(here.customer)
    told = " ".join(map(str, get_flashed_messages()))
    return page(
        "customer/profile.html",
        details=details,
        devices=devices,
        customer=here.customer,
        has_autopay=has_autopay,
        told=told,
    )


@page_for("/profile/contact")
def contact_change(here: Here) -> AnyResponse:
    """The form for corrections, filled with what is on file."""
    return page("customer/contact.html", typed=contact.on_file(here.customer), errors={})


@page_for("/profile/contact", "POST", name="contact_change_post")
def contact_change_post(here: Here) -> AnyResponse:
    """Stores what is wrong as a request."""
    typed = {field: request.form.get(field, "").strip() for field in contact.FIELDS}
    refusals = contact.refused(typed)
    if refusals:
        errors = {field: sentence(refused) for field, refused in refusals.items()}
        return page("customer/contact.html", 422, typed=typed, errors=errors)
    message_id = None
    with ports().database.transaction(organisation().id) as session:
        message_id = ask_correction(session, here.customer.id, typed, ports().clock.now())
    if message_id is not None:
        ports().doorbell.ring_message(organisation().id, message_id)
    flash(_("Thank you. We have your corrections and will check them; until then we keep what is shown here."))
    return move_on(path_of("profile"))


@page_for("/profile/language", "POST", name="language")
def language(here: Here) -> AnyResponse:
    """The language of what we send."""
    chosen = request.form.get("locale", "")
    if chosen not in LANGUAGES:
        abort(400)
    with ports().database.transaction(organisation().id) as session:
        choose_language(session, here.customer.id, chosen, ports().clock.now())
    flash(_("Saved."))
    return move_on(path_of("profile"))


@page_for("/profile/devices/<visit:device_id>/forget", "POST", name="forget_device")
def forget_device(here: Here, device_id: str) -> AnyResponse:
    """Forgets one browser; another's is not found."""
    try:
        with ports().database.transaction(organisation().id) as session:
            forget(session, here.login.id, device_id, ports().clock.now())
    except Refused:
        abort(404)
    flash(_("That device is not remembered any more."))
    return move_on(path_of("profile"))


@page_for("/profile/sign-out-everywhere", "POST", name="sign_out_everywhere")
def everywhere(here: Here) -> AnyResponse:
    """Ends every sign-in of this person, and forgets their devices."""
    with ports().database.transaction(organisation().id) as session:
        sign_out_everywhere(session, here.login.id, ports().clock.now())
    return farewell(move_on(f"{path_of('sign_in')}?said=everywhere"), Who.customer)


@page_for("/stay", "POST", name="stay", limited=True)
def stay(_here: Here) -> AnyResponse:
    """A sign of life: the guard has written it. Leads back to where one was told of the end (W25)."""
    return move_on(path_of("home"))
