"""What people say about being written to: consent, opt-out, a refused medium, times that do not suit, work addresses.

Each is a row that is never changed; the latest about a thing counts. This file knows what the rows of one address add
up to. Never asks a database.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from portal.domain.message import MessageKind
from portal.domain.phone_number import one_spelling

ALL = "all"  # the scope of a consent, and of an opt-out from everything


class WishKind(StrEnum):
    """What a wish is about."""

    consent = "consent"  # messages by a channel to an address: agreed (on) or no more (off)
    medium = "medium"  # not by this channel at all (on), or again (off) (Reg F 1006.14(h)(1))
    times = "times"  # these times do not suit (on), or do again (off)
    work_address = "work_address"  # the address is one at work (on), or not (off) (Reg F 1006.22(f)(3))


class WishSource(StrEnum):
    """How we heard of it."""

    payment_link = "payment_link"
    profile = "profile"
    sms_reply = "sms_reply"
    opt_out_page = "opt_out_page"
    one_click = "one_click"
    carrier = "carrier"
    staff = "staff"
    phone = "phone"
    imported = "imported"


class Said(Protocol):
    """A row, as far as its meaning goes."""

    @property
    def is_on(self) -> bool: ...
    @property
    def scope(self) -> str: ...
    @property
    def said_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What all that was said about one address comes to. `refused`: kinds that were stopped one by one."""

    granted_at: datetime | None = None
    revoked_at: datetime | None = None
    refused: dict[MessageKind, datetime] = field(default_factory=dict)

    def stopped_at(self, kind: MessageKind) -> datetime | None:
        """Since when this kind of message is not wanted here; None when it is not refused."""
        return self.revoked_at or self.refused.get(kind)


def standing_of(rows: Iterable[Said]) -> Standing:
    """Folds the rows about consent of one address, oldest first; whoever comes back comes back to everything."""
    granted_at: datetime | None = None
    revoked_at: datetime | None = None
    refused: dict[MessageKind, datetime] = {}
    for row in rows:
        if row.is_on:
            granted_at, revoked_at, refused = row.said_at, None, {}
        elif row.scope == ALL:
            granted_at, revoked_at = None, row.said_at
        else:
            refused[MessageKind(row.scope)] = row.said_at
    return Standing(granted_at, revoked_at, refused)


def address_key(channel: str, address: str) -> str:
    """One spelling of an address or number, so that what was said about it is found again."""
    if channel == "sms":
        return one_spelling(address) or address.strip()
    return address.strip().casefold()


def looks_like_work(address: str) -> bool:
    """Whether the domain itself says so: only public bodies' do. Every other work address has to be known as one."""
    return address.casefold().rpartition(".")[2] in {"gov", "mil"}
