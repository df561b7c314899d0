"""Looks at the card page of each organisation from outside, and calls a person when it is not the page we make
(PCI DSS 11.6.1, C40): another header, another script, another script's text.

Called by the clock once a day, and by staff. Sees what lies between us and a browser: proxies, caches, a changed
gateway script. Charges nothing, opens no visit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import structlog

from portal.domain.page_inventory import SCRIPTS, Received, page_differences, scripts_of
from portal.storage import Session, audit, organisation
from portal.storage.audit import AuditEntry
from portal.usecases.alarm import raise_alarm
from portal.usecases.organisation import record
from portal.usecases.payment_link import home
from portal.usecases.ports import Ports

log = structlog.get_logger()

EVERY = timedelta(hours=24)
UNSEEN_AFTER = timedelta(days=7)
LOOKED, MISSED = "page_watched", "page_not_reached"
_SCRIPT_BASE = re.compile(rb'data-script-base="([^"]+)"')


class Pages(Protocol):
    """The portal's own pages: as this program makes them, and as the network brings them."""

    def made(self, path: str, base: str) -> Received:
        """The answer of a path under `https://host`, without the network."""

    def received(self, url: str) -> Received | None:
        """What stands at an address; None when nothing came back."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. `reached`: the page and each of its scripts. `scripts`: digest of each one's text."""

    reached: bool
    differences: tuple[str, ...]
    scripts: Mapping[str, str]


def watch_due(ports: Ports, pages: Pages) -> int:
    """Looks for every active organisation that nobody looked for within a day; how many."""
    now = ports.clock.now()
    with ports.database.across() as session:
        everybody = [row.id for row in organisation.all_active(session)]
    looked = 0
    for organisation_id in everybody:
        with ports.database.read(organisation_id) as session:
            last = last_look(session)
        if last is None or now - last.at >= EVERY:
            watch(ports, pages, organisation_id)
            looked += 1
    return looked


def watch(ports: Ports, pages: Pages, organisation_id: str, by: str = "clock") -> Look:
    """One look at one organisation's card page: remembered always, an alarm for whatever differs."""
    with ports.database.read(organisation_id) as session:
        owner = organisation.by_id(session, organisation_id)
        at_home = home(ports.portal_url, owner)
        before = last_look(session, LOOKED)
    ports.database.require_no_transaction()
    look = _look(pages, at_home, dict(before.facts["scripts"]) if before else {})
    log.info("page_watched", organisation_id=organisation_id, reached=look.reached, differences=len(look.differences))
    ports.database.run(organisation_id, lambda session: _remember(session, look, before, by, ports.clock.now()))
    return look


def last_look(session: Session, action: str | None = None) -> AuditEntry | None:
    """The latest look of the session's organisation; with an action, the latest of that kind."""
    return audit.latest_of(session, session.info["organisation_id"], (action,) if action else (LOOKED, MISSED))


def _look(pages: Pages, at_home: str, known: Mapping[str, str]) -> Look:
    base, path = _root(at_home), f"{urlsplit(at_home).path}/card-page"
    made, received = pages.made(path, base), pages.received(base + path)
    if received is None:
        return Look(False, (), known)
    found = page_differences(made, received)
    scripts: dict[str, str] = {}
    expected = _addresses(made, base + path)  # never what a changed page names
    for address in expected:
        answer = pages.received(address)
        if answer is None:
            continue
        scripts[address] = answer.sha256
        if answer.status != 200:
            found.append(f"status {answer.status} of {address}")
        elif address.startswith(f"{base}/"):
            if pages.made(address.removeprefix(base), base).sha256 != answer.sha256:
                found.append(f"text of {address}")
        elif known.get(address, answer.sha256) != answer.sha256:
            found.append(f"text of {address}")
    return Look(len(scripts) == len(expected), tuple(found), scripts)


def _root(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _addresses(page: Received, page_url: str) -> list[str]:
    """The scripts a browser would load for this page: its own, and the gateway's that `card_fields.js` adds."""
    own = [each for each in scripts_of(page.body.decode("utf-8", "replace")) if not each.startswith("inline:")]
    base = _SCRIPT_BASE.search(page.body)
    gateway = [f"{base.group(1).decode()}/{row.name}" for row in SCRIPTS if row.origin == "gateway"] if base else []
    return [urljoin(page_url, each) for each in [*own, *gateway]]


def _remember(session: Session, look: Look, before: AuditEntry | None, by: str, now: datetime) -> None:
    subject = session.info["organisation_id"]
    action = LOOKED if look.reached else MISSED
    record(session, by, action, subject, now, scripts=dict(look.scripts), differences=list(look.differences))
    if look.differences:
        raise_alarm(session, "page_changed", subject, now, differences="; ".join(look.differences)[:1_000])
    if not look.reached and before is not None and now - before.at >= UNSEEN_AFTER:
        raise_alarm(session, "page_unseen", subject, now, last_seen_at=before.at.isoformat())
