"""`flask --app wsgi subscription ...`: programs, and the subscriptions participants are assigned to pay until the end.

For operators. Every rule is asked by the use cases; what they refuse is said in a sentence.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import click
from flask.cli import AppGroup

from portal.domain.due_date import local_date
from portal.domain.money import parse_amount
from portal.domain.refusal import Refused
from portal.domain.subscription import ChangeKind, SubscriptionState, period_of, periods
from portal.storage import Session
from portal.storage import customer as customers
from portal.storage import subscription as subscriptions
from portal.storage.subscription import Subscription
from portal.usecases.subscription import (
    Assignment,
    Manager,
    assign,
    features_of,
    locked,
    set_manager,
    set_program,
    terms_of,
)
from portal.usecases.subscription_change import ask
from portal.usecases.subscription_deadline import announce, reopen
from portal.usecases.subscription_worth import Wish
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
from portal.web.command_line.typed import DOLLARS

subscription = AppGroup("subscription", help="Subscriptions: what participants pay each month until a program ends.")
LISTED_MAX = 500
DAY = click.DateTime(["%Y-%m-%d"])


@subscription.command("program")
@organisation_option
@click.argument("name", required=False)
@click.option("--feature", "features", multiple=True, metavar="NAME=DOLLARS", help="What it gives and costs a month.")
def program(name: str | None, features: tuple[str, ...], slug: str) -> None:
    """Say what program NAME gives and costs a month; without NAME, list the programs."""
    owner = organisation_named(slug)
    if name is None:
        with ports().database.read(owner.id) as session:
            found = subscriptions.programs(session)
        listed = table("program", "feature", "a month$")
        for row in found:
            for each in row.features:
                listed.add_row(row.name, each["name"], dollars(each["monthly_cents"]))
        console().print(listed if found else "There are no programs.")
        return
    with refusals_said(), ports().database.transaction(owner.id) as session:
        row = set_program(session, name, _costs(features), staff(), ports().clock.now())
        console().print(f"{row.name}: {len(row.features)} features")


@subscription.command("assign")
@organisation_option
@click.argument("customer_reference", metavar="CUSTOMER")
@click.argument("program_name", metavar="PROGRAM")
@click.option("--start", type=DAY, required=True, help="The first day of the program, like 2026-12-01.")
@click.option("--end", type=DAY, required=True, help="The last day of the program; nothing is charged after it.")
@click.option("--billing-day", type=click.IntRange(1, 31), help="31 is the last day. Without: the start's.")
@click.option("--share", "shares", multiple=True, metavar="NAME=DOLLARS", help="A feature and what they pay "
              "of it a month, once for each. Without: everything, whole.")  # fmt: skip
@click.option("--manager", required=True, metavar="NAME", help="The case manager.")
@click.option("--manager-email", required=True)
@click.option("--manager-phone", required=True)
@click.option("--activation-days", type=int, metavar="N", help="How long it can be activated.")
def assign_one(
    customer_reference: str,
    program_name: str,
    start: datetime,
    end: datetime,
    billing_day: int | None,
    shares: tuple[str, ...],
    manager: str,
    manager_email: str,
    manager_phone: str,
    activation_days: int | None,
    slug: str,
) -> None:
    """Assign a subscription to PROGRAM to CUSTOMER, who is told by email or text."""
    owner = organisation_named(slug)
    now = ports().clock.now()
    with refusals_said(), ports().database.transaction(owner.id) as session:
        person = customers.by_reference(session, customer_reference)
        known = subscriptions.program_named(session, program_name)
        if person is None:
            raise Refused("customer_unknown")
        if known is None:
            raise Refused("program_unknown")
        order = Assignment(
            customer_id=person.id,
            program_id=known.id,
            start_on=_day(start),
            end_on=_day(end),
            manager=Manager(manager, manager_email, manager_phone),
            shares=_costs(shares),
            billing_day=billing_day,
            activation_days=activation_days,
        )
        row = assign(session, order, staff(), now)
        promised = announce(session, row, now)
        said = f"{row.reference}: {dollars(row.price_cents)} a month until {row.end_on}"
        console().print(f"{said}; to be activated until {moment(row.activate_by, owner.timezone)}")
    for message_id in promised:
        ports().doorbell.ring_message(owner.id, message_id)


@subscription.command("reopen")
@organisation_option
@click.argument("reference")
@click.option("--activation-days", type=int, metavar="N", help="How long it can be activated.")
def reopen_one(reference: str, activation_days: int | None, slug: str) -> None:
    """Let a subscription that nobody activated in time wait once more; its participant is told."""
    owner = organisation_named(slug)
    with refusals_said():
        with ports().database.read(owner.id) as session:
            found = named(session, reference)
        row = reopen(ports(), owner.id, found.id, activation_days, staff())
    console().print(f"{row.reference}: to be activated until {moment(row.activate_by, owner.timezone)}")


@subscription.command("manager")
@organisation_option
@click.argument("reference")
@click.option("--manager", required=True, metavar="NAME", help="The case manager from now on.")
@click.option("--manager-email", required=True)
@click.option("--manager-phone", required=True)
def manager_of(reference: str, manager: str, manager_email: str, manager_phone: str, slug: str) -> None:
    """Name another case manager for a subscription."""
    owner = organisation_named(slug)
    now = ports().clock.now()
    with refusals_said(), ports().database.transaction(owner.id) as session:
        row = locked(session, named(session, reference).id)
        set_manager(session, row, Manager(manager, manager_email, manager_phone), staff(), now)
        console().print(f"{row.reference}: {row.manager_name}")


def _change_command(kind: ChangeKind, about: str) -> None:
    """Hangs one change on the group; each takes only what it needs.

    What two people decide is asked for and decided at the console: here nobody proves who they are.
    """

    def run(reference: str, why: str, slug: str, **given: Any) -> None:
        owner = organisation_named(slug)
        until: datetime | None = given.get("until")
        wish = Wish(kind, _day(until) if until else None, given.get("numbers", ()), given.get("amount_cents"))
        with refusals_said():
            with ports().database.read(owner.id) as session:
                found = named(session, reference)
            ask(ports(), owner.id, found.id, wish, why, staff(), may_wait=False)
        console().print(f"{reference}: done")

    command: Any = click.option("--why", required=True, metavar="TEXT", help="The reason, for the record.")(run)
    if kind in {ChangeKind.extend, ChangeKind.shorten}:
        command = click.option("--until", type=DAY, required=True, help="The new last day of the program.")(command)
    if kind in {ChangeKind.waive, ChangeKind.reduce}:
        command = click.option(
            "--payment", "numbers", type=int, multiple=True, required=True, help="Its number; once for each."
        )(command)
    if kind is ChangeKind.reduce:
        command = click.option("--to", "amount_cents", type=DOLLARS, required=True, help="What each costs.")(command)
    command = click.argument("reference")(organisation_option(command))
    subscription.command(kind.value, help=about)(command)


for _kind, _about in (
    (ChangeKind.extend, "Make a program longer; what is added is charged ten days from now at the earliest."),
    (ChangeKind.shorten, "Make a program shorter; nothing is charged for days after its new end."),
    (ChangeKind.pause, "Charge nothing until it is resumed."),
    (ChangeKind.resume, "Go on; what fell into the pause is neither charged nor owed."),
    (ChangeKind.waive, "Neither charge nor ask for some payments."),
    (ChangeKind.reduce, "Lower some payments."),
    (ChangeKind.cancel, "Charge nothing more, for good."),
):
    _change_command(_kind, _about)


@subscription.command("list")
@organisation_option
@click.option("--state", type=click.Choice([each.value for each in SubscriptionState]), help="Only these.")
def list_(state: str | None, slug: str) -> None:
    """Subscriptions, newest first."""
    owner = organisation_named(slug)
    with ports().database.read(owner.id) as session:
        found = subscriptions.listed(session, state, LISTED_MAX)
        people = {row.customer_id: customers.by_id(session, row.customer_id) for row in found}
    listed = table("subscription", "customer", "program", "state", "until", "a month$")
    for row in found:
        person = people[row.customer_id]
        listed.add_row(
            row.reference, person.reference if person else "", row.program_name, row.state, row.end_on.isoformat(),
            dollars(row.price_cents),
        )  # fmt: skip
    console().print(listed if found else "There are no subscriptions.")


@subscription.command("show")
@organisation_option
@click.argument("reference")
def show(reference: str, slug: str) -> None:
    """Everything about one: what it gives, each date until the end, what was written about it."""
    owner = organisation_named(slug)
    today = local_date(ports().clock.now(), owner.timezone)
    with refusals_said(), ports().database.read(owner.id) as session:
        row = named(session, reference)
        reports, changes = subscriptions.reports_of(session, row.id), subscriptions.changes_of(session, row.id)
    console().print(f"{row.reference}: {row.program_name}, {row.state}, {row.start_on} to {row.end_on}")
    console().print(f"case manager {row.manager_name}, {row.manager_email}, {row.manager_phone}")
    given = table("feature", "a month$", "participant$")
    for each in features_of(row):
        given.add_row(each.name, dollars(each.monthly_cents), dollars(each.share_cents))
    console().print(given)
    dates = table("payment", "charged", "for", "amount$")
    for period in [period_of(each) for each in row.periods] or periods(terms_of(row), today):
        days = f"{period.begins_on} to {period.ends_on}"
        dates.add_row(str(period.number), period.due_on.isoformat(), days, dollars(period.amount_cents))
    console().print(dates)
    for report in reports:
        console().print(f"{moment(report.made_at, owner.timezone)} {report.kind}: {report.said}")
    for change in changes:
        said = f"{change.kind} ({dollars(change.worth_cents)}), {change.state}: {change.why}"
        console().print(f"{moment(change.asked_at, owner.timezone)} {change.id} {said}")


def named(session: Session, reference: str) -> Subscription:
    """The subscription of the number people read out. Refused `subscription_unknown`."""
    row = subscriptions.by_reference(session, reference)
    if row is None:
        raise Refused("subscription_unknown")
    return row


def _costs(given: Iterable[str]) -> dict[str, int]:
    """GPS=45.00 as names and cents."""
    costs: dict[str, int] = {}
    for each in given:
        name, _, amount = each.rpartition("=")
        try:
            costs[name] = parse_amount(amount)
        except Refused as refused:
            raise click.BadParameter(f"write a name and dollars, like GPS=45.00, not {each!r}") from refused
    return costs


def _day(at: datetime) -> date:
    return date(at.year, at.month, at.day)
