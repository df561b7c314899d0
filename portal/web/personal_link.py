"""What the door of every personal link does: the landing page and its button, the visit's cookie, links that are spent.

Each door (to pay, to change a card, to look after scheduled payments) says what it is with a `LinkDoor` and hangs the
landing on its blueprint. Mail scanners open links, run their scripts and press their buttons. So looking has no effect,
the page shows nothing of the account, and the press only opens a visit in which something has to be typed or ticked.
The token leaves the address with it. Knows no step of any door.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from flask import Blueprint, Response, current_app, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.payment_link import LinkState, Purpose
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage.visit import Visit
from portal.usecases import sign_in as sign_ins
from portal.usecases import visit
from portal.usecases.organisation import OrganisationSettings, settings, settings_of
from portal.usecases.payment_link import find, send_fresh
from portal.usecases.visit import VISIT_LASTS
from portal.web.access import before_known, of_organisation, organisation, ports, to_anybody
from portal.web.fragments import move_on, page
from portal.web.language import SWITCH, current
from portal.web.refusals import sentence

SLUG = "/<slug:slug>"
COOKIE_LENGTH_MAX = 100
GUESSED = ("landing", "landing_post", "fresh_link")  # where tokens are guessed: the views with the narrow limit
SPENT = {
    LinkState.expired: ("personal_link/expired.html", 410),
    LinkState.revoked: ("personal_link/revoked.html", 410),
    LinkState.paid: ("payment_link/paid.html", 200),
}


@dataclass(frozen=True, slots=True)
class LinkDoor:
    """One kind of link. A link is `/<slug>/<word>/<token>`; its visits live under `/<slug>/<visits>/<visit>`."""

    blueprint: Blueprint
    purpose: Purpose
    word: str
    visits: str
    first: str  # the endpoint a new visit is sent to

    @property
    def link_rule(self) -> str:
        return f"{SLUG}/{self.word}/<token:token>"

    @property
    def visit_rule(self) -> str:
        return f"{SLUG}/{self.visits}/<visit:visit_id>"

    def path_of(self, endpoint: str, visit_id: str, **parts: Any) -> str:
        """The address of a page of a visit."""
        return url_for(f"{self.blueprint.name}.{endpoint}", slug=organisation().slug, visit_id=visit_id, **parts)

    def cookie_path(self, visit_id: str) -> str:
        """A visit's cookie is sent to its own pages and nowhere else, so two visits in one browser never mix."""
        return f"/{organisation().slug}/{self.visits}/{visit_id}"


class Seen(Protocol):
    """What every look at a visit brings along."""

    @property
    def visit(self) -> Visit: ...
    @property
    def settings(self) -> OrganisationSettings: ...


S = TypeVar("S", bound=Seen)
DOORS: dict[Purpose, LinkDoor] = {}  # filled by `hang_landing`; for who opens a visit without a link's token
sent = Blueprint("personal_link", __name__)


def hang_landing(door: LinkDoor, template: str) -> None:
    """The landing page of a door, its button, and the way to a fresh link."""

    @of_organisation
    def landing(token: str) -> Response:
        """Shows who is asking, or what became of the link. Free of effects."""
        return _landing(door, template, token)

    @of_organisation
    def landing_post(token: str) -> AnyResponse:
        """Opens a visit and sends the browser on to an address without the token."""
        try:
            opened = _open(door, token)
        except Refused as refused:
            if refused.code != "too_many_visits":
                return _landing(door, template, token)
            to_anybody()
            return unreferred(page("personal_link/slow_down.html", 429, sentence=sentence(refused)))
        if opened is None:
            to_anybody()
            return unreferred(page("personal_link/unknown.html", 404))
        return into(door, *opened)

    @of_organisation
    def fresh_link(token: str) -> AnyResponse:
        """Asks for a new link by the address on file. The answer never says whether there is one."""
        try:
            send_fresh(ports(), organisation().id, token, door.purpose)
        except Refused:  # it still works, is paid, cancelled or was never there: its own page says which
            return move_on(url_for(f"{door.blueprint.name}.landing", slug=organisation().slug, token=token))
        with ports().database.read(organisation().id) as session:
            found = find(session, token, ports().clock.now(), door.purpose)
        return move_on(fresh_link_page(found.customer.locale if found else None))

    DOORS[door.purpose] = door
    add = door.blueprint.add_url_rule
    add(door.link_rule, "landing", landing, methods=["GET"])
    add(door.link_rule, "landing_post", landing_post, methods=["POST"])
    add(f"{door.link_rule}/fresh", "fresh_link", fresh_link, methods=["POST"])


@sent.get(f"{SLUG}/fresh-link")
@of_organisation
def fresh_link_sent() -> Response:
    """What to expect after asking for a fresh link."""
    to_anybody()
    g.language_on_file = request.args.get(SWITCH)
    return page("personal_link/fresh_link.html")


def fresh_link_page(locale: str | None) -> str:
    """Its address, in the language of the link that was asked for anew: without its token the page knows nobody."""
    said = f"?{SWITCH}={locale}" if locale else ""
    return url_for("personal_link.fresh_link_sent", slug=organisation().slug) + said


def into(door: LinkDoor, visit_id: str, secret: str) -> AnyResponse:
    """Sends the browser into a visit that was just opened, with its cookie."""
    response = move_on(door.path_of(door.first, visit_id))
    response.set_cookie(
        cookie_name(),
        secret,
        max_age=int(VISIT_LASTS.total_seconds()),
        path=door.cookie_path(visit_id),
        secure=cookie_name().startswith("__Secure"),
        httponly=True,
        samesite="Lax",
    )
    return response


def enter(look: Callable[[Session, str], S | None]) -> tuple[str, S] | None:
    """The secret of the visit's cookie and what `look` sees with it, in one read-only transaction.

    None for everyone else, whatever the reason.
    """
    secret = secret_here()
    now = ports().clock.now()
    with ports().database.read(organisation().id) as session:
        seen = look(session, secret)
        if seen is None:
            return None
        g.language_on_file = seen.visit.locale
        g.support_hours = seen.settings.words("support_hours")
        held_by = sign_ins.to_be_seen(session, seen.visit.sign_in_id, now)
    if held_by is not None:  # walking is a sign of life for the sign-in that opened the visit
        ports().database.run(organisation().id, lambda session: sign_ins.see(session, held_by, now))
    return secret, seen


def secret_here() -> str:
    """What the cookie of a visit holds in this request; empty where there is none."""
    return request.cookies.get(cookie_name(), "")[:COOKIE_LENGTH_MAX]


def cookie_name() -> str:
    """Under https the browser itself holds this cookie to https."""
    return "__Secure-visit" if current_app.config["SESSION_COOKIE_SECURE"] else "visit"


def closed() -> Response:
    """No visit for this cookie: over, another browser's, never there, or cookies are blocked. One page for all."""
    to_anybody()
    return page("personal_link/closed.html", 403)


def spent(state: LinkState, fresh_path: str | None = None) -> Response:
    """The page of a link that is not good any more; `fresh_path` only where a fresh link may be asked for."""
    template, status = SPENT[state]
    return page(template, status, fresh_path=fresh_path)


def unreferred(response: Response) -> Response:
    """While the token is in the address, the address is told to nobody, our own pages included (attack 28).

    Only the origin is: under `no-referrer` browsers would send `Origin: null` with the page's own button. A browser
    that does not know `strict-origin` takes the one before it.
    """
    response.headers["Referrer-Policy"] = "no-referrer, strict-origin"
    return response


def _landing(door: LinkDoor, template: str, token: str) -> Response:
    with ports().database.read(organisation().id) as session:
        found = find(session, token, ports().clock.now(), door.purpose)
        rules = settings_of(session, found.organisation) if found is not None else settings(session)
    before_known(rules)
    if found is None:
        return unreferred(page("personal_link/unknown.html", 404))
    g.language_on_file = found.customer.locale
    if found.state is not LinkState.open:
        fresh_path = url_for(f"{door.blueprint.name}.fresh_link", slug=organisation().slug, token=token)
        return unreferred(spent(found.state, fresh_path if rules.is_on("fresh_link") else None))
    return unreferred(page(template, discreet=rules.is_discreet))


def _open(door: LinkDoor, token: str) -> tuple[str, str] | None:
    now = ports().clock.now()
    with ports().database.transaction(organisation().id) as session:
        found = find(session, token, now, door.purpose)
        if found is None:
            return None
        g.language_on_file = found.customer.locale
        return visit.start(
            session,
            found,
            ip=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
            locale=current(),
            now=now,
        )
