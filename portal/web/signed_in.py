"""Who is here: the cookie of a sign-in, and the person behind it. Asked by the guards of the doors behind a sign-in.

flask-login carries the person through a request (`current_user`); the truth is a row of the database, asked on every
request, so that signing out, a new PIN or a closed account ends it everywhere at once. Says nothing of who may do what.
"""

import re
from collections.abc import Callable
from typing import Any

from flask import Flask, current_app, g, request, session
from flask_login import LoginManager, current_user
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.sign_in import LASTING, Who
from portal.usecases.sign_in import Browser
from portal.web.access import organisation

COOKIE_LENGTH_MAX = 100
OWN_PATH = re.compile(r"(/[a-z0-9][A-Za-z0-9_-]*)+", re.ASCII)
Find = Callable[[str], Any]
FINDERS: dict[str, Find] = {}  # a door behind a sign-in -> who a cookie's secret stands for; filled by its guard


def install(app: Flask) -> None:
    """Hooks flask-login on, without its own cookies: `init_app` would read the session on every file as well."""
    manager = LoginManager()
    manager.session_protection = None
    manager.request_loader(_load)
    app.config["REMEMBER_COOKIE_NAME"] = "__Host-none"  # no such cookie is ever set, and none of ours is taken for it
    app.login_manager = manager  # type: ignore[attr-defined]  # flask-login's own way
    app.context_processor(lambda: {"current_user": current_user})


def cookie_name(who: Who) -> str:
    """One for each organisation, so that a person may be signed in at several, and none is ever tried at another."""
    return f"{_prefix(who)}{organisation().slug}"


def secret_of(who: Who) -> str:
    """What the cookie of this organisation holds; '' when there is none."""
    return request.cookies.get(cookie_name(who), "")[:COOKIE_LENGTH_MAX]


def is_signed_in_elsewhere() -> bool:
    """Whether this browser carries a sign-in of another kind or at another organisation."""
    prefixes = tuple(_prefix(who) for who in Who)
    own = cookie_name(Who(str(request.blueprint)))
    return any(name.startswith(prefixes) and name != own for name in request.cookies)


def welcome(response: AnyResponse, who: Who, secret: str) -> AnyResponse:
    """Sets the cookie of a new sign-in, and forgets what the browser's session held before it (attack 12)."""
    language = session.get("language")
    session.clear()
    if language is not None:
        session["language"] = language
    response.set_cookie(
        cookie_name(who),
        secret,
        max_age=int(LASTING[who].longest.total_seconds()),
        path="/",
        secure=_is_https(),
        httponly=True,
        samesite="Lax",
    )
    return response


def farewell(response: AnyResponse, who: Who) -> AnyResponse:
    """Takes the cookie away and asks the browser to forget what it kept of us (attack 14).

    Not its other cookies: somebody may be paying by a link in another tab.
    """
    session.pop("csrf_token", None)
    response.delete_cookie(cookie_name(who), path="/", secure=_is_https(), httponly=True, samesite="Lax")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def device_secret() -> str:
    """What the cookie of a remembered device holds; '' when there is none."""
    return request.cookies.get(_device_cookie(), "")[:COOKIE_LENGTH_MAX]


def set_device(response: AnyResponse, secret: str, days: int) -> None:
    """Lets this browser be known again. It opens nothing by itself."""
    response.set_cookie(
        _device_cookie(),
        secret,
        max_age=days * 86_400,
        path="/",
        secure=_is_https(),
        httponly=True,
        samesite="Lax",
    )


def device_label() -> str:
    """What its owner will know this browser by: Chrome, Android."""
    agent = request.headers.get("User-Agent", "")
    program = next((word for word in ("Edg", "OPR", "Firefox", "Chrome", "Safari") if word in agent), "")
    system = next((word for word in ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux") if word in agent), "")
    names = {"Edg": "Edge", "OPR": "Opera", "Mac OS": "Mac"}
    return ", ".join(names.get(word, word) for word in (program, system) if word)


def browser() -> Browser:
    """From where this request comes."""
    return Browser(request.remote_addr or "", request.headers.get("User-Agent", ""))


def own_path(typed: str) -> str | None:
    """A path of this door at this organisation that can be opened, or None: never anything else (attack 45)."""
    begin = f"/{organisation().slug}/"
    if len(typed) > 200 or not typed.startswith(begin) or not OWN_PATH.fullmatch(typed):
        return None
    try:
        endpoint, _ = current_app.url_map.bind("").match(typed, method="GET")
    except HTTPException:
        return None
    return typed if endpoint.partition(".")[0] == request.blueprint else None


def _load(_request: object) -> Any:
    find = FINDERS.get(request.blueprint or "")
    if find is None or "organisation" not in g:
        return None
    secret = secret_of(Who(str(request.blueprint)))
    return find(secret) if secret else None


def _device_cookie() -> str:
    return f"{'__Host-' if _is_https() else ''}device-{organisation().slug}"


def _prefix(who: Who) -> str:
    return f"{'__Host-' if _is_https() else ''}{who.value}-"


def _is_https() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])
