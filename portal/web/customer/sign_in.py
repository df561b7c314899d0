"""Signing in and out: who you are, and a PIN or a code as well; never an SSN alone (Cal. Civ. Code 1798.85).

One answer whatever did not match. What a person typed of an SSN, PIN or code is never shown again.
"""

from dataclasses import dataclass

from flask import abort, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.organisation import Profile
from portal.domain.refusal import Refused
from portal.domain.sign_in import CODE_LASTS, Way, Who
from portal.usecases import sign_in as sign_ins
from portal.usecases.customer_sign_in import enter_code, send_code, sign_in_customer, who_is
from portal.usecases.login import Asked, device_of, remember
from portal.usecases.organisation import OrganisationSettings, settings
from portal.web.access import of_organisation, organisation, ports
from portal.web.customer.door import SIGN_IN, SLUG, door, path_of
from portal.web.customer.guard import who
from portal.web.fragments import move_on, page
from portal.web.refusals import sentence
from portal.web.signed_in import browser, device_label, device_secret, farewell, own_path, set_device, welcome

WAYS = (Way.username, Way.account, Way.ssn)
ASKING_COOKIE = "asking"
TYPED_LENGTH_MAX = 120


@dataclass(frozen=True, slots=True)
class Door:
    """The ways this organisation lets people in."""

    ways: tuple[Way, ...]
    may_code: bool
    remembers_days: int


def ways_here() -> Door:
    """By the organisation's settings."""
    with ports().database.read(organisation().id) as session:
        rules: OrganisationSettings = settings(session)
    ways = tuple(way for way in WAYS if rules.is_on(f"sign_in_{way.value}"))
    return Door(ways, rules.is_on("sign_in_code"), rules.number("remember_days"))


@door.get(SIGN_IN)
@of_organisation
def sign_in() -> AnyResponse:
    """The form of the organisation's first way."""
    return _open(None)


@door.get(f"{SIGN_IN}/<any(account,ssn,username):way>")
@of_organisation
def sign_in_by(way: str) -> AnyResponse:
    """The form of another way."""
    return _open(Way(way))


@door.post(f"{SIGN_IN}/<any(account,ssn,username):way>")
@of_organisation
def sign_in_post(way: str) -> AnyResponse:
    """Lets somebody in, or sends a code, or says that something did not match."""
    here = ways_here()
    asked = Asked(Way(way), request.form.get("who", ""))
    if asked.way not in here.ways:
        abort(404)
    then = own_path(request.form.get("then", ""))
    wants_code = request.form.get("with") == "code" and here.may_code
    errors = {}
    if not asked.typed.strip():
        errors["who"] = sentence(Refused(f"who_missing_{asked.way.value}"))
    if not wants_code and not request.form.get("pin", "").strip():
        errors["pin"] = sentence(Refused("pin_missing"))
    if errors:
        return _form(here, asked, then, errors, 422)
    if wants_code:
        secret = send_code(ports(), organisation().id, asked, browser())
        return _ask_for_code(secret, then)
    try:
        secret = sign_in_customer(
            ports(), organisation().id, asked, request.form.get("pin", ""), browser(), device_secret()
        )
    except Refused as refused:
        status = 422 if refused.code == "sign_in_wrong" else 503
        return _form(here, asked, then, {"who": sentence(refused)}, status)
    return _let_in(secret, then, here)


@door.get(f"{SIGN_IN}/code")
@of_organisation
def code() -> AnyResponse:
    """Where the code is typed."""
    return _code_form({}, 200)


@door.post(f"{SIGN_IN}/code")
@of_organisation
def code_post() -> AnyResponse:
    """Lets somebody in by the code that was sent, in the browser that asked for it."""
    if not request.form.get("code", "").strip():
        return _code_form({"code": sentence(Refused("code_missing"))}, 422)
    held = request.cookies.get(ASKING_COOKIE, "")[:100]
    try:
        secret = enter_code(ports(), organisation().id, held, request.form["code"], browser())
    except Refused as refused:
        return _code_form({"code": sentence(refused)}, 422)
    response = _let_in(secret, own_path(request.form.get("then", "")), ways_here())
    response.delete_cookie(ASKING_COOKIE, path=path_of("code"))
    return response


@door.post(f"{SLUG}/sign-out")
@of_organisation
def sign_out() -> AnyResponse:
    """Ends this sign-in; without one it only clears the browser."""
    here = who()
    if here is not None:
        with ports().database.transaction(organisation().id) as session:
            sign_ins.end(session, here.signed_in.row.id, ports().clock.now())
    said = "idle" if request.form.get("said") == "idle" else "out"
    return farewell(move_on(f"{path_of('sign_in')}?said={said}"), Who.customer)


@door.get(f"{SLUG}/self-pay")
@of_organisation
def self_pay() -> AnyResponse:
    """The address that an app's menu opens (S0:26-30): what is to be paid, after signing in."""
    inside = path_of("self_pay_inside")
    return move_on(inside if who() is not None else f"{path_of('sign_in')}?then={inside}")


def _open(way: Way | None) -> AnyResponse:
    then = own_path(request.args.get("then", ""))
    if who() is not None:
        return move_on(then or path_of("home"))
    here = ways_here()
    if not here.ways or (way is not None and way not in here.ways):
        abort(404)
    return _form(here, Asked(way or here.ways[0], ""), then, {}, 200)


def _let_in(secret: str, then: str | None, here: Door) -> AnyResponse:
    response = welcome(move_on(then or path_of("home")), Who.customer, secret)
    if request.form.get("remember") == "yes" and here.remembers_days:
        known = who_is(ports(), organisation().id, secret)
        if known is not None:
            now = ports().clock.now()
            held = ""
            with ports().database.transaction(organisation().id) as session:
                if device_of(session, device_secret(), known.login.id, now) is None:
                    held = remember(session, known.login.id, device_label(), here.remembers_days, now)
            if held:
                set_device(response, held, here.remembers_days)
    return response


def _ask_for_code(secret: str, then: str | None) -> AnyResponse:
    response = move_on(path_of("code") + (f"?then={then}" if then else ""))
    response.set_cookie(
        ASKING_COOKIE,
        secret,
        max_age=int(CODE_LASTS.total_seconds()),
        path=path_of("code"),
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        httponly=True,
        samesite="Lax",
    )
    return response


def _form(here: Door, asked: Asked, then: str | None, errors: dict[str, str], status: int) -> AnyResponse:
    """An SSN is not written back into the page."""
    kept = "" if asked.way is Way.ssn else asked.typed[:TYPED_LENGTH_MAX]
    others = [way.value for way in here.ways if way is not asked.way]
    return page(
        "customer/sign_in.html",
        status,
        way=asked.way.value,
        others=others,
        typed=kept,
        then=then,
        errors=errors,
        may_code=here.may_code,
        remembers_days=here.remembers_days,
        has_app=organisation().profile == Profile.supervision,  # participants sign in to theirs with the same (S0:18)
        said=request.args.get("said", "") if not errors else "",
    )


def _code_form(errors: dict[str, str], status: int) -> AnyResponse:
    then = own_path(request.values.get("then", ""))
    remembers = ways_here().remembers_days
    return page("customer/code.html", status, errors=errors, then=then, remembers_days=remembers)
