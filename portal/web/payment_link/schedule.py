"""When and how much, where payments are scheduled: a page of its own in the amount step, after the card (S1:19).

"Show the dates" stores what was chosen and lists it on the same page, "Continue" goes on to the check. Both are one
plain form; with script the list alone is swapped.
"""

from datetime import date
from itertools import zip_longest
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.due_date import DAYS_APART_MIN, DueDate
from portal.domain.payment_link import Step
from portal.domain.refusal import Refused
from portal.domain.schedule import AmountsKind, Limits, Payment
from portal.domain.schedule_wish import (
    OFTEN,
    OTHER,
    PAYDAYS,
    WHOLE,
    Errors,
    Typed,
    dates_of,
    read,
    typed_of,
    with_each_chosen,
)
from portal.usecases import schedule_checkout
from portal.web.access import organisation, ports
from portal.web.formats import weekdays
from portal.web.fragments import move_on, page
from portal.web.payment_link.door import path_of
from portal.web.payment_link.guard import Here, place, step
from portal.web.personal_link import closed
from portal.web.refusals import sentence

FIELD_LENGTH_MAX = 60


@step(Step.schedule)
def show(here: Here) -> AnyResponse:
    """What was chosen so far, with its dates; or the page as it first is. Free of effects.

    `change` names a payment whose amount is to be changed by itself.
    """
    limits = schedule_checkout.limits(here.walk)
    wanted = schedule_checkout.wish(here.walk)
    if wanted is None:
        first = WHOLE if limits.payable_cents <= limits.maximum_cents else OTHER
        return _page(here, Typed(often=OFTEN[0], once=first), [], {}, 200)
    typed = typed_of(wanted)
    _, listed, errors = read(typed, limits, schedule_checkout.rule_of(here.walk), _today(here))
    if listed and "change" in request.args:
        typed = with_each_chosen(typed, listed)
    return _page(here, typed, listed, errors, 200)


@step(Step.schedule, "POST", name="schedule_post")
def post(here: Here) -> AnyResponse:
    """Stores what was chosen, or says what is wrong with it; nothing typed is lost."""
    typed = _typed(request.form, schedule_checkout.limits(here.walk).number_max)
    try:
        _, errors = schedule_checkout.choose(ports(), organisation().id, here.visit_id, here.secret, typed)
    except Refused:
        return closed()
    if errors:
        return _page(here, typed, [], errors, 422)
    goes_on = request.form.get("do") != "show"
    return move_on(path_of(Step.check if goes_on else Step.schedule, here.visit_id))


def _typed(form: MultiDict[str, str], number_max: int) -> Typed:
    def field(name: str) -> str:
        return form.get(name, "")[:FIELD_LENGTH_MAX]

    names = ("often", "start_on", "first_day", "second_day", "payday", "weekday", "payday_on", "once", "once_amount",
             "amounts", "number", "each")  # fmt: skip
    fields: dict[str, Any] = {name: field(name) for name in names}
    chosen = (f"amount_{number}" for number in range(1, number_max + 1))
    return Typed(**fields, chosen=tuple(field(name) for name in chosen if name in form))


def _dates(here: Here, typed: Typed, listed: list[Payment], limits: Limits) -> list[DueDate]:
    if listed:
        return [DueDate(each.due_on, each.moved_from or each.due_on) for each in listed]
    return dates_of(typed, limits.number_max, schedule_checkout.rule_of(here.walk), _today(here))


def _to_fill(typed: Typed, dates: list[DueDate]) -> list[tuple[int, str, DueDate | None]]:
    """(number, what was typed, its date) for each amount that is chosen by itself; a date may not be known yet."""
    if typed.amounts != AmountsKind.chosen or typed.often == OFTEN[0]:
        return []
    rows = zip_longest(typed.chosen[: len(dates) or None], dates)
    return [(number, text or "", day) for number, (text, day) in enumerate(rows, 1)]


def _today(here: Here) -> date:
    return schedule_checkout.today(here.walk, ports().clock.now())


def _page(here: Here, typed: Typed, listed: list[Payment], errors: Errors, status: int) -> AnyResponse:
    walk, today = here.walk, _today(here)
    limits: Limits = schedule_checkout.limits(walk)
    total_cents = sum(each.amount_cents for each in listed)
    dates = _dates(here, typed, listed, limits)
    return page(
        "payment_link/schedule.html",
        status,
        whole=bool(errors),
        typed=typed,
        often=OFTEN,
        paydays=tuple(PAYDAYS),
        weekdays=weekdays(),
        days_apart=DAYS_APART_MIN,
        limits=limits,
        first_on=today,
        latest_on=limits.latest_on(today),
        weekend_rule=schedule_checkout.rule_of(walk).value,
        promised_cents=walk.promised_cents,
        listed=listed,
        to_fill=_to_fill(typed, dates),
        total_cents=total_cents,
        left_cents=limits.payable_cents - total_cents,
        ending=schedule_checkout.ending(walk, listed),
        change=request.args.get("change", ""),
        today=today,
        card_path=path_of(Step.amount, here.visit_id),
        errors={field: sentence(refused) for field, refused in errors.items()},
        **place(here, Step.schedule),
    )
