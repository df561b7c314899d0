"""My Profile, messages: emails and texts, on or off, with what follows from it said beside each.

Nothing is ticked for anybody: a box shows what the person said before, and an answer is kept in the words it had.
"""

from flask import flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.contact_wish import WishSource
from portal.storage import customer as customers
from portal.usecases import message_choice as use_case
from portal.usecases.contact_wish import Words
from portal.usecases.organisation import settings
from portal.usecases.visit import USER_AGENT_LENGTH_MAX
from portal.web.access import organisation, ports, readable_phone
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.text_consent import text_consent


@page_for("/profile/messages", name="messages")
def show(here: Here) -> AnyResponse:
    """What was said so far."""
    with ports().database.read(organisation().id) as session:
        reach = use_case.look(session, here.customer)
        consent = _consent(here, settings(session).words("name_in_texts"))
    return page("customer/messages.html", reach=reach, consent=consent, email_words=_email_words())


@page_for("/profile/messages", "POST", name="messages_post")
def post(here: Here) -> AnyResponse:
    """Keeps what is different now."""
    agent = request.headers.get("User-Agent", "")[:USER_AGENT_LENGTH_MAX]

    def said(text: str) -> Words:
        return Words(text, WishSource.profile, locale=current(), ip=request.remote_addr, user_agent=agent)

    with ports().database.transaction(organisation().id) as session:
        about = customers.by_id(session, here.customer.id)
        if about is None:
            raise AssertionError("somebody signed in who is not there")
        consent = _consent(here, settings(session).words("name_in_texts"))
        on_words = {"email": _email_words(), "sms": consent}
        off_words = {"email": str(_("No more emails about my account.")), "sms": str(_("No more texts."))}
        use_case.choose(
            session,
            about,
            emails=request.form.get("emails") == "yes",
            texts=request.form.get("texts") == "yes",
            words_of=lambda channel, on: said((on_words if on else off_words)[channel]),
            now=ports().clock.now(),
        )
    flash(_("Saved."))
    return move_on(path_of("profile"))


def _email_words() -> str:
    return str(_("%(name)s may email me about my account.", name=organisation().name))


def _consent(here: Here, name: str) -> str:
    return text_consent(name or organisation().name, readable_phone(here.customer.phone or ""))
