"""`flask --app wsgi plan ...`: payment plans from offer to end, their signed papers, and presets.

For operators. Every rule is asked by the use cases; what they refuse is said in a sentence.
"""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from portal.domain.due_date import Frequency, Rhythm, local_date
from portal.domain.money import parse_amount
from portal.domain.plan import PlanKind, PlanState, PlanWish
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import plan as plans
from portal.storage.organisation import Organisation
from portal.storage.plan import Plan, PlanPreset
from portal.usecases.plan import (
    CHANNELS,
    PlanOrder,
    listed,
    make,
    offer,
    payable_cents,
    wish_of_preset,
)
from portal.usecases.plan_life import cancel, change, current, pause, payable_of_change, resume
from portal.usecases.plan_preset import set_preset
from portal.usecases.signed_paper import take_out
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
why_option = click.option("--why", metavar="WORDS", help="For the record; the customer does not see it.")


@click.group("plan")
def plan() -> None:
    """Payment plans: offered to a customer, signed, kept, ended."""


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    """What a plan is made of, the same for a new one and a changed one."""
    for option in (
        click.option("--preset", metavar="NAME", help="Take everything that is not given from this preset."),
        click.option("--settlement", metavar="DOLLARS", help="Pay this much in all; the rest is forgiven at the end."),
        click.option("--total", metavar="DOLLARS", help="A part of what is owed. Without it: all of it."),
        click.option("--down", metavar="DOLLARS", help="What is paid when it is signed."),
        click.option("--instalments", type=int, metavar="N", help="Into how many equal parts the rest is cut."),
        click.option("--each", metavar="DOLLARS", help="Or: this much each time; the last one is what is left."),
        click.option("--frequency", type=click.Choice([each.value for each in Frequency]), help="Without: monthly."),
        click.option("--first", type=click.DateTime(["%Y-%m-%d"]), help="The first date, like 2026-12-01."),
        click.option("--weekday", type=click.IntRange(0, 6), help="Of a weekly payday: 0 is Monday."),
        click.option("--payday", type=click.DateTime(["%Y-%m-%d"]), help="A known payday, for every two weeks."),
        click.option("--days", metavar="A,B", help="Two days of the month, like 1,15."),
        click.option("--by", type=click.Choice(CHANNELS), help="How the offer goes. Without: what is on file."),
        click.option("--offer-days", type=int, metavar="N", help="How long it can be signed."),
    ):
        command = option(command)
    return command


@plan.command("make")
@organisation_option
@click.option("--account", "reference", required=True, metavar="REFERENCE", help="The account it is about.")
@terms_options
@click.option("--draft", "stays_draft", is_flag=True, help="Make it, and offer it later.")
@with_appcontext
def plan_make(slug: str, reference: str, stays_draft: bool, **typed: Any) -> None:
    """Make a plan on an account and offer it to its customer."""
    paid_to = organisation_named(slug)
    now = ports().clock.now()

    def work(session: Session) -> Plan:
        account = accounts.by_reference(session, reference)
        if account is None:
            raise Refused("account_unknown")
        wish, filled = _wish(session, paid_to, payable_cents(session, account), typed, now)
        order = PlanOrder(account.id, wish, filled["by"], filled["offer_days"])
        return make(session, order, staff(), now)

    with refusals_said():
        row = ports().database.run(paid_to.id, work)
        if not stays_draft:
            row = offer(ports(), paid_to.id, row.id, staff())
    _show(row, paid_to)


@plan.command("offer")
@organisation_option
@click.argument("reference", metavar="PLAN")
@with_appcontext
def plan_offer(slug: str, reference: str) -> None:
    """Offer a draft to its customer."""
    paid_to, row = _latest(slug, reference)
    with refusals_said():
        _show(offer(ports(), paid_to.id, row.id, staff()), paid_to)


@plan.command("list")
@organisation_option
@click.option("--state", type=click.Choice([each.value for each in PlanState]), help="Only those that stand so.")
@with_appcontext
def plan_list(slug: str, state: str | None) -> None:
    """List plans, newest first."""
    paid_to = organisation_named(slug)
    with ports().database.read(paid_to.id) as session:
        rows = plans.listed(session, state, LISTED_MAX)
        owed_on = {row.account_id: accounts.by_id(session, row.account_id) for row in rows}
    shown = table("plan", "version", "state", "account", "total$", "forgives$", "payments$", "offer ends", "signed")
    for row in rows:
        account = owed_on[row.account_id]
        forgives = row.balance_cents - row.total_cents if row.kind == PlanKind.settlement else 0
        shown.add_row(
            row.reference, str(row.edition), row.state + (f" ({row.paused_for})" if row.paused_for else ""),
            account.reference if account else "", dollars(row.total_cents), dollars(forgives),
            str(len(row.instalments) + bool(row.down_cents)), moment(row.expires_at, paid_to.timezone),
            moment(row.signed_at, paid_to.timezone),
        )  # fmt: skip
    console().print(shown)


@plan.command("show")
@organisation_option
@click.argument("reference", metavar="PLAN")
@with_appcontext
def plan_show(slug: str, reference: str) -> None:
    """Show the latest version of a plan: every date and amount."""
    paid_to, row = _latest(slug, reference)
    _show(row, paid_to)


@plan.command("papers")
@organisation_option
@click.argument("reference", metavar="PLAN")
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="A folder.")
@with_appcontext
def plan_papers(slug: str, reference: str, folder: Path) -> None:
    """Take the signed papers of a plan out, and check them against the signature. The audit trail says who did."""
    paid_to, row = _standing(slug, reference)
    with refusals_said():
        papers = take_out(ports(), paid_to.id, row.id, staff())
    if not papers.as_signed:
        raise click.ClickException("The kept papers are not those that were signed: restore them from a backup.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("agreement", papers.agreement), ("schedule", papers.schedule)):
        path = folder / f"{row.reference}-{row.edition}-{name}.pdf"
        path.write_bytes(content)
        console().print(str(path), soft_wrap=True)
    console().print("They are byte for byte what was signed.")
    if not papers.printed_again:
        console().print("Printed from their facts today they look otherwise: the printing program has changed since.")


@plan.command("cancel")
@organisation_option
@click.argument("reference", metavar="PLAN")
@why_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def plan_cancel(slug: str, reference: str, why: str | None, yes: bool) -> None:
    """End a plan: nothing more is debited, and the customer is told."""
    paid_to, row = _standing(slug, reference)
    if not yes:
        click.confirm(f"Cancel {row.reference}, which is {row.state}?", abort=True)
    with refusals_said():
        _show(cancel(ports(), paid_to.id, row.id, staff(), why), paid_to)


@plan.command("pause")
@organisation_option
@click.argument("reference", metavar="PLAN")
@why_option
@with_appcontext
def plan_pause(slug: str, reference: str, why: str | None) -> None:
    """Charge nothing until it is resumed; the customer is told."""
    paid_to, row = _standing(slug, reference)
    with refusals_said():
        _show(pause(ports(), paid_to.id, row.id, staff(), why), paid_to)


@plan.command("resume")
@organisation_option
@click.argument("reference", metavar="PLAN")
@why_option
@with_appcontext
def plan_resume(slug: str, reference: str, why: str | None) -> None:
    """Go on with a paused plan; what was missed goes to the end, and the customer is told."""
    paid_to, row = _standing(slug, reference)
    with refusals_said():
        _show(resume(ports(), paid_to.id, row.id, staff(), why), paid_to)


@plan.command("change")
@organisation_option
@click.argument("reference", metavar="PLAN")
@terms_options
@why_option
@with_appcontext
def plan_change(slug: str, reference: str, why: str | None, **typed: Any) -> None:
    """Offer a new version of a plan, to be signed afresh; from now on the old one charges nothing."""
    paid_to, row = _current(slug, reference)
    now = ports().clock.now()
    with refusals_said():
        with ports().database.read(paid_to.id) as session:
            account = accounts.by_id(session, row.account_id)
            if account is None:
                raise Refused("account_unknown")
            payable = payable_of_change(session, account, row)
            wish, filled = _wish(session, paid_to, payable, typed, now)
        changed = change(
            ports(), paid_to.id, row.id, wish, staff(),
            channels=filled["by"], offer_days=filled["offer_days"], why=why,
        )  # fmt: skip
    _show(changed, paid_to)


@plan.command("preset")
@organisation_option
@click.argument("name", required=False)
@click.option("--settlement-percent", type=click.FloatRange(0.01, 99.99), help="Of what is owed; without: all of it.")
@click.option("--down-percent", type=click.FloatRange(0, 99.99), default=0.0, show_default=True)
@click.option("--instalments", type=click.IntRange(1, 520))
@click.option("--frequency", type=click.Choice([each.value for each in Frequency]), default="monthly")
@click.option("--first-in", type=click.IntRange(0, 180), default=7, show_default=True, help="Days until the first one.")
@click.option("--by", type=click.Choice(CHANNELS), default="email", show_default=True)
@click.option("--offer-days", type=click.IntRange(1, 180), default=14, show_default=True)
@with_appcontext
def plan_preset(slug: str, name: str | None, instalments: int | None, **typed: Any) -> None:
    """List the presets, or set one: `plan preset "Half a year" --instalments 6`."""
    paid_to = organisation_named(slug)
    if name is not None and instalments is None:
        raise click.UsageError("a preset needs --instalments")
    if name is not None:
        share = typed["settlement_percent"]
        row = PlanPreset(
            name=name,
            settlement_basis_points=round(share * 100) if share is not None else None,
            down_basis_points=round(typed["down_percent"] * 100),
            number=instalments,
            frequency=typed["frequency"],
            first_in_days=typed["first_in"],
            channels=typed["by"],
            offer_days=typed["offer_days"],
        )
        with refusals_said():
            ports().database.run(paid_to.id, lambda session: set_preset(session, row, staff(), ports().clock.now()))
    shown = table("preset", "settles at$", "down$", "payments$", "rhythm", "first in$", "by", "offer days$")
    with ports().database.read(paid_to.id) as session:
        for each in plans.presets(session):
            settles = f"{each.settlement_basis_points / 100:g} %" if each.settlement_basis_points else ""
            shown.add_row(
                each.name, settles, f"{each.down_basis_points / 100:g} %", str(each.number), each.frequency,
                f"{each.first_in_days} days", each.channels, str(each.offer_days),
            )  # fmt: skip
    console().print(shown)


def _wish(
    session: Session, paid_to: Organisation, payable: int, typed: dict[str, Any], now: datetime
) -> tuple[PlanWish, dict[str, Any]]:
    """The wish that was typed, with what is missing from the preset; and the channel and days with it."""
    today = local_date(now, paid_to.timezone)
    preset = plans.preset(session, " ".join(typed["preset"].split())) if typed["preset"] else None
    if typed["preset"] and preset is None:
        raise Refused("plan_preset_unknown")
    base = wish_of_preset(preset, payable, today) if preset is not None else None
    if typed["settlement"] and typed["total"]:
        raise click.UsageError("give --settlement or --total, not both")
    if typed["first"] is None and base is None:
        raise click.UsageError("give --first, or a --preset")
    if typed["instalments"] is None and typed["each"] is None and base is None:
        raise click.UsageError("give --instalments or --each, or a --preset")
    start_on = typed["first"].date() if typed["first"] else (base.rhythm.start_on if base else today)
    frequency = Frequency(typed["frequency"] or (base.rhythm.frequency.value if base else "monthly"))
    amounts = base.amounts if base is not None else Amounts(AmountsKind.evenly, typed["instalments"])
    if typed["instalments"] is not None:
        amounts = Amounts(AmountsKind.evenly, typed["instalments"])
    if typed["each"] is not None:
        amounts = Amounts(AmountsKind.fixed, None, parse_amount(typed["each"]))
    kind, total = (base.kind, base.total_cents) if base is not None else (PlanKind.total, None)
    if typed["settlement"]:
        kind, total = PlanKind.settlement, parse_amount(typed["settlement"])
    if typed["total"]:
        kind, total = PlanKind.total, parse_amount(typed["total"])
    wish = PlanWish(
        kind=kind,
        rhythm=Rhythm(
            frequency,
            start_on,
            weekday=typed["weekday"] if typed["weekday"] is not None else (base.rhythm.weekday if base else None),
            payday_on=typed["payday"].date() if typed["payday"] else (base.rhythm.payday_on if base else None),
            days=_days(typed["days"]) if typed["days"] else (base.rhythm.days if base else ()),
        ),
        amounts=amounts,
        total_cents=total,
        down_cents=parse_amount(typed["down"]) if typed["down"] else (base.down_cents if base else 0),
    )
    return wish, {
        "by": typed["by"] or (preset.channels if preset else None),
        "offer_days": typed["offer_days"] or (preset.offer_days if preset else None),
    }


def _days(typed: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in typed.split(","))
    except ValueError as error:
        raise click.BadParameter("give two days of the month like 1,15", param_hint="--days") from error


def _editions(slug: str, reference: str) -> tuple[Organisation, list[Plan]]:
    paid_to = organisation_named(slug)
    with ports().database.read(paid_to.id) as session:
        rows = plans.editions(session, reference.strip().upper())
    if not rows:
        raise click.ClickException("There is no such plan in this organisation.")
    return paid_to, rows


def _latest(slug: str, reference: str) -> tuple[Organisation, Plan]:
    paid_to, rows = _editions(slug, reference)
    return paid_to, rows[-1]


def _current(slug: str, reference: str) -> tuple[Organisation, Plan]:
    """The version a change is made of: not one that was withdrawn or ran out while another stands."""
    paid_to, rows = _editions(slug, reference)
    return paid_to, current(rows)


def _standing(slug: str, reference: str) -> tuple[Organisation, Plan]:
    """The version under a signature, if there is one: a change that waits to be signed is ended with it."""
    paid_to, rows = _editions(slug, reference)
    return paid_to, next((row for row in rows if row.state in {"signed", "paused"}), rows[-1])


def _show(row: Plan, paid_to: Organisation) -> None:
    ends = f", can be signed until {moment(row.expires_at, paid_to.timezone)}" if row.state == "offered" else ""
    out = console()
    out.print(f"{row.reference} version {row.edition}: {row.state}{ends}")
    forgives = row.balance_cents - row.total_cents if row.kind == PlanKind.settlement else 0
    forgiven = f", forgives {dollars(forgives)} at the end" if forgives else ""
    out.print(f"{dollars(row.total_cents)} of {dollars(row.balance_cents)}{forgiven}")
    shown = table("#$", "date", "amount$", "moved from")
    if row.down_cents:
        shown.add_row("1", "at signing", dollars(row.down_cents), "")
    for each in listed(row):
        shown.add_row(str(each.number), each.due_on.isoformat(), dollars(each.amount_cents), _iso(each.moved_from))
    out.print(shown)


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""
