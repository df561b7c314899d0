"""Signing in: how long a person stays signed in, how often one may try, and how a name or a network is spelt.

Read by the sign-in use cases. Holds no secret and compares none.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

NAME_LENGTH_MAX = 120
SECRET_LENGTH_MAX = 200  # of what is typed; longer is refused before anything is computed from it (attack 10)
SEEN_EVERY = timedelta(seconds=60)  # how exactly the last sign of life is kept
WARNED_BEFORE = timedelta(minutes=3)  # W25 asks for two


class Who(StrEnum):
    """Who signs in."""

    staff = "staff"
    customer = "customer"


class Way(StrEnum):
    """With what somebody signed in."""

    password = "password"  # staff: with a second factor  # noqa: S105 - the name of a way, not a secret
    username = "username"
    account = "account"  # the organisation's own number of an account
    ssn = "ssn"  # opens little: the balance in part, and paying (attack 20)


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a sign-in lasts: without a sign of life, and at most."""

    idle: timedelta
    longest: timedelta


LASTING: Mapping[Who, Lasting] = {
    Who.staff: Lasting(timedelta(minutes=30), timedelta(hours=8)),
    Who.customer: Lasting(timedelta(minutes=15), timedelta(hours=12)),
}


def is_over(who: Who, opened_at: datetime, seen_at: datetime, now: datetime) -> bool:
    """Whether a sign-in has ended by itself (attack 15)."""
    lasting = LASTING[who]
    return now >= opened_at + lasting.longest or now >= seen_at + lasting.idle


def ends_at(who: Who, opened_at: datetime, seen_at: datetime) -> datetime:
    """When it will end by itself if nothing more is done."""
    lasting = LASTING[who]
    return min(opened_at + lasting.longest, seen_at + lasting.idle)


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may be tried in a window by what shares a key.

    `of` names the parts of the key: name (whose it is), network, device, organisation, deployment (all organisations
    together); the window is in the bucket.
    """

    of: tuple[str, ...]
    window: timedelta
    most: int

    @property
    def bucket(self) -> str:
        """The name under which it is counted."""
        return f"sign_in_{'_'.join(self.of)}_{int(self.window.total_seconds())}"

    @property
    def is_everywhere(self) -> bool:
        """Counted over all organisations."""
        return "deployment" in self.of

    @property
    def is_flood(self) -> bool:
        """Whoever exceeds it comes from many networks at once: a person is told (attack 4)."""
        return self.of[0] in ("organisation", "deployment") and "network" not in self.of


# The widest are a last resort: whoever exceeds them keeps everybody out for the hour, known devices excepted.
# A name from one network first, so that a stranger's tries elsewhere do not lock its owner out (attack 5); then wider
# and wider. All are rows in the database: they hold while Redis is down (attack 6).
MINUTES, QUARTER, HOUR, DAY = timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
STAFF_LIMITS: tuple[Limit, ...] = (
    Limit(("name", "network"), MINUTES, 5),
    Limit(("name", "network"), HOUR, 20),
    Limit(("name", "network"), DAY, 50),
    Limit(("name",), DAY, 200),
    Limit(("network",), HOUR, 60),
    Limit(("organisation",), HOUR, 600),
    Limit(("deployment", "network"), HOUR, 180),
    Limit(("deployment",), HOUR, 15_000),
)
CUSTOMER_LIMITS: tuple[Limit, ...] = (
    Limit(("name", "network"), QUARTER, 5),
    Limit(("name", "network"), HOUR, 10),
    Limit(("name",), DAY, 20),  # with four digits: at most one chance in 500 a day (attack 3)
    Limit(("network",), HOUR, 60),
    Limit(("organisation",), HOUR, 3_000),
    Limit(("deployment", "network"), HOUR, 180),
    Limit(("deployment",), HOUR, 30_000),
)
# A device its owner told us to remember is counted by itself, so nobody else's tries are held against it (attack 5).
DEVICE_LIMITS: tuple[Limit, ...] = (
    Limit(("name", "device"), QUARTER, 5),
    Limit(("name", "device"), HOUR, 10),
    Limit(("name", "device"), DAY, 20),
)
# The PIN of now is asked for where it is changed: whoever found a phone that is signed in guesses no more than others.
CHANGING_LIMITS: tuple[Limit, ...] = (
    Limit(("name", "changing"), QUARTER, 5),
    Limit(("name", "changing"), HOUR, 10),
    Limit(("name", "changing"), DAY, 20),
)
# Asking for a code or a new PIN sends something to somebody: a few times, then quietly no more (attack 129).
ASKING_LIMITS: tuple[Limit, ...] = (
    Limit(("name", "asking"), HOUR, 3),
    Limit(("network", "asking"), HOUR, 20),
    Limit(("organisation", "asking"), HOUR, 1_000),
)
CODE_LIMITS: tuple[Limit, ...] = (
    Limit(("network", "code"), HOUR, 30),
    Limit(("organisation", "code"), HOUR, 3_000),
    Limit(("deployment", "network", "code"), HOUR, 90),
    Limit(("deployment", "code"), HOUR, 30_000),
)
CODE_TRIES = 5  # of one code
CODE_DIGITS = 6
CODE_LASTS = timedelta(minutes=10)
PIN_TOKEN_LASTS = timedelta(minutes=10)  # attack 21
PROOF_TRIES = 5  # wrong codes in a sign-in when it is asked for again; then it ends

_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def canonical(name: str) -> str:
    """The one spelling of a name that was typed: NFKC, case folded, without space around; '' when it is none.

    Compared exactly, so no wildcard and no look-alike ever finds another's row (attack 11).
    """
    if len(name) > NAME_LENGTH_MAX:
        return ""
    spelt = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()
    return "" if _UNREADABLE.search(spelt) or len(spelt) > NAME_LENGTH_MAX else spelt


def ssn_digits(typed: str) -> str:
    """The nine digits of an SSN as typed, '' when it is none."""
    plain = typed.replace(" ", "").replace("-", "")
    return plain if len(plain) == 9 and plain.isascii() and plain.isdigit() else ""


def network_of(ip: str) -> str:
    """What one household or host shares of an address: an IPv4 address, the /64 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
