"""`flask --app wsgi explain OBLIGATION_ID`: why was this not charged? Every rule that holds it, and until when."""

import click
from flask.cli import with_appcontext

from portal.domain.refusal import Refused
from portal.storage import obligation
from portal.usecases.explain import explain
from portal.web.command_line.desk import (
    console,
    dollars,
    find_in_any,
    moment,
    ports,
    refusals_said,
    state_of_refund,
    table,
)


@click.command("explain")
@click.argument("obligation_id", metavar="OBLIGATION_ID")
@with_appcontext
def explain_obligation(obligation_id: str) -> None:
    """Say what would keep this obligation from being charged now, and what was tried so far."""
    found = find_in_any(lambda session: obligation.by_id(session, obligation_id))
    with refusals_said():
        if found is None:
            raise Refused("obligation_unknown")
        owner, _ = found
        with ports().database.read(owner.id) as session:
            told = explain(session, obligation_id, ports().clock.now())
    due, out = told.due, console()
    out.print(
        f"{owner.slug}: {due.kind} of {dollars(due.amount_cents)}, due {moment(due.due_at, owner.timezone)}, "
        f"{due.status}"
    )
    if told.ended_by:
        out.print(f"It ended unpaid: {told.ended_by}")
    if not told.standing:
        out.print("No rule stands against it: the next run charges it.")
    else:
        rules = table("rule", "until", "what it says", title="What keeps it from being charged now")
        for each in told.standing:
            rules.add_row(each.rule.code, moment(each.until, owner.timezone) or "it changes", each.sentence)
        out.print(rules)
    if told.attempts:
        tried = table("n", "claimed", "state", "amount$", "code", "reason", "gateway", title="What was tried")
        for row in told.attempts:
            tried.add_row(
                str(row.n), moment(row.claimed_at, owner.timezone), row.state, dollars(row.amount_cents),
                row.processor_code or "", row.reason or "", row.gateway_id or "",
            )  # fmt: skip
        out.print(tried)
    if told.refunds:
        given = table("claimed", "way", "state", "amount$", "reason", "gateway", title="What was given back")
        for back in told.refunds:
            given.add_row(
                moment(back.claimed_at, owner.timezone), back.way, state_of_refund(back, owner.timezone),
                dollars(back.amount_cents), back.reason or back.processor_code or "", back.gateway_id or "",
            )  # fmt: skip
        out.print(given)
