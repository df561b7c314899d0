"""What pages of the console look up alike: the row an address names, and who of the house did something.

Called by the pages of plans and subscriptions. Writes nothing.
"""

from collections.abc import Callable
from typing import TypeVar

from flask import abort
from flask_babel import gettext as _

from portal.storage import Session
from portal.storage import staff as people
from portal.web.access import organisation, ports

Row = TypeVar("Row")


def row_of(by_id: Callable[[Session, str], Row | None], row_id: str) -> Row:
    """The row of this organisation that an address names; 404 when there is none."""
    with ports().database.read(organisation().id) as session:
        row = by_id(session, row_id)
    if row is None:
        abort(404)
    return row


def who(session: Session, actor: str) -> str:
    """Who did something, as people of the house read it."""
    kind, _sep, staff_id = actor.partition(":")
    if kind == "staff" and staff_id:
        person = people.by_id(session, staff_id)
        return person.name if person is not None else actor
    return str({"customer": _("the customer"), "clock": _("the clock"), "charge": _("the clock")}.get(actor, actor))
