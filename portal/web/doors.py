"""Opens the doors: everything a request passes before and after its view, in order, and the views. Called by
portal/app.py.
"""

from typing import Any, Protocol
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, make_response, request
from flask_wtf.csrf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.usecases import signing, visit
from portal.usecases.ports import Ports
from portal.web import (
    access,
    access_log,
    addresses,
    brand,
    errors,
    floods,
    formats,
    headers,
    health,
    language,
    machines,
    opt_out,
    personal_link,
    signed_in,
    static_files,
    strictness,
)
from portal.web import check as check_page
from portal.web.access import Doorstep, of_organisation, organisation
from portal.web.agreement import card as plan_card
from portal.web.agreement import details, identity, landing, terms
from portal.web.agreement import done as plan_done
from portal.web.agreement import sign as plan_sign
from portal.web.agreement.door import door as plan_door
from portal.web.card_link import authorize, card, done
from portal.web.card_link.door import CARD_LINK
from portal.web.card_page import card_page
from portal.web.carrier import carrier
from portal.web.customer import (
    autopay,
    history,
    message_choice,
    method_new,
    method_replace,
    methods,
    profile,
    service_document,
    service_list,
    service_payment,
    service_result,
    statement,
    subscription,
    subscription_payment,
)
from portal.web.customer import home as first_page
from portal.web.customer import pin as customer_pin
from portal.web.customer import sign_in as customer_sign_in
from portal.web.customer.door import door as customers
from portal.web.notice import notice
from portal.web.payment_link import agreement, amount, check, contact, offer, result, schedule
from portal.web.payment_link.door import PAYMENT_LINK
from portal.web.schedule_link import cancel, move, payments
from portal.web.schedule_link.door import SCHEDULE_LINK
from portal.web.staff import autopay as staff_autopay
from portal.web.staff import erasure as staff_erasure
from portal.web.staff import home, paper, password, plan_change, plan_preset, plan_terms, sign_in, subscription_assign
from portal.web.staff import plan as staff_plan
from portal.web.staff import subscription as staff_subscription
from portal.web.staff.door import door as console

STEPS = (contact, offer, amount, schedule, check, agreement, result)  # importing one hangs its views on the door
CARD_STEPS = (card, authorize, done)
SCHEDULE_PARTS = (payments, cancel, move)
PLAN_STEPS = (landing, identity, details, plan_card, terms, plan_sign, plan_done)
CONSOLE = (
    sign_in, home, paper, password, staff_plan, plan_terms, plan_change, plan_preset, staff_subscription,
    subscription_assign, staff_erasure, staff_autopay,
)  # fmt: skip
CUSTOMER = (
    customer_sign_in,
    customer_pin,
    first_page,
    autopay,
    history,
    message_choice,
    method_new,
    method_replace,
    methods,
    profile,
    service_document,
    service_list,
    service_payment,
    service_result,
    statement,
    subscription,
    subscription_payment,
)
PAGE_OPEN_SECONDS = 8 * 3600  # a form left open on a phone still works: as long as a visit lasts
LINK_DOORS = (PAYMENT_LINK, CARD_LINK, SCHEDULE_LINK)
REQUESTS_PER_MINUTE = 600
KEEP_FOR_EVER = "public, max-age=31536000, immutable"


class WebSettings(Protocol):
    """What the doors need of the settings of this deployment."""

    @property
    def environment(self) -> str: ...
    @property
    def portal_url(self) -> str: ...
    @property
    def redis_url(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def gateway(self) -> str: ...
    @property
    def braintree_script_base(self) -> str: ...
    @property
    def trusted_proxies(self) -> int: ...


def open_doors(app: Flask, settings: WebSettings, ports: Ports) -> None:
    """Installs the whole way of a request. The order matters: the log line first, then what turns requests away."""
    https = urlsplit(settings.portal_url).scheme == "https"
    app.extensions["doorstep"] = Doorstep(
        ports, access.host_of(settings.portal_url), settings.environment != "production", {}
    )
    app.extensions["script_base"] = settings.braintree_script_base
    _configure(app, settings, https)
    app.url_map.converters.update(slug=addresses.Slug, token=addresses.Token, visit=addresses.VisitId)
    access_log.install(app)
    headers.install(app, https=https, gateway=settings.gateway, script_base=settings.braintree_script_base)
    app.before_request(_known_host)
    strictness.install(app)
    formats.install(app)
    csrf = CSRFProtect(app)
    language.install(app, csrf, _keep_language)
    errors.install(app)
    static_files.install(app)
    signed_in.install(app)
    health.install(app, getattr(settings, "metrics_token", None))
    _brand_pages(app)
    for link_door in LINK_DOORS:
        app.register_blueprint(link_door.blueprint)
    app.register_blueprint(plan_door)
    app.register_blueprint(personal_link.sent)
    app.register_blueprint(notice)
    app.register_blueprint(carrier)
    app.register_blueprint(opt_out.door)
    app.register_blueprint(check_page.door)
    app.register_blueprint(opt_out.one_click)
    app.register_blueprint(card_page)
    app.register_blueprint(console)
    app.register_blueprint(customers)
    for endpoint in machines.WITHOUT_FORM_TOKEN:
        csrf.exempt(app.view_functions[endpoint])
    limiter = floods.install(app, settings.redis_url or None, f"{_per_minute(settings)} per minute")
    looked_up: Any = limiter.limit(floods.GUESSES, deduct_when=_is_miss)(app.view_functions["check.post"])
    app.view_functions["check.post"] = looked_up
    for name in opt_out.GUESSED:
        found: Any = limiter.limit(floods.GUESSES, deduct_when=_is_miss)(app.view_functions[f"opt_out.{name}"])
        app.view_functions[f"opt_out.{name}"] = found
    for guessed in (*(link_door.blueprint.name for link_door in LINK_DOORS), plan_door.name):
        for name in personal_link.GUESSED:
            endpoint = f"{guessed}.{name}"
            limited: Any = limiter.limit(floods.GUESSES, deduct_when=_is_miss)(app.view_functions[endpoint])
            app.view_functions[endpoint] = limited


def _configure(app: Flask, settings: WebSettings, https: bool) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key,
        DEBUG=False,
        TESTING=False,
        PROPAGATE_EXCEPTIONS=False,
        TRAP_HTTP_EXCEPTIONS=False,
        SESSION_COOKIE_NAME="__Host-session" if https else "session",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        WTF_CSRF_TIME_LIMIT=PAGE_OPEN_SECONDS,
        WTF_CSRF_SSL_STRICT=False,  # the origin is checked for every scheme by strictness.py
        WTF_CSRF_HEADERS=[],
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["ui"] = _Parts(app)
    app.context_processor(lambda: {"look": access.look(), "slug": organisation().slug if "organisation" in g else ""})
    if settings.trusted_proxies:
        # the host is never taken from a proxy's header: links and origins use the configured one
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=1, x_host=0)  # type: ignore[method-assign]  # Flask's own way


def _is_miss(response: Response) -> bool:
    return response.status_code == 404


class _Parts:
    """The macros of parts/ui.html, for every template and every block; looked up when the language is known."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> object:
        return getattr(self._app.jinja_env.get_template("parts/ui.html").module, name)


def _per_minute(settings: WebSettings) -> int:
    return int(getattr(settings, "requests_per_minute", REQUESTS_PER_MINUTE))


def _known_host() -> None:
    """A request for a host that is neither ours nor an organisation's is for somebody else's site."""
    if request.path in ("/healthz", "/metrics") or access.is_our_host(request.host):
        return
    slug = request.path.split("/", 2)[1] if request.path.startswith("/") else ""
    found = access.find(slug) if slug else None
    is_file = request.path.startswith("/static/")
    if (found is None or found.host != request.host) and not is_file:
        abort(404)


def _keep_language(chosen: str) -> None:
    """A language chosen inside a visit is kept with the visit, for its agreement and receipt."""
    arguments = request.view_args or {}
    visit_id = arguments.get("visit_id")
    found = access.find(arguments["slug"]) if "slug" in arguments else None
    if visit_id is None or found is None:
        return
    ports = access.ports()
    with ports.database.transaction(found.id) as session:
        keep = signing.choose_locale if request.blueprint == plan_door.name else visit.choose_locale
        keep(session, visit_id, personal_link.secret_here(), chosen, ports.clock.now())


def _brand_pages(app: Flask) -> None:
    """The small stylesheet of a colour, under a name that changes with it."""

    @app.get("/brand.css")
    def neutral_brand() -> Response:
        return _stylesheet(None)

    @app.get("/<slug:slug>/brand.css")
    @of_organisation
    def organisation_brand() -> Response:
        return _stylesheet(organisation().colour)

    def _stylesheet(colour: str | None) -> Response:
        response = make_response(brand.stylesheet(colour))
        response.headers["Content-Type"] = "text/css; charset=utf-8"
        current = request.args.get("v") == brand.version(colour)
        response.headers["Cache-Control"] = KEEP_FOR_EVER if current else "no-cache"
        return response
