"""What a transaction has read ahead for many rows at once: whoever asks for one of them asks the database no more.

Filled by `portal.storage.batch` once the accounts are locked, so nothing it holds can change under it; it ends with
the session. A look-up that may be read ahead asks `recalled` with a key of its own. Where nothing was read ahead,
every look-up asks the database as ever.
"""

from collections.abc import Callable, Hashable
from typing import TypeVar

from sqlalchemy.orm import Session

T = TypeVar("T")
_PLACE = "read_ahead"


def remember(session: Session, key: Hashable, value: object) -> None:
    """Keeps an answer, also that there is nothing."""
    session.info.setdefault(_PLACE, {})[key] = value


def recalled(session: Session, key: Hashable, ask: Callable[[], T]) -> T:
    """What was read ahead under this key, or else what `ask` finds."""
    known: dict[Hashable, T] | None = session.info.get(_PLACE)
    return known[key] if known is not None and key in known else ask()


def forget(session: Session, key: Hashable) -> None:
    """This transaction has changed it: the next look-up asks."""
    session.info.get(_PLACE, {}).pop(key, None)
