"""The page behind the opt-out link of an email: shows the address in part and one button. Looking has no effect.

Mail programs that offer their own button post to `.../one-click` without a form of ours (RFC 8058); a person whose
program opens that address instead is shown the page.
"""

from flask import Blueprint, Response, g, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.contact_wish import WishSource
from portal.domain.refusal import Refused
from portal.storage import customer
from portal.usecases import opt_out
from portal.usecases.contact_wish import Words
from portal.web.access import of_organisation, organisation, ports, to_anybody
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.machines import say
from portal.web.masking import masked
from portal.web.personal_link import unreferred

door = Blueprint("opt_out", __name__)
one_click = Blueprint("one_click", __name__)

LINK = f"/<slug:slug>/{opt_out.PATH}/<token:token>"
GUESSED = ("show", "end", "begin_again")  # views whose address holds a token


@door.get(LINK)
@of_organisation
def show(token: str) -> Response:
    """Shows what is asked, or what was done."""
    with ports().database.read(organisation().id) as session:
        found = opt_out.find(session, token)
        about = customer.by_id(session, found.link.customer_id) if found else None
    g.language_on_file = about.locale if about else None
    if found is None:
        to_anybody()
        return page("opt_out/unknown.html", 404)
    to_anybody()
    shown = masked("email", found.link.address)
    return unreferred(page("opt_out/emails.html", address=shown, is_stopped=found.is_stopped, here=request.path))


@door.post(LINK)
@of_organisation
def end(token: str) -> AnyResponse:
    """Ends emails to the address."""
    words = _words(str(_("Stop these emails")))
    try:
        opt_out.end(ports(), organisation().id, token, words)
    except Refused:
        to_anybody()
        return page("opt_out/unknown.html", 404)
    return move_on(request.path)


@door.post(f"{LINK}/again")
@of_organisation
def begin_again(token: str) -> AnyResponse:
    """Emails go to the address again."""
    try:
        opt_out.begin_again(ports(), organisation().id, token, _words(str(_("Send me these emails again"))))
    except Refused:
        to_anybody()
        return page("opt_out/unknown.html", 404)
    return move_on(request.path.removesuffix("/again"))


@one_click.post(f"{LINK}/{opt_out.ONE_CLICK}")
@of_organisation
def press(token: str) -> Response:
    """A mail program presses for its reader. 200 done (or done before), 400 anything else."""
    if request.form.get("List-Unsubscribe") != "One-Click":
        return say(400)
    try:
        opt_out.end(ports(), organisation().id, token, opt_out.one_click())
    except Refused:
        return say(400)
    return say(200)


@one_click.get(f"{LINK}/{opt_out.ONE_CLICK}")
@of_organisation
def press_by_hand(token: str) -> AnyResponse:
    """A program that opens the address instead of posting to it."""
    return move_on(f"/{organisation().slug}/{opt_out.PATH}/{token}")


def _words(text: str) -> Words:
    agent = request.headers.get("User-Agent", "")[:300]
    return Words(text, WishSource.opt_out_page, locale=current(), ip=request.remote_addr, user_agent=agent)
