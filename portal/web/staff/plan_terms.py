"""Making a plan: whose account, then its terms. What comes out is a draft that is looked at before it is offered.

The use cases are those of `flask --app wsgi plan make`; nothing is told to the customer here.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from flask import abort, request
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.due_date import DAYS_APART_MIN, local_date
from portal.domain.plan import OPEN, wish_of
from portal.domain.plan_wish import PAYS, PlanAsked, PlanTyped, placed, read, typed_of
from portal.domain.refusal import Refused
from portal.domain.staff import WORKERS
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import organisation as organisations
from portal.storage import plan as plans
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.plan import Plan, PlanPreset
from portal.usecases.contact_wish import may_text
from portal.usecases.organisation import OrganisationSettings, settings_of
from portal.usecases.plan import PlanOrder, make, payable_cents, payer_of, wish_of_preset
from portal.usecases.plan_life import payable_of_change, take_back
from portal.web.access import organisation, ports
from portal.web.formats import weekdays
from portal.web.fragments import move_on, page
from portal.web.staff.door import path_of
from portal.web.staff.guard import Here, page_for
from portal.web.staff.looked_up import row_of
from portal.web.staff.plan_words import rhythms, sentence

FIELD_LENGTH_MAX = 60
FOUND_MAX = 20
WORDS_MAX = 5
FIRST_IN_DAYS = 14
FIELDS = ("pays", "total", "down", "cut", "number", "each", "frequency", "start_on", "weekday", "payday_on",
          "first_day", "second_day", "channels", "offer_days")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Desk:
    """What is known of an account when a plan is made for it."""

    account: Account
    customer: Customer
    payable_cents: int
    rules: OrganisationSettings
    presets: list[PlanPreset]
    standing: Plan | None  # a plan that is in the way
    changes: Plan | None  # the one that a new version is made of
    channels: tuple[str, ...]
    today: date

    def first(self, preset: PlanPreset | None, before: Plan | None) -> PlanTyped:
        """The form before anybody typed: as a preset fills it, as a draft that was taken back had it, or as it is."""
        days = self.rules.number("plan_offer_days")
        typed = PlanTyped(start_on=(self.today + timedelta(days=FIRST_IN_DAYS)).isoformat(), offer_days=str(days))
        if preset is not None and self.payable_cents:
            wish = wish_of_preset(preset, self.payable_cents, self.today)
            typed = typed_of(wish, preset.channels, preset.offer_days)
        elif before is not None and before.account_id == self.account.id:
            typed = typed_of(wish_of(before.wish), before.channels, before.offer_days)
        return self.with_way(typed)

    def with_way(self, typed: PlanTyped) -> PlanTyped:
        """The same, by a way that is open to this customer."""
        if typed.channels in self.channels:
            return typed
        return replace(typed, channels=self.channels[0] if self.channels else "")


@page_for(WORKERS, "/plans/new")
def plan_account(_here: Here) -> AnyResponse:
    """Where an account is looked up."""
    return _found("")


@page_for(WORKERS, "/plans/new", "POST", name="plan_account_post")
def plan_account_post(_here: Here) -> AnyResponse:
    """Looks it up by its number or by the customer's name. A post, so that no name stands in an address or a log."""
    return _found(request.form.get("q", "")[:FIELD_LENGTH_MAX].strip())


def _found(asked: str) -> AnyResponse:
    with ports().database.read(organisation().id) as session:
        found = accounts.beginning_with(session, asked.split()[:WORDS_MAX], FOUND_MAX + 1) if asked else []
    return page(
        "staff/plan_account.html",
        asked=asked,
        rows=found[:FOUND_MAX],
        is_cut=len(found) > FOUND_MAX,
        path_of=path_of,
    )


@page_for(WORKERS, "/plans/new/<visit:account_id>")
def plan_terms(_here: Here, account_id: str) -> AnyResponse:
    """The form: as a preset fills it, as a plan that was taken back had it (`again`), or as it first is."""
    with ports().database.read(organisation().id) as session:
        desk = desk_of(session, account_id)
        preset = plans.preset_by_id(session, request.args.get("preset", ""))
        before = plans.by_id(session, request.args.get("again", ""))
    if desk.standing is not None:
        return terms_page(desk, PlanTyped(), {}, 200)
    return terms_page(desk, desk.first(preset, before), {}, 200, preset)


@page_for(WORKERS, "/plans/new/<visit:account_id>", "POST", name="plan_terms_post")
def plan_terms_post(here: Here, account_id: str) -> AnyResponse:
    """Makes a draft, or says what is wrong with it; nothing typed is lost."""
    typed = typed_here()
    with ports().database.read(organisation().id) as session:
        desk = desk_of(session, account_id)
    asked, errors = read(typed, desk.today)
    if asked is None:
        return terms_page(desk, typed, {field: sentence(refused) for field, refused in errors.items()}, 422)
    try:
        made = _made(here, account_id, typed, asked)
    except Refused as refused:
        field, heard = placed(refused, asked.wish)
        with ports().database.read(organisation().id) as session:
            desk = desk_of(session, account_id)
        return terms_page(desk, typed, {field: sentence(heard)}, 409 if refused.code == "plan_exists" else 422)
    return move_on(path_of("plan", plan_id=made.id))


@page_for(WORKERS, "/plans/<visit:plan_id>/again", "POST", name="plan_again")
def plan_again(here: Here, plan_id: str) -> AnyResponse:
    """Takes a draft back, which nobody was told of, and shows its terms to be changed; pressed twice it does it once.

    Offered meanwhile by somebody else, the plan is shown as it stands.
    """
    row = row_of(plans.by_id, plan_id)
    try:
        take_back(ports(), organisation().id, plan_id, here.actor)
    except Refused:
        return move_on(path_of("plan", plan_id=plan_id))
    return move_on(f"{path_of('plan_terms', account_id=row.account_id)}?again={row.id}")


def _made(here: Here, account_id: str, typed: PlanTyped, asked: PlanAsked) -> Plan:
    order = PlanOrder(account_id, asked.wish, typed.channels, asked.offer_days)
    return ports().database.run(
        organisation().id, lambda session: make(session, order, here.actor, ports().clock.now())
    )


def typed_here() -> PlanTyped:
    """The fields as they were posted."""
    return PlanTyped(**{name: request.form.get(name, "")[:FIELD_LENGTH_MAX] for name in FIELDS})


def desk_of(session: Session, account_id: str, changes: Plan | None = None) -> Desk:
    """What is known of the account; of a plan that is changed, what it would still take can be put into the new one."""
    account = accounts.by_id(session, account_id)
    if account is None:
        abort(404)
    paid_to = organisations.by_id(session, account.organisation_id)
    payer = payer_of(session, account)
    by_email, by_text = bool(payer.email), may_text(session, payer)
    standing = plans.of_account(session, account.id)
    ways = {"email": by_email, "sms": by_text, "both": by_email and by_text}
    return Desk(
        account=account,
        customer=payer,
        payable_cents=payable_of_change(session, account, changes)
        if changes is not None
        else payable_cents(session, account),
        rules=settings_of(session, paid_to),
        presets=plans.presets(session),
        standing=None if changes is not None else next((each for each in standing if each.state in OPEN), None),
        changes=changes,
        channels=tuple(name for name, is_open in ways.items() if is_open),
        today=local_date(ports().clock.now(), paid_to.timezone),
    )


def terms_page(
    desk: Desk, typed: PlanTyped, errors: dict[str, str], status: int, preset: PlanPreset | None = None
) -> AnyResponse:
    """The form of a new plan's terms, or of a new version's."""
    old = desk.changes
    here = path_of("plan_change", plan_id=old.id) if old else path_of("plan_terms", account_id=desk.account.id)
    return page(
        "staff/plan_terms.html",
        status,
        desk=desk,
        typed=typed,
        pays=PAYS,
        rhythms=rhythms(),
        weekdays=weekdays(),
        days_apart=DAYS_APART_MIN,
        latest_on=desk.today + timedelta(days=desk.rules.number("plan_days_max")),
        number_max=desk.rules.number("plan_number_max"),
        least_cents=desk.rules.number("schedule_minimum_cents"),
        chosen_preset=preset,
        errors=errors,
        here=here,
        back=path_of("plan", plan_id=old.id) if old else path_of("plan_account"),
        path_of=path_of,
    )
