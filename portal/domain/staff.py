"""Staff: their roles, what a role may do, and what a password must be.

Read by the staff use cases and by the guard of the console. Knows no page and no row.
"""

import re
from enum import StrEnum

from zxcvbn import zxcvbn

from portal.domain.refusal import Refused

PASSWORD_LENGTH_MIN = 12  # ASVS 6.2.1
PASSWORD_LENGTH_MAX = 200
JUDGED_LENGTH_MAX = 72  # what the estimate of strength looks at
STRENGTH_MIN = 3  # of 4: more than 10^8 guesses
USERNAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{2,63}", re.ASCII)


class Role(StrEnum):
    """What a person of the staff is there for."""

    auditor = "auditor"  # looks, changes nothing
    clerk = "clerk"  # customers, links, payments taken for somebody
    manager = "manager"  # what a clerk does, and what needs a decision: refunds, waivers, approvals
    admin = "admin"  # what a manager does, and settings and staff


EVERYBODY = frozenset(Role)
WORKERS = frozenset({Role.clerk, Role.manager, Role.admin})
DECIDERS = frozenset({Role.manager, Role.admin})
ADMINS = frozenset({Role.admin})


def require_username(username: str) -> str:
    """The username when it can be one; Refused `username_unfit`."""
    if not USERNAME.fullmatch(username):
        raise Refused("username_unfit")
    return username


def require_password(password: str, *about: str) -> str:
    """The password when it is fit; `about` are words that belong to the person. Refused `password_short`,
    `password_long`, `password_weak`. No rule about kinds of characters: length and guessability count (ASVS 6.2.5).
    """
    if len(password) < PASSWORD_LENGTH_MIN:
        raise Refused("password_short", least=PASSWORD_LENGTH_MIN)
    if len(password) > PASSWORD_LENGTH_MAX:
        raise Refused("password_long", most=PASSWORD_LENGTH_MAX)
    words = [word for text in about for word in re.split(r"[^\w]+", text) if word]
    if zxcvbn(password[:JUDGED_LENGTH_MAX], user_inputs=words)["score"] < STRENGTH_MIN:
        raise Refused("password_weak")
    return password
