"""Changing a plan: its terms typed anew, old and new looked at side by side, then offered as a version to be signed.

The form is that of `portal.web.staff.plan_terms`, the use case that of `flask --app wsgi plan change`. What is offered
is what was shown last: its version is posted back and compared, the amounts are worked out again.
"""

from dataclasses import replace
from datetime import date

from flask import abort, flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.plan import PlanKind, PlanTerms, wish_of
from portal.domain.plan_wish import PlanTyped, placed, read, typed_of
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind, Payment
from portal.domain.staff import WORKERS
from portal.storage import Session
from portal.storage import obligation as obligations
from portal.storage import plan as plans
from portal.storage.plan import Plan
from portal.usecases.plan import PlanOrder, terms
from portal.usecases.plan_life import WHY_LENGTH_MAX, change, change_of, current
from portal.usecases.plan_offer import moved_on
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.staff.door import path_of
from portal.web.staff.guard import Here, page_for
from portal.web.staff.plan import may_change, plan_page
from portal.web.staff.plan_terms import FIELDS, Desk, desk_of, terms_page, typed_here
from portal.web.staff.plan_words import sentence

ONE = "/plans/<visit:plan_id>/change"
WHY = "why"


@page_for(WORKERS, ONE)
def plan_change(here: Here, plan_id: str) -> AnyResponse:
    """The form, as what is left of the plan fills it."""
    with ports().database.read(organisation().id) as session:
        row, desk = _found(session, plan_id)
        if not may_change(row, current(plans.editions(session, row.reference))):
            return move_on(path_of("plan", plan_id=plan_id))
        preset = plans.preset_by_id(session, request.args.get("preset", ""))
        first = desk.first(preset, None) if preset is not None else _first(session, desk, row)
    return terms_page(desk, first, {}, 200, preset)


@page_for(WORKERS, ONE, "POST", name="plan_change_post")
def plan_change_post(here: Here, plan_id: str) -> AnyResponse:
    """Shows old and new side by side, or says what is wrong with the terms. Nothing is kept and nobody is told yet."""
    typed = typed_here()
    if "edit" in request.form:  # back from the preview: nothing typed is lost
        with ports().database.read(organisation().id) as session:
            return terms_page(_found(session, plan_id)[1], typed, {}, 200)
    return _preview(here, plan_id, typed, "", {}, 200)


@page_for(WORKERS, f"{ONE}/offer", "POST", name="plan_change_offer")
def plan_change_offer(here: Here, plan_id: str) -> AnyResponse:
    """Offers what was shown. Where anything changed since, it is shown anew and nothing is done."""
    typed, why = typed_here(), request.form.get(WHY, "")
    with ports().database.read(organisation().id) as session:
        row, desk = _found(session, plan_id)
    asked, _errors = read(typed, desk.today)
    if asked is None:
        return _preview(here, plan_id, typed, why, {}, 422)
    if not why.strip():
        return _preview(here, plan_id, typed, why, {WHY: sentence(Refused("why_missing"))}, 422)
    shown = request.form.get("shown", "")
    try:
        new = change(
            ports(), organisation().id, row.id, asked.wish, here.actor,
            channels=typed.channels, offer_days=asked.offer_days, why=why, shown=shown,
        )  # fmt: skip
    except Refused as refused:
        if refused.code.startswith("why_"):
            return _preview(here, plan_id, typed, why[: WHY_LENGTH_MAX + 200], {WHY: sentence(refused)}, 422)
        if refused.code == "plan_state":
            return plan_page(here, plan_id, 409, refused)
        return _preview(here, plan_id, typed, why, {"": sentence(refused)}, 409)
    flash(_("The new version is on its way to the customer."))
    return move_on(path_of("plan", plan_id=new.id))


def _preview(here: Here, plan_id: str, typed: PlanTyped, why: str, errors: dict[str, str], status: int) -> AnyResponse:
    """Old and new, or the form with what is wrong beside its fields."""
    with ports().database.read(organisation().id) as session:
        row, desk = _found(session, plan_id)
        left = _left(session, row, desk.today)
        asked, wrong = read(typed, desk.today)
        if asked is None:
            return terms_page(desk, typed, {field: sentence(each) for field, each in wrong.items()}, 422)
        agreed = _agreed(session, row, PlanOrder(row.account_id, asked.wish, typed.channels, asked.offer_days))
    if isinstance(agreed, Refused):
        if agreed.code in {"plan_state", "plan_exists", "plan_payment_under_way"}:
            return plan_page(here, plan_id, 409, agreed)
        field, heard = placed(agreed, asked.wish)
        return terms_page(desk, typed, {field: sentence(heard)}, 422)
    return page(
        "staff/plan_change.html",
        status,
        plan=row,
        desk=desk,
        left=left,
        left_cents=sum(each.amount_cents for each in left),
        terms=agreed,
        payments=agreed.payments(desk.today),
        was_signed=row.schedule_id is not None,
        typed={name: getattr(typed, name) for name in FIELDS},
        why=why,
        most=WHY_LENGTH_MAX,
        errors=errors,
        edit_path=path_of("plan_change", plan_id=plan_id),
        here=path_of("plan_change_offer", plan_id=plan_id),
        back=path_of("plan", plan_id=plan_id),
    )


def _agreed(session: Session, row: Plan, order: PlanOrder) -> PlanTerms | Refused:
    try:
        return change_of(session, row, order, ports().clock.now())
    except Refused as refused:
        return refused


def _first(session: Session, desk: Desk, row: Plan) -> PlanTyped:
    """What is left of the plan, in its own rhythm from its next date on."""
    wish = moved_on(wish_of(row.wish), desk.today)
    if row.schedule_id is not None:
        left, amounts = _left(session, row, desk.today), wish.amounts
        if amounts.kind is AmountsKind.evenly:
            amounts = Amounts(AmountsKind.evenly, max(len(left), 1))
        is_whole = wish.kind is PlanKind.total and wish.total_cents is None
        total = None if is_whole else sum(each.amount_cents for each in left)
        wish = replace(wish, amounts=amounts, total_cents=total, down_cents=0)
    return desk.with_way(typed_of(wish, row.channels, row.offer_days))


def _left(session: Session, row: Plan, today: date) -> list[Payment]:
    """The payments of a plan that are still to come, on the dates they have now."""
    if row.schedule_id is None:
        return list(terms(row).payments(today))
    return [
        Payment(each.seq, each.due_on, each.amount_cents, each.moved_from)
        for each in obligations.of_subject(session, row.schedule_id)
        if each.status == "due" and each.due_on is not None
    ]


def _found(session: Session, plan_id: str) -> tuple[Plan, Desk]:
    row = plans.by_id(session, plan_id)
    if row is None:
        abort(404)
    return row, desk_of(session, row.account_id, row)
