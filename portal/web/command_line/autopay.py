"""`flask --app wsgi autopay ...`: whether clients may choose it, who has it, and turning one off with a reason.

For operators. Nobody here turns it on for a client: it is their own choice.
"""

from typing import Any

import click
from flask.cli import AppGroup

from portal.usecases import autopay_desk
from portal.usecases.autopay import turn_off
from portal.usecases.autopay_desk import Offered
from portal.web.command_line.desk import (
    console,
    dollars,
    moment,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    staff,
    table,
)

LISTED_MAX = 500
autopay = AppGroup("autopay", help="AutoPay for services: offer it, see who has it, turn one off.")


@autopay.command("offer")
@organisation_option
@click.option("--off", is_flag=True, help="Clients may not choose it any more, and nothing is charged by it.")
@click.option("--quiet-days", type=click.IntRange(1, 90), help="Nothing may have changed about a service so long.")
@click.option("--notice-days", type=click.IntRange(10, 12), help="How long before a payment it is announced.")
def offer(slug: str, off: bool, **days: Any) -> None:
    """Let clients choose AutoPay. What they have authorized keeps its own days."""
    owner = organisation_named(slug)
    with refusals_said(), ports().database.transaction(owner.id) as session:
        before = autopay_desk.offered(session)
        wish = Offered(not off, days["quiet_days"] or before.quiet_days, days["notice_days"] or before.notice_days)
        autopay_desk.offer(session, wish, by=staff(), now=ports().clock.now())
    said = f"on, announced after {wish.quiet_days} quiet days, {wish.notice_days} days before"
    console().print(f"{slug}: AutoPay is {'off' if off else said}")


@autopay.command("list")
@organisation_option
def list_(slug: str) -> None:
    """Who has it on, the newest first, with the payment that comes next."""
    owner = organisation_named(slug)
    with ports().database.read(owner.id) as session:
        lines = autopay_desk.listed(session, "", LISTED_MAX)
    listed = table("account", "customer", "card", "limit$", "on since", "next", "amount$")
    for each in lines:
        coming = each.coming
        listed.add_row(
            each.account.reference, each.customer.reference, f"{each.card.brand} {each.card.last4}",
            dollars(each.row.limit_cents), moment(each.row.made_at, owner.timezone),
            f"{coming.due_on} {coming.status}" if coming else "", dollars(coming.amount_cents) if coming else "",
        )  # fmt: skip
    console().print(listed if lines else "Nobody has it on.")


@autopay.command("stop")
@organisation_option
@click.argument("reference", metavar="ACCOUNT")
@click.option("--why", required=True, metavar="WORDS", help="For the record; the customer does not see it.")
def stop(reference: str, why: str, slug: str) -> None:
    """Turn AutoPay off on ACCOUNT: nothing more is charged by it, and the client is told."""
    owner = organisation_named(slug)
    with refusals_said():
        with ports().database.read(owner.id) as session:
            owed_on = autopay_desk.account_named(session, reference)
        was_on = turn_off(ports(), owner.id, owed_on.customer_id, owed_on.id, staff(), why)
    console().print(f"{reference}: AutoPay is off" if was_on else f"{reference}: it was off")
