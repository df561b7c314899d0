"""AutoPay at the console: whether clients may choose it, who has it on which account, turning one off with a reason.

Nobody here turns it on for a client: it is their own choice. Setting it asks for proof, as every setting does.
"""

from flask import abort, flash, get_flashed_messages, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.organisation import setting
from portal.domain.refusal import Refused
from portal.domain.staff import ADMINS, EVERYBODY, WORKERS
from portal.usecases import autopay_desk
from portal.usecases.autopay import Seen, turn_off
from portal.usecases.autopay_desk import Offered
from portal.usecases.autopay_terms import NOTICE_SETTING, QUIET_SETTING
from portal.usecases.plan_life import WHY_LENGTH_MAX
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.staff.door import path_of
from portal.web.staff.guard import Here, page_for
from portal.web.staff.plan_words import sentence

ON_PAGE = 50
ONE = "/autopay/<visit:account_id>"
DAYS = {"quiet": QUIET_SETTING, "notice": NOTICE_SETTING}  # field -> setting


@page_for(EVERYBODY, "/autopay")
def autopay_list(here: Here) -> AnyResponse:
    """Who has it, newest first; `after` goes on from one. Administrators set it here."""
    with ports().database.read(organisation().id) as session:
        now_set = autopay_desk.offered(session)
    typed = {"quiet": str(now_set.quiet_days), "notice": str(now_set.notice_days)}
    return _list(here, now_set.is_on, typed, {}, 200)


@page_for(ADMINS, "/autopay", "POST", name="autopay_offer", dangerous=True)
def autopay_offer(here: Here) -> AnyResponse:
    """Whether clients may choose it, and the days of authorizations to come."""
    typed = {name: request.form.get(name, "").strip()[:20] for name in DAYS}
    is_on = request.form.get("offered") == "yes"
    errors, days = {}, dict[str, int]()
    for name, which in DAYS.items():
        row = setting(which)
        if typed[name].isascii() and typed[name].isdigit() and row.minimum <= int(typed[name]) <= row.maximum:
            days[name] = int(typed[name])
        else:
            errors[name] = _("Enter a number of days from %(least)s to %(most)s.", least=row.minimum, most=row.maximum)
    if errors:
        return _list(here, is_on, typed, errors, 422)
    with ports().database.transaction(organisation().id) as session:
        wish = Offered(is_on, days["quiet"], days["notice"])
        autopay_desk.offer(session, wish, by=here.actor, now=ports().clock.now())
    flash(_("Saved. What clients have authorized keeps its own days."))
    return move_on(path_of("autopay_list"))


@page_for(EVERYBODY, ONE)
def autopay(here: Here, account_id: str) -> AnyResponse:
    """One client's: card, limit, what is next."""
    return page(
        "staff/autopay.html",
        seen=_seen(account_id),
        may_work=here.role in WORKERS,
        stop=path_of("autopay_stop", account_id=account_id),
        back=path_of("autopay_list"),
    )


@page_for(WORKERS, f"{ONE}/stop")
def autopay_stop(_here: Here, account_id: str) -> AnyResponse:
    """What it means, and why it is done."""
    return _ask(_seen(account_id), "", {}, 200)


@page_for(WORKERS, f"{ONE}/stop", "POST", name="autopay_stop_post")
def autopay_stop_post(here: Here, account_id: str) -> AnyResponse:
    """Off at once; the client is told. Pressed twice, or done by the client meanwhile: it is off."""
    why = request.form.get("why", "")
    with ports().database.read(organisation().id) as session:
        seen = autopay_desk.one(session, account_id, ports().clock.now())
    if seen is None:
        return move_on(path_of("autopay_list"))
    if not why.strip():
        return _ask(seen, why, {"why": sentence(Refused("why_missing"))}, 422)
    try:
        turn_off(ports(), organisation().id, seen.customer.id, account_id, here.actor, why)
    except Refused as refused:
        return _ask(seen, why[: WHY_LENGTH_MAX + 200], {"why": sentence(refused)}, 422)
    flash(_("AutoPay is off on this account. The client is told."))
    return move_on(path_of("autopay_list"))


def _seen(account_id: str) -> Seen:
    with ports().database.read(organisation().id) as session:
        seen = autopay_desk.one(session, account_id, ports().clock.now())
    if seen is None:
        abort(404)
    return seen


def _ask(seen: Seen, why: str, errors: dict[str, str], status: int) -> AnyResponse:
    return page(
        "staff/autopay_stop.html",
        status,
        seen=seen,
        why=why,
        errors=errors,
        most=WHY_LENGTH_MAX,
        back=path_of("autopay", account_id=seen.account.id),
        here=path_of("autopay_stop_post", account_id=seen.account.id),
    )


def _list(here: Here, is_on: bool, typed: dict[str, str], errors: dict[str, str], status: int) -> AnyResponse:
    with ports().database.read(organisation().id) as session:
        now_set = autopay_desk.offered(session)
        lines = autopay_desk.listed(session, request.args.get("after", ""), ON_PAGE + 1)
    more = lines[ON_PAGE - 1].row.id if len(lines) > ON_PAGE else ""
    return page(
        "staff/autopays.html",
        status,
        now_set=now_set,
        lines=lines[:ON_PAGE],
        older=f"{path_of('autopay_list')}?after={more}" if more else "",
        announce=ngettext("%(num)s client has AutoPay", "%(num)s clients have AutoPay", min(len(lines), ON_PAGE)),
        may_set=here.role in ADMINS,
        is_on=is_on,
        typed=typed,
        errors=errors,
        told=" ".join(map(str, get_flashed_messages())),
        path_of=path_of,
        here=path_of("autopay_offer"),
    )
