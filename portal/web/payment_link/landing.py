"""Opening a link: a page that says who is asking, with one button. Looking has no effect; the button opens a visit.

Mail scanners open links, run their scripts and press their buttons. So the page shows nothing of the account, and the
press only opens a walk in which a card still has to be typed or proven. The token leaves the address with it.
"""

from flask import Response, g, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import LinkState, Step
from portal.domain.refusal import Refused
from portal.usecases import visit
from portal.usecases.organisation import settings, settings_of
from portal.usecases.payment_link import Found, find, send_fresh
from portal.usecases.visit import VISIT_LASTS
from portal.web.access import of_organisation, organisation, ports
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.payment_link.door import LINK, SLUG, cookie_path, door, path_of
from portal.web.payment_link.guard import cookie_name, spent
from portal.web.refusals import sentence


@door.get(LINK)
@of_organisation
def landing(token: str) -> Response:
    """Shows who is asking, or what became of the link. Free of effects."""
    return _show(token)


def _show(token: str) -> Response:
    with ports().database.read(organisation().id) as session:
        found = find(session, token, ports().clock.now())
        rules = settings_of(session, found.organisation) if found is not None else settings(session)
    g.support_hours = rules.words("support_hours")
    if found is None:
        return unreferred(page("payment_link/unknown.html", 404))
    g.language_on_file = found.customer.locale
    if found.state is not LinkState.open:
        return unreferred(spent(found.state, token if rules.is_on("fresh_link") else None))
    return unreferred(page("payment_link/landing.html", token=token, discreet=rules.is_on("discreet_messages")))


@door.post(LINK)
@of_organisation
def landing_post(token: str) -> AnyResponse:
    """Opens a visit and sends the browser on to an address without the token."""
    try:
        opened = _open(token)
    except Refused as refused:
        if refused.code != "too_many_visits":
            return _show(token)
        return unreferred(page("payment_link/slow_down.html", 429, sentence=sentence(refused)))
    if opened is None:
        return unreferred(page("payment_link/unknown.html", 404))
    visit_id, secret = opened
    response = move_on(path_of(Step.contact, visit_id))
    response.set_cookie(
        cookie_name(),
        secret,
        max_age=int(VISIT_LASTS.total_seconds()),
        path=cookie_path(visit_id),
        secure=cookie_name().startswith("__Secure"),
        httponly=True,
        samesite="Lax",
    )
    return response


@door.post(f"{LINK}/fresh")
@of_organisation
def fresh_link(token: str) -> AnyResponse:
    """Asks for a new link by the address on file. The answer never says whether there is one."""
    try:
        send_fresh(ports(), organisation().id, token)
    except Refused:
        return _show(token)
    return move_on(f"/{organisation().slug}/fresh-link")


@door.get(f"{SLUG}/fresh-link")
@of_organisation
def fresh_link_sent() -> Response:
    """What to expect after asking for a fresh link."""
    return page("payment_link/fresh_link.html")


def unreferred(response: Response) -> Response:
    """While the token is in the address, the address is told to nobody (attack 28)."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _open(token: str) -> tuple[str, str] | None:
    now = ports().clock.now()
    with ports().database.transaction(organisation().id) as session:
        found = find(session, token, now)
        if found is None:
            return None
        _speak_as(found)
        return visit.start(
            session,
            found,
            ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
            locale=current(),
            now=now,
        )


def _speak_as(found: Found) -> None:
    g.language_on_file = found.customer.locale
