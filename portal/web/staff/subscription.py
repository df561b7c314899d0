"""The organisation's subscriptions: listed, looked at, opened again; changed with a reason, above a limit by two.

Every rule is asked by the use cases that the command line asks. Assigning is `portal.web.staff.subscription_assign`.
"""

import re

from flask import abort, flash, get_flashed_messages, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.money import parse_amount
from portal.domain.payment_status import PaymentStatus, SecondLine
from portal.domain.refusal import Refused
from portal.domain.staff import DECIDERS, EVERYBODY, WORKERS
from portal.domain.subscription import ALONE_DAYS, LIVE, ChangeKind, SubscriptionState
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import organisation as organisations
from portal.storage import subscription as subscriptions
from portal.storage.subscription import Subscription
from portal.usecases import payment_status
from portal.usecases.organisation import settings
from portal.usecases.subscription import features_of
from portal.usecases.subscription_change import WHY_LENGTH_MAX, ask, decide
from portal.usecases.subscription_deadline import reopen
from portal.usecases.subscription_report import handle
from portal.usecases.subscription_worth import Wish
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.payment_status import line, words
from portal.web.staff.door import path_of
from portal.web.staff.guard import Here, page_for
from portal.web.staff.looked_up import row_of, who
from portal.web.staff.subscription_words import day_typed, kinds, lines, sentence, signs, states, told

LISTED_MAX = 200
BOX = re.compile(r"payment-([0-9]{1,4})", re.ASCII)  # a box for each payment; longer numbers are not read at all
CHANGED = "subscription_changed"
ONE = "/subscriptions/<visit:subscription_id>"
OVER = frozenset(
    {SecondLine.cancelled, SecondLine.skipped, SecondLine.not_needed, SecondLine.less_owed, SecondLine.cancelling}
)
WITH_DAY = frozenset({ChangeKind.extend, ChangeKind.shorten})
WITH_PAYMENTS = frozenset({ChangeKind.waive, ChangeKind.reduce})


@page_for(EVERYBODY, "/subscriptions")
def subscription_list(here: Here) -> AnyResponse:
    """Subscriptions, newest first; `state` shows only those that stand so."""
    asked = request.args.get("state", "")
    state = SubscriptionState(asked) if asked in set(SubscriptionState) else None
    with ports().database.read(organisation().id) as session:
        rows = subscriptions.listed(session, state, LISTED_MAX)
        names = {row.customer_id: customers.by_id(session, row.customer_id) for row in rows}
    return page(
        "staff/subscriptions.html",
        rows=[(row, names[row.customer_id]) for row in rows],
        state=state,
        states=states(),
        signs=signs(),
        path_of=path_of,
        may_work=here.role in WORKERS,
    )


@page_for(EVERYBODY, ONE)
def subscription(here: Here, subscription_id: str) -> AnyResponse:
    """One of them: every date and amount, what was written and changed, and what can be done."""
    return _page(here, subscription_id, 200)


@page_for(WORKERS, f"{ONE}/reopen", "POST", name="subscription_reopen")
def reopen_post(here: Here, subscription_id: str) -> AnyResponse:
    """Lets one that was not activated in time wait once more."""
    row = row_of(subscriptions.by_id, subscription_id)
    try:
        reopen(ports(), organisation().id, subscription_id, None, here.actor)
    except Refused as refused:
        return _page(here, subscription_id, 409, refused)
    flash(" ".join((_("It is open again."), told(row, "subscription_assigned"))))
    return move_on(path_of("subscription", subscription_id=subscription_id))


@page_for(WORKERS, f"{ONE}/reports/<visit:report_id>", "POST", name="subscription_report_handled")
def report_handled(here: Here, subscription_id: str, report_id: str) -> AnyResponse:
    """What a participant wrote was answered."""
    try:
        with ports().database.transaction(organisation().id) as session:
            handle(session, subscription_id, report_id, here.actor, ports().clock.now())
    except Refused:
        abort(404)
    flash(_("Noted as answered."))
    return move_on(path_of("subscription", subscription_id=subscription_id))


def _change_page(kind: ChangeKind) -> None:
    """Hangs the two halves of one change on the door: the page that asks why, and what it posts to."""

    def asked(here: Here, subscription_id: str) -> AnyResponse:
        """What it means, and why it is done."""
        row = row_of(subscriptions.by_id, subscription_id)
        if kind not in acts_of(row):
            return move_on(path_of("subscription", subscription_id=subscription_id))
        return _ask(row, kind, {}, {}, 200)

    def posted(here: Here, subscription_id: str) -> AnyResponse:
        """Does it, or lets it wait for a second person. Done meanwhile by somebody else, it is shown as it stands."""
        row = row_of(subscriptions.by_id, subscription_id)
        if kind not in acts_of(row):
            return move_on(path_of("subscription", subscription_id=subscription_id))
        typed = {name: request.form.get(name, "")[:500] for name in ("until", "amount", "why")}
        numbers = tuple(int(found[1]) for name in request.form if (found := BOX.fullmatch(name)))
        try:
            made = ask(
                ports(), organisation().id, subscription_id, _wish(kind, typed, numbers), typed["why"], here.actor
            )
        except Refused as refused:
            field = FIELDS.get(refused.code, "")
            return _ask(row, kind, typed, {field: sentence(refused)}, 422, numbers)
        if made.state == "asked":
            flash(_("It waits for a second person: it is worth more than one may decide alone."))
        else:
            flash(" ".join((_("Done."), told(row, CHANGED))))
        return move_on(path_of("subscription", subscription_id=subscription_id))

    page_for(WORKERS, f"{ONE}/{kind.value}", name=f"subscription_{kind.value}")(asked)
    page_for(WORKERS, f"{ONE}/{kind.value}", "POST", name=f"subscription_{kind.value}_post", dangerous=True)(posted)


for _kind in ChangeKind:
    _change_page(_kind)


def _wish(kind: ChangeKind, typed: dict[str, str], numbers: tuple[int, ...]) -> Wish:
    return Wish(
        kind,
        until=day_typed(typed["until"]) if kind in WITH_DAY else None,
        numbers=numbers if kind in WITH_PAYMENTS else (),
        amount_cents=parse_amount(typed["amount"]) if kind is ChangeKind.reduce else None,
    )


FIELDS = {
    "change_why": "why",
    "holds_card_number": "why",
    "change_dates": "until",
    "change_under_way": "until",
    "date_missing": "until",
    "date_unreadable": "until",
    "change_amount": "amount",
    "amount_missing": "amount",
    "amount_unreadable": "amount",
    "amount_zero": "amount",
    "payment_unknown": "numbers",
    "payment_over": "numbers",
}


@page_for(DECIDERS, f"{ONE}/decide/<visit:change_id>", "POST", name="subscription_decide", dangerous=True)
def decide_post(here: Here, subscription_id: str, change_id: str) -> AnyResponse:
    """A second person says yes or no."""
    row = row_of(subscriptions.by_id, subscription_id)
    with ports().database.read(organisation().id) as session:
        found = subscriptions.change_by_id(session, change_id)
    if found is None or found.subscription_id != row.id:
        abort(404)
    approve = request.form.get("decision") == "yes"
    try:
        decide(ports(), organisation().id, change_id, here.actor, approve=approve)
    except Refused as refused:
        return _page(here, subscription_id, 409, refused)
    done = " ".join((_("Approved and done."), told(row, CHANGED)))
    flash(done if approve else _("Refused. Nothing was changed."))
    return move_on(path_of("subscription", subscription_id=subscription_id))


def acts_of(row: Subscription) -> list[str]:
    """What can be done with a subscription as it stands, the mildest first."""
    if row.state not in LIVE:
        return ["cancel"] if row.state in {SubscriptionState.assigned, SubscriptionState.expired} else []
    stands = "resume" if row.state == SubscriptionState.paused else "pause"
    return ["reduce", "waive", stands, "extend", "shorten", "cancel"]


def _ask(
    row: Subscription,
    kind: ChangeKind,
    typed: dict[str, str],
    errors: dict[str, str],
    status: int,
    numbers: tuple[int, ...] = (),
) -> AnyResponse:
    with ports().database.read(organisation().id) as session:
        paid_to = organisations.by_id(session, row.organisation_id)
        shown = payment_status.of_schedule(session, row.schedule_id or "", paid_to)
        limit_cents = settings(session).number("subscription_approval_cents")
    listed = shown.payments if shown else ()
    left = [each for each in listed if each.shown.status is not PaymentStatus.paid and each.shown.line not in OVER]
    return page(
        "staff/subscription_change.html",
        status,
        row=row,
        kind=kind.value,
        words=kinds()[kind],
        payments=left,
        numbers=numbers,
        typed=typed,
        errors=errors,
        limit_cents=limit_cents,
        alone_days=ALONE_DAYS,
        told=told(row, CHANGED),
        with_day=kind in WITH_DAY,
        with_payments=kind in WITH_PAYMENTS,
        most=WHY_LENGTH_MAX,
        back=path_of("subscription", subscription_id=row.id),
        here=path_of(f"subscription_{kind.value}_post", subscription_id=row.id),
    )


def _page(here: Here, subscription_id: str, status: int, refused: Refused | None = None) -> AnyResponse:
    row = row_of(subscriptions.by_id, subscription_id)
    with ports().database.read(organisation().id) as session:
        paid_to = organisations.by_id(session, row.organisation_id)
        person, owed_on = customers.by_id(session, row.customer_id), accounts.by_id(session, row.account_id)
        shown = payment_status.of_schedule(session, row.schedule_id or "", paid_to)
        changes = [(each, who(session, each.asked_by), who(session, each.decided_by or ""))
                   for each in subscriptions.changes_of(session, row.id)]  # fmt: skip
        reports = subscriptions.reports_of(session, row.id)
        assigned_by = who(session, row.assigned_by)
    may_work = here.role in WORKERS
    return page(
        "staff/subscription.html",
        status,
        row=row,
        customer=person,
        account=owed_on,
        features=features_of(row),
        payments=shown.payments if shown else (),
        changes=changes,
        reports=reports,
        assigned_by=assigned_by,
        words=words(),
        line=line,
        states=states(),
        signs=signs(),
        kinds=kinds(),
        acts=acts_of(row) if may_work else [],
        may_work=may_work,
        may_decide=here.role in DECIDERS,
        lines=lines,
        alone_days=ALONE_DAYS,
        me=here.actor,
        errors={"": sentence(refused)} if refused is not None else {},
        told=" ".join(map(str, get_flashed_messages())),
        path_of=path_of,
    )
