"""Whose page is asked for: the organisation of a host and a path. Every door asks here first; says nothing of people
yet.

An organisation with a host of its own answers only there; the others answer under their slug on the deployment's host.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

import phonenumbers
from flask import abort, current_app, g, request
from flask_babel import gettext as _

from portal.domain.discreet_name import name_outside
from portal.domain.organisation import USUAL_HOURS
from portal.storage import organisation as organisations
from portal.usecases.organisation import OrganisationSettings, settings
from portal.usecases.ports import Ports
from portal.web import brand

P = ParamSpec("P")
T = TypeVar("T")
KEPT_SECONDS = 2.0  # an organisation switched off is gone within two seconds


@dataclass(frozen=True, slots=True)
class Organisation:
    """What pages show of an organisation; settings are read by the use cases."""

    id: str
    slug: str
    name: str
    profile: str
    time_zone: str
    locale: str
    colour: str
    phone: str
    email: str
    address: str
    host: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """What the shell needs: whose page this is, and whom to ask for help."""

    name: str = ""
    initials: str = ""
    icon: str = ""
    stylesheet: str = ""
    phone: str = ""
    phone_link: str = ""
    email: str = ""
    hours: str = ""


@dataclass(slots=True)
class Doorstep:
    """What the front door holds for all requests of this process."""

    ports: Ports
    portal_host: str
    also_local: bool  # on a desk, 127.0.0.1 and localhost are the same house
    kept: dict[str, tuple[float, Organisation | None]]


def doorstep() -> Doorstep:
    """The ports of this app; set once by `create_app`."""
    found: Doorstep = current_app.extensions["doorstep"]
    return found


def ports() -> Ports:
    """The ports that views hand to use cases."""
    return doorstep().ports


def organisation() -> Organisation:
    """The organisation of this request; a view under a slug always has one."""
    found: Organisation = g.organisation
    return found


def of_organisation(view: Callable[P, T]) -> Callable[P, T]:
    """For views under `/<slug>`: finds the organisation or answers 404, and sets its look."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        slug = str(kwargs.pop("slug"))
        found = find(slug)
        if found is None or not _on_its_host(found):
            abort(404)
        g.organisation = found
        return view(*args, **kwargs)

    return wrapped


def find(slug: str) -> Organisation | None:
    """The active organisation of a slug, remembered for two seconds: it is asked for on every request."""
    kept = doorstep().kept
    known = kept.get(slug)
    now = time.monotonic()
    if known is not None and known[0] > now:
        return known[1]
    with ports().database.across() as session:
        row = organisations.by_slug(session, slug)
        found = None if row is None else _shown(row)
    if len(kept) > 1_000:  # made-up slugs must not fill the memory
        kept.clear()
    kept[slug] = (now + KEPT_SECONDS, found)
    return found


def is_our_host(host: str) -> bool:
    """Whether a Host header names the deployment's own host."""
    step = doorstep()
    name = host.rsplit(":", 1)[0]
    return host == step.portal_host or (step.also_local and name in ("127.0.0.1", "localhost"))


def look() -> Look:
    """The look of this page: the organisation's, or a neutral one."""
    found: Organisation | None = g.get("organisation")
    if found is None:
        return Look(icon=brand.icon(None), stylesheet=f"/brand.css?v={brand.version(None)}")
    name: str = g.get("name_outside") or found.name
    hours: str = g.get("support_hours", "")
    return Look(
        name=name,
        initials=brand.initials(name),
        icon=brand.icon(found.colour),
        stylesheet=f"/{found.slug}/brand.css?v={brand.version(found.colour)}",
        phone=readable_phone(found.phone),
        phone_link="".join(sign for sign in found.phone if sign in "+0123456789"),
        email=found.email,
        hours=hours if hours != USUAL_HOURS else _("Monday to Friday, 9 a.m. to 5 p.m."),
    )


def before_known(rules: OrganisationSettings) -> None:
    """For a page before it is known who looks: it names the organisation as an envelope may (C20)."""
    found = organisation()
    chosen, phone = rules.words("name_in_texts"), readable_phone(found.phone)
    g.name_outside = name_outside(chosen, found.name, phone, discreet=rules.is_discreet)
    g.support_hours = rules.words("support_hours")


def to_anybody() -> None:
    """The same where nothing else of the organisation was asked for."""
    with ports().database.read(organisation().id) as session:
        before_known(settings(session))


@lru_cache(maxsize=1_024)
def readable_phone(number: str) -> str:
    """+13125550100 -> (312) 555-0100; what is no number is shown as it was entered."""
    try:
        parsed = phonenumbers.parse(number, "US")
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)


def host_of(portal_url: str) -> str:
    """The Host header that browsers send for an address: small letters, and no port that goes without saying."""
    parts = urlsplit(portal_url)
    host = parts.netloc.rpartition("@")[2].lower()
    return host.removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ""))


def _on_its_host(found: Organisation) -> bool:
    return request.host == found.host if found.host else is_our_host(request.host)


def _shown(row: organisations.Organisation) -> Organisation:
    return Organisation(
        id=row.id,
        slug=row.slug,
        name=row.name,
        profile=row.profile,
        time_zone=row.timezone,
        locale=row.locale,
        colour=row.brand_colour,
        phone=row.support_phone,
        email=row.support_email,
        address=row.postal_address,
        host=row.host,
    )
