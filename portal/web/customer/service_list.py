"""Services that are owed, each with Make a Payment, a box each and Check All (S2:7-10).

Where the practice takes no payments the option is not there, and the page says whom to ask (S2:2).
"""

import re
from dataclasses import dataclass

from flask import request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage.account import Account
from portal.usecases import autopay, selection, service
from portal.usecases.organisation import settings
from portal.usecases.selection import open_selection, require_on
from portal.usecases.service import ServiceLine
from portal.web.access import organisation, ports
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.refusals import sentence

AT_THE_BOXES = frozenset({"services_missing", "services_above_maximum", "services_too_many"})
_BOX = re.compile(r"service-([0-9a-f]{32})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Owed:
    """One account's services that are not paid. `is_open`: they can be paid here."""

    account: Account
    lines: list[ServiceLine]
    is_open: bool

    @property
    def payable(self) -> list[ServiceLine]:
        """What may be paid now; the others are being paid."""
        return [line for line in self.lines if line.free_cents]

    @property
    def payable_cents(self) -> int:
        return sum(line.free_cents for line in self.lines)


@page_for("/services")
def services(here: Here) -> AnyResponse:
    """What is owed, oldest first."""
    return _page(here, {}, frozenset(), 200)


@page_for("/services", "POST", name="choose_services")
def choose(here: Here) -> AnyResponse:
    """Keeps what was chosen, and goes on to the amount and the card."""
    form = request.form
    account_id = form.get("checked", "") or form.get("all", "")
    with ports().database.read(organisation().id) as session:
        owed = {each.account.id: each for each in _owed(session, here)}
    own = {line.row.id for line in owed[account_id].payable} if account_id in owed else set()
    boxes = {found[1] for name in form if (found := _BOX.fullmatch(name))}
    is_whole = not form.get("only") and form.get("all") == account_id
    if form.get("only"):
        wanted = {form["only"]}
    elif is_whole:
        wanted = own
    else:
        wanted = boxes
    try:
        with ports().database.transaction(organisation().id) as session:
            chosen = open_selection(
                session, here.customer.id, sorted(wanted), current(), ports().clock.now(), is_whole=is_whole
            )
    except Refused as refused:
        field = f"check-all-{account_id}" if refused.code in AT_THE_BOXES and account_id in owed else ""
        status = 429 if refused.code == "too_many_visits" else 422
        return _page(here, {field: sentence(refused)}, frozenset(boxes), status)
    return move_on(path_of("pay_services", selection_id=chosen))


def _owed(session: Session, here: Here) -> list[Owed]:
    rules = settings(session)
    found = []
    for row in accounts.of_customer(session, here.customer.id):
        lines = service.lines(session, row, unpaid=True)
        try:
            require_on(rules, row)
            is_open = True
        except Refused:
            is_open = False
        if lines:
            found.append(Owed(row, lines, is_open))
    return found


def _page(here: Here, errors: dict[str, str], checked: frozenset[str], status: int) -> AnyResponse:
    with ports().database.read(organisation().id) as session:
        owed = _owed(session, here)
        takes_payments = selection.takes_payments(settings(session))
        has_autopay = autopay.is_on_for(session, here.customer.id, settings(session))
        people = {line.patient.id for each in owed for line in each.lines}
    return page(
        "customer/services.html",
        status,
        owed=owed,
        has_autopay=has_autopay,
        takes_payments=takes_payments,
        names_patients=len(people) > 1,
        checked=checked,
        errors=errors,
    )
