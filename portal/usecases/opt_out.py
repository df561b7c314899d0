"""Ending emails by the link in each of them, and having them again. Looking at the link changes nothing.

Called by the opt-out page, by mail programs that press for their reader (RFC 8058), and by the outbox, which makes the
link when the email is first sent.
"""

from dataclasses import dataclass
from datetime import datetime

from portal.domain.contact_wish import WishSource
from portal.domain.payment_link import digest, new_token
from portal.domain.refusal import Refused
from portal.storage import Session, opt_out_link, organisation
from portal.storage.message import Message
from portal.storage.opt_out_link import OptOutLink
from portal.usecases.contact_wish import Words, agree, standing, stop
from portal.usecases.payment_link import home
from portal.usecases.ports import Ports

PATH = "stop"
ONE_CLICK = "one-click"


@dataclass(frozen=True, slots=True)
class Address:
    """The address a link is about, and whether emails to it are stopped."""

    link: OptOutLink
    is_stopped: bool


def make_link(ports: Ports, session: Session, row: Message, now: datetime) -> str:
    """The address of a new link that ends emails to the recipient of a message; its token is in no row."""
    token = new_token()
    session.add(
        OptOutLink(
            token_sha256=digest(token),
            channel=row.channel,
            address=row.recipient,
            customer_id=row.customer_id,
            message_id=row.id,
            created_at=now,
        )
    )
    session.flush()
    return f"{home(ports.portal_url, organisation.by_id(session, row.organisation_id))}/{PATH}/{token}"


def find(session: Session, token: str) -> Address | None:
    """The address of exactly this token in this organisation."""
    link = opt_out_link.by_token_sha256(session, digest(token))
    if link is None:
        return None
    return Address(link, standing(session, link.channel, link.address).revoked_at is not None)


def end(ports: Ports, organisation_id: str, token: str, words: Words) -> None:
    """Ends emails to the address of a link; twice is once. Refused `opt_out_unknown`."""
    _change(ports, organisation_id, token, words, to_stop=True)


def begin_again(ports: Ports, organisation_id: str, token: str, words: Words) -> None:
    """Emails go to the address again. Refused `opt_out_unknown`."""
    _change(ports, organisation_id, token, words, to_stop=False)


def one_click() -> Words:
    """How it is said by a mail program for its reader."""
    return Words("List-Unsubscribe=One-Click", WishSource.one_click)


def _change(ports: Ports, organisation_id: str, token: str, words: Words, *, to_stop: bool) -> None:
    def work(session: Session) -> None:
        found = find(session, token)
        if found is None:
            raise Refused("opt_out_unknown")
        if found.is_stopped == to_stop:
            return
        say = stop if to_stop else agree
        link = found.link
        say(session, link.channel, link.address, words, ports.clock.now(), customer=link.customer_id)

    ports.database.run(organisation_id, work)
