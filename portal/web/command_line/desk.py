"""What every command needs: the ports, whose organisation is meant, who sits here, refusals in words, tables.

Called by the files of the groups. English only, for operators; holds no rule.
"""

import getpass
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table

from portal.domain.refusal import Refused
from portal.storage import Session, organisation
from portal.storage.organisation import Organisation
from portal.storage.refund import Refund
from portal.usecases.ports import Ports
from portal.web import access

P = ParamSpec("P")
T = TypeVar("T")

SENTENCES: dict[str, str] = {
    "account_not_open": "The account is not open.",
    "account_unknown": "There is no such account in this organisation.",
    "amount_above_maximum": "One payment may be {maximum_cents} at most.",
    "amount_below_minimum": "One payment must be at least {minimum_cents}.",
    "amount_unreadable": "Give amounts in dollars and cents, like 125.50.",
    "days_missing": "That rhythm needs two days of the month: --days 1,15",
    "days_too_close": "The two days must lie {days_apart} days apart at least.",
    "nothing_to_pay": "Nothing is owed that a plan could be made for.",
    "payday_missing": "That rhythm needs to know the payday: --weekday or --payday",
    "objection_unknown": "Nothing stands against the debt of that account.",
    "plan_above_balance": "A plan can be for {payable_cents} at most: that is owed and not promised otherwise.",
    "plan_down_wrong": "The down payment must be less than the total of {total_cents}.",
    "plan_exists": "There is a plan on this account already: {reference}, {state}.",
    "plan_no_email": "There is no email address on file, and no number that may be texted.",
    "plan_no_phone": "There is no number on file that may be texted.",
    "plan_offer_days_wrong": "An offer stands 1 to 180 days.",
    "plan_preset_unknown": "There is no such preset: flask --app wsgi plan preset --help",
    "preset_name_long": "A preset's name has up to {most} characters.",
    "preset_name_missing": "Give the preset a name.",
    "plan_settles_nothing": "A settlement must be below the {payable_cents} that is owed.",
    "plan_not_signed": "Nothing of this plan is signed.",
    "plan_state": "{reference} is {state}.",
    "plan_sum_differs": "The payments come to {sum_cents}, and the total is {total_cents}.",
    "plan_too_long": "The last payment may lie on {latest_on} at most.",
    "plan_unknown": "There is no such plan in this organisation.",
    "schedule_date_past": "The first date lies in the past.",
    "schedule_number_wrong": "Give a number of payments from 1 to {number_max}.",
    "schedule_too_many": "A plan may have {number_max} payments at most.",
    "split_too_small": "That is too little to be cut into {parts} parts.",
    "alarm_unknown": "There is no such alarm.",
    "backup_in_future": "The backup cannot have been taken in the future. Give its time with its zone: {example}.",
    "balance_too_large": "The balance would become larger than the books can hold.",
    "bounce_unknown": "Nothing stands against that address.",
    "cell_amount": "Write an amount as dollars and cents, like 125.50.",
    "cell_date": "Write a date as 2026-11-02 or 11/2/2026.",
    "cell_formula": "A cell must not begin with = + - @: a spreadsheet program would compute it.",
    "cell_number": "Write a whole number.",
    "charge_not_paid": "That charge took no money: it is {state}.",
    "charge_unknown": "There is no such charge or receipt in this organisation.",
    "charging_held": "Charging is on hold ({reason}). Reconcile first: flask --app wsgi restored --help",
    "customer_unknown": "There is no such customer in this organisation.",
    "diagnosis_code": "{typed} does not look like an ICD-10-CM code, such as F41.1.",
    "erasure_hindered": "Something stands in the way:",
    "why_names_customer": "The reason stays when they are gone: write it without their name, number or address.",
    "event_booked": "That event was booked already; nothing was changed.",
    "file_cell": "Row {row} has a cell of more than {most} characters.",
    "file_columns_missing": "The file lacks columns: {names}.",
    "file_columns_twice": "The file has columns twice: {names}.",
    "file_columns_unknown": "The file has columns that mean nothing here: {names}.",
    "file_empty": "The file has no rows.",
    "file_encoding": "The file is not UTF-8. In a spreadsheet program, save it as CSV UTF-8.",
    "file_nul": "The file holds NUL characters: it is no CSV in UTF-8.",
    "file_ragged": "Row {row} has {found} cells; the header has {width}.",
    "file_rows": "The file has more than {most} rows. Split it.",
    "file_too_large": "The file is larger than {most} bytes. Split it.",
    "file_unreadable": "The file is no CSV: look for a quotation mark that is not closed.",
    "gateway_silent": "The gateway cannot be asked now ({reason}). Nothing was changed; try again.",
    "message_unknown": "There is no such message.",
    "move_past": "Choose a day after today.",
    "move_taken": "Another payment of this schedule falls on {due_on}.",
    "not_held": "Charging is not on hold.",
    "npi_wrong": "That is no NPI: ten digits, the last of which is a check digit.",
    "obligation_unknown": "There is no such obligation.",
    "payment_early": "It is not due before {due_at}, and nothing is charged before its date.",
    "payment_over": "Nothing can be changed about it any more: it is {status}.",
    "payment_of_subscription": "It belongs to a subscription: flask --app wsgi subscription waive, cancel or pause.",
    "payment_unknown": "There is no such scheduled payment.",
    "patient_born_on": "The date of birth cannot be right.",
    "patient_differs": "This patient is on record with other facts. Use: flask --app wsgi patient change",
    "patient_exists": "There is a patient {reference} already.",
    "patient_name_missing": "A patient needs a given name.",
    "patient_text": "The text in {field} is too long, or holds characters that cannot be printed.",
    "patient_unknown": "There is no such patient of the customer who owes on this account.",
    "provider_exists": "There is a provider {reference} already.",
    "provider_name_missing": "A provider needs a name.",
    "provider_state": "Write the licence's state with two letters.",
    "provider_text": "A text is too long, or holds characters that cannot be printed.",
    "provider_unknown": "There is no such provider in this organisation.",
    "reference_unreadable": "A reference is up to 40 letters and digits; space . / # _ - may stand between them.",
    "refund_above_payment": "Only {left_cents} of this payment is left to give back.",
    "refund_above_service": "That is more than this payment paid of that service and did not give back.",
    "refund_amount": "There is nothing left of this payment to give back.",
    "refund_names_no_service": "It paid several services. Say which one with --service.",
    "refund_nothing_there": "The gateway has nothing to give back: the sale is {status}.",
    "refund_not_voidable": "It has settled, so it cannot be voided any more. Use: flask --app wsgi refund whole",
    "refund_part_unsettled": "A part can be given back only after the payment settles, within a day or so. "
    "The whole can be given back now.",
    "refund_while_settling": "The payment is settling at this moment. Try again in a few hours.",
    "request_key_unreadable": "A key is 32 digits of 0-9 and a-f.",
    "ssn_unreadable": "An SSN has nine digits.",
    "password_long": "The password is too long: at most {most} characters.",
    "password_short": "The password is too short: at least {least} characters.",
    "password_weak": "The password is easy to guess. Use several words that do not belong together.",
    "staff_name_missing": "Give their name, as the trail is to show it.",
    "username_taken": "That username is taken.",
    "username_unfit": "A username has 3 to 64 letters, digits and . _ @ + -",
    "service_amount_held": "Only {free_cents} can be taken off now: the rest is paid or being paid. "
    "Give back first what was paid too much (refund part CHARGE AMOUNT --service NUMBER), then take it off.",
    "service_below_zero": "Insurance and adjustment come to more than the fee.",
    "service_code": "{typed} does not look like a code: letters and digits, such as 90837.",
    "service_description": "A description has up to {most} printable characters.",
    "service_diagnoses": "A service has up to {most} diagnoses, each once.",
    "service_differs": "This service is on record with other facts. Use: flask --app wsgi service correct",
    "service_exists": "There is a service {reference} already.",
    "service_fee": "The fee must be more than zero. What is given for nothing has its fee, "
    "and an adjustment of as much.",
    "service_in_future": "A service is recorded when it was performed.",
    "service_modifiers": "A service has up to {most} modifiers of two letters or digits.",
    "service_place": "A place of service is two digits, such as 11.",
    "service_units": "Units are a whole number from 1 to {most}.",
    "service_unknown": "There is no such service in this organisation.",
    "request_key_used": "That key was used for another refund ({refund_id}).",
    "retries_used": "It was tried {tries_max} times, or {window_days} days are over: only another card may be charged.",
    "retry_forbidden": "That card was refused for good ({decline}) and is never tried again.",
    "schedule_or_payment_unknown": "There is no such schedule, and no such scheduled payment.",
    "schedule_over": "Its schedule is {status}.",
    "schedule_unknown": "There is no such schedule.",
    "times_unreadable": "Write times like `mon-fri 09:00-17:00` or `sun 00:00-24:00`.",
    "why_holds_card_number": "The reason looks as if it held a card number. Leave it out.",
    "why_too_long": "Give the reason in {most} characters.",
    "words_missing": "Say in words what was said.",
    "wish_no_address": "There is no such address on file.",
    "activation_days_wrong": "It can be activated for 1 to {most} days.",
    "change_amount": "The new amount must be more than zero and less than each payment costs now.",
    "change_dates": "That day does not fit: later than the end now to extend, between today and then to shorten.",
    "change_two_people": "With what one person alone changed in the last 30 days that is worth {worth_cents}, more "
    "than the {limit_cents} one may decide: ask for it at the console, where a second person decides. "
    "To charge nothing until then: flask --app wsgi subscription pause",
    "change_under_way": "A payment is being charged at this moment. Try again when it is through.",
    "change_why": "Give a reason of up to {most} characters.",
    "feature_unknown": "The program has no feature called {name}.",
    "holds_card_number": "That looks like a card number.",
    "manager_unreachable": "A case manager needs a name, an email address and a US phone number.",
    "program_unknown": "There is no such program: flask --app wsgi subscription program --help",
    "subscription_dates": "The program ends before it begins.",
    "subscription_day": "A billing day is 1 to 31.",
    "subscription_features": "A program has 1 to {most} features, each once.",
    "subscription_free": "The participant must pay something.",
    "subscription_long": "A program may have {most} periods at most.",
    "subscription_past": "The program is over already.",
    "subscription_share": "The participant cannot pay more of {name} than the {monthly_cents} it costs.",
    "subscription_state": "{reference} is {state}.",
    "subscription_unknown": "There is no such subscription in this organisation.",
    "subscription_words": "A name is one line of up to {most} characters.",
    "sms_account_wrong": "The account begins with AC; the sender is a number like +13125550100, or a service (MG...).",
}


def ports() -> Ports:
    """The ports of this process."""
    return access.ports()


def console() -> Console:
    """Where results are written; made when asked for, so that tests can listen."""
    return Console(soft_wrap=True, highlight=False, markup=False)


def staff() -> str:
    """Who does this, for the trail."""
    return f"cli:{getpass.getuser()}"


def dollars(amount_cents: object) -> str:
    """Cents as people read them."""
    cents = amount_cents if isinstance(amount_cents, int) else 0
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def moment(at: datetime | None, zone: str = "UTC") -> str:
    """A moment on the organisation's wall."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z") if at else ""


def state_of_refund(row: Refund, zone: str) -> str:
    """How an attempt to give money back stands; one that was accepted and did not arrive says since when."""
    return f"failed {moment(row.failed_at, zone)}" if row.failed_at else row.state


def sentence(refused: Refused) -> str:
    """A refusal in words; the code stands for itself where it has none."""
    facts: dict[str, Any] = {"example": "2026-11-22T03:00:00+00:00", **_shown(refused.facts)}
    return SENTENCES.get(refused.code, refused.code.replace("_", " ").capitalize() + ".").format_map(_Gaps(facts))


class _Gaps(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "?"


def _shown(facts: Mapping[str, object]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name, value in facts.items():
        shown[name] = moment(value) if isinstance(value, datetime) else value
        if name.endswith("_cents"):
            shown[name] = dollars(value)
    return shown


@contextmanager
def refusals_said() -> Iterator[None]:
    """A refusal ends the command with its sentence and exit code 1."""
    try:
        yield
    except Refused as refused:
        raise click.ClickException(sentence(refused)) from refused


def organisation_named(slug: str) -> Organisation:
    """The organisation of a slug, or a clear error that names those there are."""
    known = everybody()
    for row in known:
        if row.slug == slug:
            return row
    names = ", ".join(row.slug for row in known) or "none yet"
    raise click.BadParameter(f"no organisation is called {slug!r}; there are: {names}", param_hint="--organisation")


def everybody() -> list[Organisation]:
    """Every organisation, by slug."""
    with ports().database.across() as session:
        return organisation.everybody(session)


def find_in_any(question: Callable[[Session], T | None]) -> tuple[Organisation, T] | None:
    """The first organisation in which the question has an answer, each asked in its own session."""
    for row in everybody():
        with ports().database.read(row.id) as session:
            answer = question(session)
        if answer is not None:
            return row, answer
    return None


def table(*columns: str, title: str | None = None) -> Table:
    """A plain table; columns that end in $ are aligned as amounts."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.rstrip("$"), justify="right" if column.endswith("$") else "left", overflow="fold")
    return made


organisation_option = click.option(
    "--organisation", "slug", required=True, metavar="SLUG", help="Whose it is: the name in its addresses."
)
