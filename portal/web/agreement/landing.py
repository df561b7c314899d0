"""Opening an offer: a page that says who is asking, with one button. Looking has no effect; the button opens a signing.

The token leaves the address with it. The page says nothing of a plan, a debt or an amount (C20).
"""

from flask import Response, g, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.domain.signing import SignStep
from portal.storage import Session
from portal.storage import account as accounts
from portal.usecases import signing
from portal.usecases.organisation import settings, settings_of
from portal.usecases.plan_offer import OfferState, find, send_fresh
from portal.usecases.visit import VISIT_LASTS
from portal.web.access import before_known, of_organisation, organisation, ports, to_anybody
from portal.web.agreement.door import LINK, cookie_path, door, path_of
from portal.web.agreement.guard import spent
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.personal_link import cookie_name, fresh_link_page, unreferred
from portal.web.refusals import sentence


@door.get(LINK)
@of_organisation
def landing(token: str) -> Response:
    """Shows who is asking, or what became of the offer. Free of effects."""
    return _show(token)


@door.post(LINK)
@of_organisation
def landing_post(token: str) -> AnyResponse:
    """Opens a signing and sends the browser on to an address without the token."""

    def work(session: Session) -> tuple[str, str] | None:
        now = ports().clock.now()
        found = find(session, token, now)
        if found is None:
            return None
        g.language_on_file = found.customer.locale
        return signing.start(
            session,
            found,
            ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
            locale=current(),
            now=now,
        )

    try:
        opened = ports().database.run(organisation().id, work)
    except Refused as refused:
        if refused.code != "too_many_visits":
            return _show(token)
        to_anybody()
        return unreferred(page("personal_link/slow_down.html", 429, sentence=sentence(refused)))
    if opened is None:
        to_anybody()
        return unreferred(page("personal_link/unknown.html", 404))
    signing_id, secret = opened
    response = move_on(path_of(SignStep.details.value, signing_id))
    response.set_cookie(
        cookie_name(),
        secret,
        max_age=int(VISIT_LASTS.total_seconds()),
        path=cookie_path(signing_id),
        secure=cookie_name().startswith("__Secure"),
        httponly=True,
        samesite="Lax",
    )
    return response


@door.post(f"{LINK}/fresh")
@of_organisation
def fresh_link(token: str) -> AnyResponse:
    """Asks for a fresh offer by the address on file. The answer never says whether there is one."""
    try:
        send_fresh(ports(), organisation().id, token)
    except Refused:
        return _show(token)
    with ports().database.read(organisation().id) as session:
        found = find(session, token, ports().clock.now())
    return move_on(fresh_link_page(found.customer.locale if found else None))


def _show(token: str) -> Response:
    with ports().database.read(organisation().id) as session:
        found = find(session, token, ports().clock.now())
        rules = settings_of(session, found.organisation) if found is not None else settings(session)
        is_over = found is not None and found.state is OfferState.expired
        owed_on = accounts.by_id(session, found.plan.account_id) if found is not None and is_over else None
    before_known(rules)
    if found is None:
        return unreferred(page("personal_link/unknown.html", 404))
    g.language_on_file = found.customer.locale
    if found.state in {OfferState.open, OfferState.signed}:
        return unreferred(page("agreement/landing.html", discreet=rules.is_discreet))
    may_ask = rules.is_on("plan_fresh_offer") and found.plan.replaces_id is None
    is_disputed = may_ask and owed_on is not None and owed_on.disputed_at is not None
    fresh_token = token if may_ask and not is_disputed else None
    was_signed = found.plan.signed_at is not None
    return unreferred(spent(found.state, fresh_token, is_disputed=is_disputed, was_signed=was_signed))
