"""`flask --app wsgi cancel`, `move`, `skip` and `retry`: what staff change in scheduled payments, each of them told to
the customer.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import click
from flask.cli import with_appcontext

from portal.domain.charge import ChargeState
from portal.domain.refusal import Refused
from portal.storage import Session, obligation, schedule
from portal.storage.organisation import Organisation
from portal.usecases import schedule_change
from portal.usecases.schedule_change import Cancelled
from portal.usecases.schedule_retry import try_again
from portal.web.command_line.desk import console, find_in_any, ports, refusals_said, staff

T = TypeVar("T")


@click.command("cancel")
@click.argument("subject_id", metavar="SCHEDULE_OR_PAYMENT")
@with_appcontext
def cancel(subject_id: str) -> None:
    """Cancel a whole schedule, or one payment of it: the id says which. Nothing of it is charged from now on."""
    with refusals_said():
        owner, whole = _owner(lambda session: _is_schedule(session, subject_id), "schedule_or_payment_unknown")
        change = schedule_change.cancel if whole else schedule_change.cancel_one
        done = change(ports(), owner.id, subject_id, staff())
    _say(owner, done, "cancelled")


@click.command("skip")
@click.argument("payment_id", metavar="PAYMENT")
@with_appcontext
def skip(payment_id: str) -> None:
    """Leave one payment out; what it was for stays owed. An instalment of a plan goes to the plan's end."""
    with refusals_said():
        owner = _owner_of_payment(payment_id)
        done = schedule_change.skip(ports(), owner.id, payment_id, staff())
    _say(owner, done, "left out")


@click.command("move")
@click.argument("payment_id", metavar="PAYMENT")
@click.argument("to_on", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]))
@with_appcontext
def move(payment_id: str, to_on: datetime) -> None:
    """Put one payment on another DATE, such as 2026-12-04; weekends and holidays are minded."""
    with refusals_said():
        owner = _owner_of_payment(payment_id)
        day = schedule_change.move(ports(), owner.id, payment_id, to_on.date(), staff())
    console().print(f"{owner.slug}: it is charged on {day:%A, %Y-%m-%d}.")


@click.command("retry")
@click.argument("payment_id", metavar="PAYMENT")
@with_appcontext
def retry(payment_id: str) -> None:
    """Try a declined payment again now. Refused where the card schemes forbid it."""
    with refusals_said():
        owner = _owner_of_payment(payment_id)
        result = try_again(ports(), owner.id, payment_id, staff())
    state = result.state.value if result.state else "not tried"
    console().print(f"{owner.slug}: {state}; the payment is {result.obligation_status}. See: explain {payment_id}")
    if result.state is not ChargeState.succeeded:
        raise SystemExit(2)


def _is_schedule(session: Session, subject_id: str) -> bool | None:
    if schedule.by_id(session, subject_id) is not None:
        return True
    return False if obligation.by_id(session, subject_id) is not None else None


def _owner_of_payment(payment_id: str) -> Organisation:
    return _owner(lambda session: obligation.by_id(session, payment_id), "payment_unknown")[0]


def _owner(question: Callable[[Session], T | None], unknown: str) -> tuple[Organisation, T]:
    found = find_in_any(question)
    if found is None:
        raise Refused(unknown)
    return found


def _say(owner: Organisation, done: Cancelled, word: str) -> None:
    told = f"{owner.slug}: {done.payments} {word}"
    if done.put_off:
        told += f", {done.put_off} put off to the end of its plan"
    if done.under_way:
        told += f", {done.under_way} on the way: given back if it is taken, and the customer is told"
    console().print(f"{told}.")
