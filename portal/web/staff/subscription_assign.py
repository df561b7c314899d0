"""Assigning a subscription: which program, then to whom, what they pay of each feature, from when to when, whose case.

The use cases are those of `flask --app wsgi subscription assign`; the participant is told when it is done.
"""

from collections.abc import Callable
from typing import TypeVar

from flask import abort, flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.money import parse_amount
from portal.domain.refusal import Refused
from portal.domain.staff import WORKERS
from portal.storage import customer as customers
from portal.storage import subscription as subscriptions
from portal.storage.subscription import Program
from portal.usecases.subscription import Assignment, Manager, assign, just_assigned
from portal.usecases.subscription_deadline import announce
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.staff.door import path_of
from portal.web.staff.guard import Here, page_for
from portal.web.staff.subscription_words import day_typed, sentence, told

T = TypeVar("T")
FIELDS = ("customer", "start", "end", "billing_day", "manager", "manager_email", "manager_phone")
PLACES = {
    "customer_unknown": "customer",
    "manager_unreachable": "manager",
    "subscription_words": "manager",
    "subscription_dates": "end",
    "subscription_past": "end",
    "subscription_long": "end",
    "subscription_day": "billing_day",
    "subscription_free": "share-1",
    "subscription_features": "share-1",
    "subscription_share": "share-1",
    "amount_above_maximum": "share-1",
}


@page_for(WORKERS, "/subscriptions/programs")
def subscription_programs(here: Here) -> AnyResponse:
    """Which program."""
    with ports().database.read(organisation().id) as session:
        found = [each for each in subscriptions.programs(session) if each.is_active]
    return page("staff/subscription_programs.html", found=found, path_of=path_of)


@page_for(WORKERS, "/subscriptions/assign/<visit:program_id>")
def subscription_assign(here: Here, program_id: str) -> AnyResponse:
    """The form, with each feature at its whole price."""
    program = _program(program_id)
    typed = {f"share-{number}": f"{each['monthly_cents'] / 100:.2f}" for number, each in enumerate(program.features, 1)}
    return _form(program, typed, {}, 200)


@page_for(WORKERS, "/subscriptions/assign/<visit:program_id>", "POST", name="subscription_assign_post")
def assign_post(here: Here, program_id: str) -> AnyResponse:
    """Assigns it and tells the participant, or says which field is wrong. Pressed twice, it is assigned once."""
    program = _program(program_id)
    names = [*FIELDS, *(f"share-{number}" for number in range(1, len(program.features) + 1))]
    typed = {name: request.form.get(name, "").strip()[:200] for name in names}
    errors: dict[str, str] = {}
    start_on, end_on = (_read(errors, name, typed[name], day_typed) for name in ("start", "end"))
    shares: dict[str, int] = {}
    for number, each in enumerate(program.features, 1):
        name = f"share-{number}"
        cents = _read(errors, name, typed[name], parse_amount) if typed[name] else None
        if cents is not None:
            shares[str(each["name"])] = cents
    day = typed["billing_day"]
    if day and not (day.isascii() and day.isdigit()):
        errors["billing_day"] = sentence(Refused("subscription_day"))
    if not shares and not any(name.startswith("share-") for name in errors):
        errors["share-1"] = sentence(Refused("subscription_features"))
    if errors or start_on is None or end_on is None:
        return _form(program, typed, errors, 422)
    now = ports().clock.now()
    try:
        with ports().database.transaction(organisation().id) as session:
            person = customers.by_reference(session, typed["customer"])
            if person is None:
                raise Refused("customer_unknown")
            order = Assignment(
                customer_id=person.id,
                program_id=program.id,
                start_on=start_on,
                end_on=end_on,
                manager=Manager(typed["manager"], typed["manager_email"], typed["manager_phone"]),
                shares=shares,
                billing_day=int(day) if day else None,
            )
            customers.lock(session, person.id)  # of two presses at once the second finds what the first one made
            made = just_assigned(session, order, here.actor, now)
            row = made or assign(session, order, here.actor, now)
            promised = [] if made else announce(session, row, now)
            subscription_id = row.id
    except Refused as refused:
        return _form(program, typed, {PLACES.get(refused.code, ""): sentence(refused)}, 422)
    for message_id in promised:
        ports().doorbell.ring_message(organisation().id, message_id)
    flash(" ".join((_("Assigned."), told(row, "subscription_assigned"))))
    return move_on(path_of("subscription", subscription_id=subscription_id))


def _read(errors: dict[str, str], name: str, typed: str, read: Callable[[str], T]) -> T | None:
    """What was typed, or why it is not taken."""
    try:
        return read(typed)
    except Refused as refused:
        errors[name] = sentence(refused)
        return None


def _form(program: Program, typed: dict[str, str], errors: dict[str, str], status: int) -> AnyResponse:
    return page(
        "staff/subscription_assign.html",
        status,
        program=program,
        typed={name: typed.get(name, "") for name in FIELDS} | typed,
        errors=errors,
        back=path_of("subscription_programs"),
        here=path_of("subscription_assign_post", program_id=program.id),
    )


def _program(program_id: str) -> Program:
    with ports().database.read(organisation().id) as session:
        row = subscriptions.program_by_id(session, program_id)
    if row is None or not row.is_active:
        abort(404)
    return row
