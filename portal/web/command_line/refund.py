"""`flask --app wsgi refund ...`: giving money back, whole or in part, and seeing what was given back."""

import uuid
from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup

from portal.domain.charge import ChargeState
from portal.domain.money import parse_amount
from portal.domain.refund import RefundWay
from portal.domain.refusal import Refused
from portal.domain.service import Share
from portal.storage import Session, charge, message
from portal.storage import refund as refunds
from portal.storage import service as services
from portal.storage.charge import Charge
from portal.storage.organisation import Organisation
from portal.usecases.refund import RefundResult, RefundWish, refund_charge
from portal.usecases.refund_book import theirs_cents
from portal.web.command_line.desk import (
    console,
    dollars,
    moment,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    staff,
    state_of_refund,
    table,
)

refund = AppGroup("refund", help="Give money back: a void before the payment settles, a refund after.")

_SAID = {
    ChargeState.succeeded: "given back",
    ChargeState.declined: "declined: nothing was given back",
    ChargeState.not_sent: "not sent: nothing was given back",
    ChargeState.never_received: "never arrived: nothing was given back",
    ChargeState.unknown: "no answer yet: the clock finds out; do not ask for another one",
    ChargeState.sending: "no answer yet: the clock finds out; do not ask for another one",
    ChargeState.review: "waits for a person: see flask --app wsgi alarms list",
}


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--key", metavar="HEX", help="Name of this wish: asked again with it, it is done once."),
        click.option("--still-owed/--not-owed", "reopens", default=None,
                     help="Whether the account owes it again; else as the organisation has set it."),
        click.option("--why", default="", metavar="TEXT", help="Kept in the record."),
        organisation_option,
        click.argument("charge_name", metavar="CHARGE"),
    ):  # fmt: skip
        command = option(command)
    return command


@refund.command("whole")
@_options
def whole(charge_name: str, slug: str, why: str, reopens: bool | None, key: str | None) -> None:
    """Give back all that is left of CHARGE: the id of a charge, or the number of its receipt."""
    _give_back(charge_name, slug, why=why, reopens_balance=reopens, key=key)


@refund.command("part")
@_options
@click.argument("amount", metavar="AMOUNT")
@click.option("--service", "service_reference", metavar="NUMBER", help="Which one, where several were paid.")
def part(
    charge_name: str,
    amount: str,
    slug: str,
    why: str,
    reopens: bool | None,
    key: str | None,
    service_reference: str | None,
) -> None:
    """Give back AMOUNT dollars of CHARGE, such as 12.50. The payment must have settled."""
    try:
        amount_cents = parse_amount(amount)
    except Refused as refused:
        raise click.BadParameter("write dollars and cents, like 125.50", param_hint="AMOUNT") from refused
    shares = _share(slug, service_reference, amount_cents) if service_reference else ()
    _give_back(charge_name, slug, amount_cents=amount_cents, why=why, reopens_balance=reopens, key=key, shares=shares)


@refund.command("void")
@_options
def void(charge_name: str, slug: str, why: str, reopens: bool | None, key: str | None) -> None:
    """Take back CHARGE before it settles; refused when it has."""
    _give_back(charge_name, slug, why=why, reopens_balance=reopens, key=key, only_void=True)


@refund.command("show")
@organisation_option
@click.argument("charge_name", metavar="CHARGE")
def show(charge_name: str, slug: str) -> None:
    """What was given back of CHARGE, and what was tried."""
    owner, paid = _charge(charge_name, slug)
    with ports().database.read(owner.id) as session:
        rows = refunds.of_charge(session, paid.id)
        left_cents = theirs_cents(session, paid)
    given = table(
        "when", "by", "way", "state", "amount$", "gateway", "reason", title=f"{dollars(paid.amount_cents)} paid"
    )
    for row in rows:
        given.add_row(
            moment(row.claimed_at, owner.timezone), row.asked_by, row.way, state_of_refund(row, owner.timezone),
            dollars(row.amount_cents), row.gateway_id or "", row.reason or row.processor_code or row.asked_why,
        )  # fmt: skip
    console().print(given if rows else "Nothing was given back of it.")
    if left_cents:
        console().print(
            f"{dollars(left_cents)} of it is the customer's own: a refund did not arrive. Give it back again."
        )


def _charge(charge_name: str, slug: str) -> tuple[Organisation, Charge]:
    owner = organisation_named(slug)
    with ports().database.read(owner.id) as session:
        found = _named(session, charge_name.strip())
    if found is None:
        with refusals_said():
            raise Refused("charge_unknown")
    return owner, found


def _named(session: Session, name: str) -> Charge | None:
    receipt = message.receipt_by_number(session, name.upper())
    return charge.by_id(session, receipt.charge_id if receipt else name)


def _share(slug: str, service_reference: str, amount_cents: int) -> tuple[Share, ...]:
    with refusals_said(), ports().database.read(organisation_named(slug).id) as session:
        found = services.by_reference(session, service_reference)
        if found is None:
            raise Refused("service_unknown")
        return (Share(found.id, amount_cents),)


def _give_back(charge_name: str, slug: str, *, key: str | None, **wish: Any) -> None:
    owner, paid = _charge(charge_name, slug)
    request_key = key or uuid.uuid4().hex
    asked = RefundWish(request_key=request_key, charge_id=paid.id, by=staff(), **wish)
    with refusals_said():
        result = refund_charge(ports(), owner.id, asked, ports().timing.worker_timeout)
    _say(result, request_key)


def _say(result: RefundResult, request_key: str) -> None:
    way = "void" if result.way is RefundWay.void else "refund"
    reason = f" ({result.reason})" if result.reason and result.state is not ChargeState.succeeded else ""
    console().print(f"{dollars(result.amount_cents)}, {way}: {_SAID[result.state]}{reason}")
    console().print(f"refund {result.refund_id}, key {request_key}")
    if result.state is not ChargeState.succeeded:
        raise SystemExit(2)
