"""The organisation's payment plans: listed, looked at, offered; ended, paused and resumed with a reason.

Every rule is asked by the use cases that the command line asks. Making one is `portal.web.staff.plan_terms`.
"""

from dataclasses import dataclass

from flask import abort, flash, get_flashed_messages, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.due_date import local_date
from portal.domain.plan import OPEN, PausedFor, PlanState
from portal.domain.refusal import Refused
from portal.domain.staff import EVERYBODY, WORKERS
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import organisation as organisations
from portal.storage import plan as plans
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.plan import Plan
from portal.usecases import payment_status
from portal.usecases.payment_status import ScheduleShown
from portal.usecases.plan import offer, terms
from portal.usecases.plan_life import WHY_LENGTH_MAX, cancel, current, is_changeable, pause, resume
from portal.usecases.sign import AGREEMENT, SCHEDULE
from portal.usecases.signed_paper import open_paper
from portal.web.access import organisation, ports
from portal.web.files import pdf
from portal.web.fragments import move_on, page
from portal.web.payment_status import line, words
from portal.web.staff.door import path_of
from portal.web.staff.guard import Here, page_for
from portal.web.staff.looked_up import row_of, who
from portal.web.staff.plan_words import act_words, paper_names, sentence, signs, states, ways

ON_PAGE = 50
ACTS = {"cancel": cancel, "pause": pause, "resume": resume}


@dataclass(frozen=True, slots=True)
class Seen:
    """A plan as its page shows it. `shown` is how its payments stand once it is signed."""

    plan: Plan
    account: Account
    customer: Customer
    editions: list[Plan]
    shown: ScheduleShown | None
    made_by: str
    ended_by: str


@page_for(EVERYBODY, "/plans")
def plan_list(here: Here) -> AnyResponse:
    """Plans, newest first; `state` shows only those that stand so, `after` goes on from a plan."""
    asked = request.args.get("state", "")
    state = PlanState(asked) if asked in set(PlanState) else None
    with ports().database.read(organisation().id) as session:
        rows = plans.page_of(session, state, plans.by_id(session, request.args.get("after", "")), ON_PAGE + 1)
    more = rows[ON_PAGE - 1][0].id if len(rows) > ON_PAGE else None
    query = f"state={state.value}&" if state else ""
    return page(
        "staff/plans.html",
        rows=rows[:ON_PAGE],
        state=state,
        states=states(),
        signs=signs(),
        announce=ngettext("%(num)s plan", "%(num)s plans", min(len(rows), ON_PAGE)),
        path_of=path_of,
        may_work=here.role in WORKERS,
        older=f"{path_of('plan_list')}?{query}after={more}" if more else "",
    )


@page_for(EVERYBODY, "/plans/<visit:plan_id>")
def plan(here: Here, plan_id: str) -> AnyResponse:
    """One version of a plan: every date and amount, how it stands, and what can be done."""
    return plan_page(here, plan_id, 200)


@page_for(WORKERS, "/plans/<visit:plan_id>/offer", "POST", name="plan_offer")
def plan_offer(here: Here, plan_id: str) -> AnyResponse:
    """Puts a draft to the customer; pressed twice it changes nothing."""
    try:
        offer(ports(), organisation().id, plan_id, here.actor)
    except Refused as refused:
        return plan_page(here, plan_id, 409, refused)
    flash(_("The offer is on its way to the customer."))
    return move_on(path_of("plan", plan_id=plan_id))


def _paper_page(kind: str) -> None:
    """Hangs a signed paper on the door."""

    def paper(here: Here, plan_id: str) -> AnyResponse:
        """As it was signed with this version, byte for byte; the trail says who opened it."""
        row = row_of(plans.by_id, plan_id)
        try:
            content = open_paper(ports(), organisation().id, plan_id, kind, here.actor)
        except Refused as refused:
            if refused.code == "plan_not_signed":
                return move_on(path_of("plan", plan_id=plan_id))
            return plan_page(here, plan_id, 409, refused)
        return pdf(content, f"{row.reference}-{row.edition}-{kind}.pdf", "inline")

    page_for(EVERYBODY, f"/plans/<visit:plan_id>/{kind}.pdf", name=f"plan_{kind}")(paper)


for _kind in (AGREEMENT, SCHEDULE):
    _paper_page(_kind)


def acts_of(row: Plan) -> list[str]:
    """What can be done with a plan as it stands, the mildest first."""
    state, acts = PlanState(row.state), []
    if state is PlanState.signed:
        acts.append("pause")
    if state is PlanState.paused and row.paused_for == PausedFor.staff:
        acts.append("resume")
    return [*acts, "cancel"] if state in OPEN else acts


def _act_page(act: str) -> None:
    """Hangs the two halves of one act on the door: the page that asks why, and what it posts to."""

    def ask(here: Here, plan_id: str) -> AnyResponse:
        """What it means, and why it is done."""
        row = row_of(plans.by_id, plan_id)
        if act not in acts_of(row):
            return move_on(path_of("plan", plan_id=plan_id))
        return _ask(act, row, "", {}, 200)

    def post(here: Here, plan_id: str) -> AnyResponse:
        """Does it. Done meanwhile by somebody else, the plan is shown as it stands."""
        row, why = row_of(plans.by_id, plan_id), request.form.get("why", "")
        if act not in acts_of(row):
            return move_on(path_of("plan", plan_id=plan_id))
        if not why.strip():
            return _ask(act, row, why, {"why": sentence(Refused("why_missing"))}, 422)
        try:
            ACTS[act](ports(), organisation().id, plan_id, here.actor, why)
        except Refused as refused:
            if refused.code.startswith("why_"):
                return _ask(act, row, why[: WHY_LENGTH_MAX + 200], {"why": sentence(refused)}, 422)
            return plan_page(here, plan_id, 409, refused)
        flash(act_words()[act].done)
        return move_on(path_of("plan", plan_id=plan_id))

    page_for(WORKERS, f"/plans/<visit:plan_id>/{act}", name=f"plan_{act}")(ask)
    page_for(WORKERS, f"/plans/<visit:plan_id>/{act}", "POST", name=f"plan_{act}_post")(post)


for _act in ACTS:
    _act_page(_act)


def _ask(act: str, row: Plan, why: str, errors: dict[str, str], status: int) -> AnyResponse:
    return page(
        "staff/plan_act.html",
        status,
        plan=row,
        words=act_words()[act],
        was_offered=row.state != PlanState.draft,
        why=why,
        errors=errors,
        most=WHY_LENGTH_MAX,
        back=path_of("plan", plan_id=row.id),
        here=path_of(f"plan_{act}", plan_id=row.id),
    )


def plan_page(here: Here, plan_id: str, status: int, refused: Refused | None = None) -> AnyResponse:
    """A plan as it stands, with what was refused on top."""
    with ports().database.read(organisation().id) as session:
        row = plans.by_id(session, plan_id)
        if row is None:
            abort(404)
        seen = _seen(session, row)
        today = local_date(ports().clock.now(), organisation().time_zone)
    may_work = here.role in WORKERS
    agreed = terms(row)
    return page(
        "staff/plan.html",
        status,
        seen=seen,
        plan=row,
        terms=agreed,
        payments=agreed.payments(today),
        today=today,
        words=words(),
        line=line,
        states=states(),
        signs=signs(),
        ways=ways(),
        acts=[(path_of(f"plan_{act}", plan_id=row.id), act_words()[act]) for act in acts_of(row)] if may_work else [],
        may_work=may_work,
        may_change=may_work and may_change(row, current(seen.editions)),
        papers=[(path_of(f"plan_{kind}", plan_id=row.id), name) for kind, name in paper_names().items()]
        if row.signed_at is not None
        else [],
        errors={"": sentence(refused)} if refused is not None else {},
        told=" ".join(map(str, get_flashed_messages())),
        path_of=path_of,
    )


def may_change(row: Plan, newest: Plan) -> bool:
    """Whether its page offers a change. A draft is changed without one: nobody was told of it."""
    return row.state != PlanState.draft and is_changeable(row, newest)


def _seen(session: Session, row: Plan) -> Seen:
    account, payer = accounts.by_id(session, row.account_id), customers.by_id(session, row.customer_id)
    if account is None or payer is None:
        raise AssertionError(f"plan {row.id} is nobody's")
    paid_to = organisations.by_id(session, row.organisation_id)
    return Seen(
        plan=row,
        account=account,
        customer=payer,
        editions=plans.editions(session, row.reference),
        shown=payment_status.of_schedule(session, row.schedule_id, paid_to) if row.schedule_id else None,
        made_by=who(session, row.made_by),
        ended_by=who(session, row.ended_by or ""),
    )
