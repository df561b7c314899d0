"""Posting notices to the portal as the gateway does, and what came of them. Tests of the door use it."""

from datetime import timedelta

from werkzeug.test import TestResponse

from portal.storage import account, audit, charge, ledger, notice
from portal.storage.audit import Alarm
from portal.storage.charge import Charge
from portal.storage.notice import Notice
from portal.usecases.charge import charge_obligation
from portal.usecases.ledger import differs_from_entries
from portal.usecases.notice import handle
from tests.rig.hooks import Form
from tests.rig.house import House
from tests.web.conftest import Portal

SOON = timedelta(seconds=2)
DISPUTED_CARD = "4023898493988028"


def door(portal: Portal) -> str:
    return f"/{portal.slug}/notice/braintree"


def post(portal: Portal, form: Form | dict[str, str], to: str | None = None) -> TestResponse:
    fields = form.fields if isinstance(form, Form) else form
    return portal.reader("203.0.113.77").raw("POST", to or door(portal), data=fields)


def received(house: House) -> list[Notice]:
    with house.ports.database.read(house.organisation_id) as session:
        return notice.received(session)


def handled(house: House) -> list[str | None]:
    """Handles what was rung for, as the worker does; what came of each notice."""
    for organisation_id, notice_id in house.doorbell.notices:
        handle(house.ports, organisation_id, notice_id)
    house.doorbell.notices.clear()
    return [row.result for row in received(house)]


def alarms(house: House) -> list[Alarm]:
    with house.ports.database.read(house.organisation_id) as session:
        return audit.open_alarms(session)


def entries(house: House, account_id: str) -> list[tuple[str, int]]:
    """The ledger of an account, without what it began with; its balance is their sum."""
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, account_id)
        assert row is not None
        assert differs_from_entries(session, row) == 0
        return sorted((entry.recipe, entry.amount_cents) for entry in ledger.of_account(session, account_id))[1:]


def paid(portal: Portal, amount_cents: int = 3_000, number: str = "4111111111111111") -> Charge:
    """A charge of a kept card that succeeded."""
    house = portal.house
    due = house.obligation(portal.account_id, amount_cents, payment_method_id=house.card_on_file(number))
    charge_obligation(house.ports, house.organisation_id, due, SOON)
    [row] = charges(house, due)
    assert row.state == "succeeded"
    return row


def charges(house: House, due: str) -> list[Charge]:
    with house.ports.database.read(house.organisation_id) as session:
        return charge.of_obligation(session, due)
