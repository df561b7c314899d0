"""AutoPay on one account: how it stands and what is next, turned on with a tick, changed, one payment left out, off.

Turning it on is two pages: what it is with the card and the limit, then the exact authorization of these. Off and skip
are one press, as the authorization says; both can be taken back by hand. The rules are `portal.usecases.autopay`.
"""

from flask import Response, abort, flash, get_flashed_messages, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.autopay_agreement import tick_words
from portal.domain.due_date import local_date
from portal.domain.refusal import Refused
from portal.storage import agreement as agreements
from portal.storage import autopay as autopays
from portal.storage.agreement import Agreement
from portal.usecases import autopay, own_method
from portal.usecases.agreement import card_named
from portal.usecases.autopay import Seen, Wanted
from portal.usecases.autopay_terms import NOTICE_SETTING, QUIET_SETTING
from portal.usecases.charge import charge_obligation
from portal.usecases.payment_method import NEW
from portal.usecases.schedule_card import Accepted
from portal.usecases.selection import is_over, open_selection, takes_payments
from portal.web import files
from portal.web.access import organisation, ports
from portal.web.customer.charged import words_of
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.customer.method_new import Typing, keep_typed, typed_page
from portal.web.formats import plain_amount
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.refusals import sentence
from portal.web.signed_in import browser

ONE = "/autopay/<visit:account_id>"
WITH = f"{ONE}/<visit:method_id>/<int:limit_cents>"
CARD = f"{ONE}/<int:limit_cents>/card"  # its end says that it is a page with card fields


@page_for("/autopay", name="autopays")
def all_of_them(here: Here) -> AnyResponse:
    """The accounts that have it or may; with one of them its own page."""
    with ports().database.read(organisation().id) as session:
        found = autopay.standing_of(session, here.customer.id, ports().clock.now())
    if len(found) == 1:
        return _to(found[0].account.id)
    return page("customer/autopay_accounts.html", found=found)


@page_for(ONE, name="autopay")
def show(here: Here, account_id: str) -> AnyResponse:
    """What is next; or, while it is off, what it is and how to turn it on."""
    seen = _seen(here, account_id)
    return _standing(seen, {}, 200) if seen.row is not None else _choose(seen, "", "", {}, 200)


@page_for(f"{ONE}/change", name="autopay_change")
def change(here: Here, account_id: str) -> AnyResponse:
    """Another limit, another card."""
    seen = _seen(here, account_id)
    if seen.row is None:
        return _to(account_id)
    return _choose(seen, seen.row.payment_method_id, plain_amount(seen.row.limit_cents), {}, 200)


@page_for(f"{ONE}/change", "POST", name="autopay_chosen")
def chosen(here: Here, account_id: str) -> AnyResponse:
    """On to the authorization of a card and a limit, or to typing a card."""
    seen = _seen(here, account_id)
    method, typed = request.form.get("method", ""), request.form.get("limit", "")
    wants_new = method == NEW and _may_add()
    wanted, refusals = autopay.chosen(seen, method, typed)
    if wants_new:
        refusals.pop("method", None)
    if not seen.customer.email:
        refusals = {"": Refused("autopay_email_missing")}
    if not seen.is_offered:
        refusals = {"": Refused("autopay_not_offered")}
    if refusals:
        errors = {name: sentence(refused) for name, refused in refusals.items()}
        return _choose(seen, method, typed, errors, 422)
    if wants_new:
        return move_on(path_of("autopay_card", account_id=account_id, limit_cents=wanted.limit_cents))
    return _to_authorize(account_id, wanted)


@page_for(CARD, name="autopay_card")
def card(here: Here, account_id: str, limit_cents: int) -> AnyResponse:
    """Where a card for it is typed."""
    return typed_page(_typing(here, account_id, limit_cents), {}, 200)


@page_for(CARD, "POST", name="autopay_card_post")
def card_post(here: Here, account_id: str, limit_cents: int) -> AnyResponse:
    """Keeps the card, and leads on to the authorization."""
    kept = keep_typed(here, _typing(here, account_id, limit_cents))
    return _to_authorize(account_id, Wanted(kept, limit_cents)) if isinstance(kept, str) else kept


@page_for(WITH, name="autopay_authorize")
def authorize(here: Here, account_id: str, method_id: str, limit_cents: int) -> AnyResponse:
    """The exact text, and the box that nobody has ticked."""
    return _authorize(_seen(here, account_id), Wanted(method_id, limit_cents), {}, 200)


@page_for(WITH, "POST", name="autopay_on")
def turn_on(here: Here, account_id: str, method_id: str, limit_cents: int) -> AnyResponse:
    """Seals it as it was shown, and charges to another card what had failed on the last one."""
    wanted, from_ = Wanted(method_id, limit_cents), browser()
    was_on = _seen(here, account_id).row is not None
    try:
        _id, retried = autopay.turn_on(
            ports(), organisation().id, here.customer.id, account_id, wanted, request.form.get("agreement", ""),
            Accepted(current(), from_.ip, from_.user_agent), ticked=request.form.get("agreed") == "yes",
        )  # fmt: skip
    except Refused as refused:
        return _not_now(_seen(here, account_id), wanted, refused)
    charged = [charge_obligation(ports(), organisation().id, each, ports().timing.page_timeout) for each in retried]
    done = _("Your change is saved.") if was_on else _("AutoPay is on. A copy of your authorization is kept here.")
    flash(" ".join([done, *words_of(charged)]))
    return _to(account_id)


@page_for(f"{ONE}/off", "POST", name="autopay_off")
def turn_off(here: Here, account_id: str) -> AnyResponse:
    """Off at once, with this press."""
    try:
        autopay.turn_off(ports(), organisation().id, here.customer.id, account_id)
    except Refused:
        abort(404)
    flash(_("AutoPay is off. Nothing more is charged by it; what you owe is yours to pay by hand."))
    return _to(account_id)


@page_for(f"{ONE}/skip/<visit:obligation_id>", "POST", name="autopay_skip")
def skip(here: Here, account_id: str, obligation_id: str) -> AnyResponse:
    """This one payment is not charged."""
    seen = _seen(here, account_id)
    try:
        in_time = autopay.leave_out(ports(), organisation().id, here.customer.id, account_id, obligation_id)
    except Refused as refused:
        if refused.code == "account_unknown" or seen.row is None:
            abort(404)
        return _standing(seen, {"": sentence(refused)}, 409)
    if in_time:
        flash(_("This payment is left out. What it was for stays on your account, yours to pay by hand."))
    else:
        flash(_("This payment had been sent or was over already. If it is taken, we give it back and write to you."))
    return _to(account_id)


@page_for(f"{ONE}/pay/<visit:payment_id>", "POST", name="autopay_pay")
def pay(here: Here, account_id: str, payment_id: str) -> AnyResponse:
    """Make a Payment for what a payment was announced or asked for; it is then not charged."""
    seen = _seen(here, account_id)
    try:
        with ports().database.transaction(organisation().id) as session:
            owed = autopay.owed_of(session, seen, payment_id)
            now = ports().clock.now()
            selection_id = open_selection(session, here.customer.id, owed, current(), now, is_whole=True)
    except Refused:  # paid, or being paid: the list says which
        return move_on(path_of("services"))
    return move_on(path_of("pay_services", selection_id=selection_id))


@page_for(f"{ONE}/authorization", name="autopay_authorization")
def authorization(here: Here, account_id: str) -> AnyResponse:
    """The sealed text, word for word (C2), also after it was turned off."""
    sealed = _sealed(here, account_id)
    return page(
        "customer/authorization.html",
        sealed=sealed,
        paragraphs=files.paragraphs(sealed),
        back=path_of("autopay", account_id=account_id),
        download=path_of("autopay_authorization_file", account_id=account_id),
    )


@page_for(f"{ONE}/authorization.txt", name="autopay_authorization_file")
def authorization_file(here: Here, account_id: str) -> Response:
    """The same bytes that were sealed, to keep."""
    return files.authorization(_sealed(here, account_id))


def _seen(here: Here, account_id: str) -> Seen:
    """Another customer's account is not found, nor one that never could have it."""
    with ports().database.read(organisation().id) as session:
        seen = autopay.look(session, account_id, here.customer.id, ports().clock.now())
        if seen is None or not (seen.is_offered or autopays.last_on_account(session, account_id)):
            abort(404)
    return seen


def _sealed(here: Here, account_id: str) -> Agreement:
    _seen(here, account_id)
    with ports().database.read(organisation().id) as session:
        row = autopays.last_on_account(session, account_id)
        sealed = agreements.by_id(session, row.agreement_id) if row is not None else None
    if sealed is None:
        abort(404)
    return sealed


def _to(account_id: str) -> AnyResponse:
    return move_on(path_of("autopay", account_id=account_id))


def _to_authorize(account_id: str, wanted: Wanted) -> AnyResponse:
    return move_on(
        path_of("autopay_authorize", account_id=account_id, method_id=wanted.method, limit_cents=wanted.limit_cents)
    )


def _typing(here: Here, account_id: str, limit_cents: int) -> Typing:
    _seen(here, account_id)
    posts_to = path_of("autopay_card_post", account_id=account_id, limit_cents=limit_cents)
    return Typing(posts_to, path_of("autopay", account_id=account_id), is_authorized_next=True)


def _may_add() -> bool:
    with ports().database.read(organisation().id) as session:
        return own_method.may_add(session)


def _not_now(seen: Seen, wanted: Wanted, refused: Refused) -> AnyResponse:
    match refused.code:
        case "autopay_tick_missing":
            return _authorize(seen, wanted, {"agreed": sentence(refused)}, 422)
        case "agreement_changed":
            return _authorize(seen, wanted, {}, 409, sentence(refused))
        case "method_missing" | "amount_above_maximum":
            return _to(seen.account.id)
    return _choose(seen, wanted.method, plain_amount(wanted.limit_cents), {"": sentence(refused)}, 409)


def _standing(seen: Seen, errors: dict[str, str], status: int) -> AnyResponse:
    told = " ".join(map(str, get_flashed_messages()))
    return page(
        "customer/autopay.html",
        status,
        announce=told,
        told=told,
        seen=seen,
        errors=errors,
        is_over=seen.card is not None and is_over(seen.card, seen.now),
        asked=[(each, local_date(each.made_at, seen.paid_to.timezone)) for each in seen.asked],
        takes_payments=takes_payments(seen.settings) and seen.account.status == "open",
    )


def _choose(seen: Seen, method: str, limit: str, errors: dict[str, str], status: int) -> AnyResponse:
    told = " ".join(map(str, get_flashed_messages()))
    with ports().database.read(organisation().id) as session:
        last = autopays.last_on_account(session, seen.account.id)
        may_add = own_method.may_add(session)
    known = {each.id for each in seen.cards}
    return page(
        "customer/autopay_choose.html",
        status,
        announce=told,
        told=told,
        seen=seen,
        method=method if method in known or method == NEW else seen.cards[0].id if seen.cards else NEW,
        may_add=may_add,
        limit=limit,
        errors=errors,
        had_it=last is not None,
        notice_days=seen.settings.number(NOTICE_SETTING),
        quiet_days=seen.settings.number(QUIET_SETTING),
        here=path_of("autopay_chosen", account_id=seen.account.id),
    )


def _authorize(seen: Seen, wanted: Wanted, errors: dict[str, str], status: int, changed: str = "") -> AnyResponse:
    method = next((each for each in seen.cards if each.id == wanted.method), None)
    fits = seen.least_cents <= wanted.limit_cents <= seen.most_cents
    if method is None or not fits or not seen.is_offered:
        return _to(seen.account.id)
    with ports().database.read(organisation().id) as session:
        text = autopay.shown(session, seen, wanted, current())
    card = card_named(method.brand, method.last4, current(), on_file=True)
    return page(
        "customer/autopay_authorize.html",
        status,
        seen=seen,
        method=method,
        wanted=wanted,
        text=text,
        tick=tick_words(organisation().name, card, wanted.limit_cents, text.locale),
        failed_cents=autopay.failed_cents(seen, wanted),
        errors=errors,
        changed=changed,
        here=path_of("autopay_on", account_id=seen.account.id, method_id=method.id, limit_cents=wanted.limit_cents),
        back=path_of("autopay_change" if seen.row is not None else "autopay", account_id=seen.account.id),
    )
