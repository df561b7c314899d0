"""Where a customer's records go, for pages that say so: to an address, by mail on paper (C14), or nowhere.

Called by the doors with a page that promises a receipt. Promises nothing itself.
"""

from typing import TypedDict

from portal.usecases.paper_copy import is_on_paper
from portal.web.access import organisation, ports


class Destination(TypedDict):
    """`email` is empty where nothing is emailed."""

    email: str
    on_paper: bool


def records_of(customer_id: str, email: str | None, *, is_emailed: bool = True) -> Destination:
    """Where records of this customer go; `is_emailed`: whether the organisation emails what the page is about."""
    with ports().database.read(organisation().id) as session:
        on_paper = is_on_paper(session, customer_id)
    return destination(email, on_paper=on_paper, is_emailed=is_emailed)


def destination(email: str | None, *, on_paper: bool, is_emailed: bool = True) -> Destination:
    """The same for a page that has read what its customer wants."""
    return {"email": (email or "") if is_emailed and not on_paper else "", "on_paper": on_paper}
