"""What the console says about subscriptions: how one stands, what each change means, who hears of it, what was refused.

Called by the pages of subscriptions. Decides nothing; what is not said here is said as participants hear it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from flask_babel import gettext as _

from portal.domain.refusal import Refused
from portal.domain.subscription import NOTICE_DAYS, ChangeKind, SubscriptionState
from portal.storage import customer as customers
from portal.storage.subscription import Subscription, SubscriptionChange
from portal.usecases.subscription_promise import Way, ways_to
from portal.usecases.subscription_worth import Line, lines_of
from portal.web import refusals
from portal.web.access import ports
from portal.web.formats import day, money


@dataclass(frozen=True, slots=True)
class ChangeWords:
    """One change: its button, the question of its page, and what it does to the participant."""

    button: str
    question: str
    meaning: str


def kinds() -> dict[ChangeKind, ChangeWords]:
    """In the reader's language."""
    return {
        ChangeKind.reduce: ChangeWords(
            _("Lower payments"),
            _("Lower payments?"),
            _("Each payment you choose costs the new amount, never more than now."),
        ),
        ChangeKind.waive: ChangeWords(
            _("Waive payments"), _("Waive payments?"), _("The payments you choose are not charged and not owed.")
        ),
        ChangeKind.pause: ChangeWords(
            _("Pause"),
            _("Pause this subscription?"),
            _("Nothing is charged and nothing comes to be owed until it goes on."),
        ),
        ChangeKind.resume: ChangeWords(
            _("Let it go on"),
            _("Let it go on?"),
            _("Payments go on on their dates. One whose date went by meanwhile is neither charged nor owed."),
        ),
        ChangeKind.extend: ChangeWords(
            _("Make it longer"),
            _("Make the program longer?"),
            _("The months that are added are charged, none earlier than %(days)s days from now.", days=NOTICE_DAYS),
        ),
        ChangeKind.shorten: ChangeWords(
            _("Make it shorter"), _("Make the program shorter?"), _("Nothing is charged for days after the new end.")
        ),
        ChangeKind.cancel: ChangeWords(
            _("Cancel this subscription"),
            _("Cancel this subscription?"),
            _("Nothing more is charged, and that cannot be undone."),
        ),
    }


def states() -> dict[str, str]:
    """How a subscription stands, in a word."""
    return {
        SubscriptionState.assigned.value: _("Waits to be activated"),
        SubscriptionState.active.value: _("Active"),
        SubscriptionState.paused.value: _("Paused"),
        SubscriptionState.ended.value: _("Ended"),
        SubscriptionState.cancelled.value: _("Cancelled"),
        SubscriptionState.expired.value: _("Not activated in time"),
    }


def signs() -> Mapping[str, tuple[str, str]]:
    """The colour and icon of each state."""
    return {
        "assigned": ("wait", "clock"),
        "active": ("good", "done"),
        "paused": ("wait", "clock"),
        "ended": ("good", "done"),
        "cancelled": ("bad", "stop"),
        "expired": ("bad", "stop"),
    }


def told(row: Subscription, event: str) -> str:
    """How the participant hears of what is done with a subscription, or that nobody but staff can tell them."""
    with ports().database.read(row.organisation_id) as session:
        person = customers.by_id(session, row.customer_id)
        ways = ways_to(session, event, person) if person is not None else ()
    said = {
        Way.email: _("The participant is told by email."),
        Way.sms: _("The participant is told by text message."),
        Way.post: _("A letter to the participant waits under Print and post."),
    }
    by_hand = (
        _("There is no address to tell the participant: hand over the address of Self Pay.")
        if event == "subscription_assigned"
        else _("There is no address to tell the participant: call them, or write on paper.")
    )
    return " ".join(said[way] for way in ways) or by_hand


def lines(change: SubscriptionChange) -> list[str]:
    """What a change that was asked for does, payment by payment."""
    return [_line(each) for each in lines_of(change)]


def _line(each: Line) -> str:
    before, after = money(each.before_cents), money(each.after_cents)
    said: str = _("%(number)s. %(after)s instead of %(before)s", number=each.number, after=after, before=before)
    if each.begins_on:
        begins, ends = (day(date.fromisoformat(on)) for on in (each.begins_on, each.ends_on))
        said = _(
            "%(number)s. %(begins)s until %(ends)s: %(amount)s more",
            number=each.number, begins=begins, ends=ends, amount=after,
        )  # fmt: skip
    elif not each.after_cents:
        said = _("%(number)s. %(before)s, not charged", number=each.number, before=before)
    return said


def day_typed(typed: str) -> date:
    """A day as a date field sends it, or as it is typed here: 12/31/2026. Refused `date_missing`, `date_unreadable`."""
    if not typed.strip():
        raise Refused("date_missing")
    try:
        if "/" in typed:
            month, day, year = (int(each) for each in typed.split("/"))
            return date(year, month, day)
        return date.fromisoformat(typed.strip())
    except ValueError as error:
        raise Refused("date_unreadable") from error


def sentence(refused: Refused) -> str:
    """What was refused, to staff."""
    facts = refused.facts
    cents = facts.get("monthly_cents")
    said = {
        "activation_days_wrong": _("It can be activated for 1 to %(most)s days.", most=facts.get("most", 0)),
        "change_amount": _("The new amount must be more than zero, and less than each payment costs now."),
        "change_dates": _(
            "Choose a day that fits: later than the end now to make it longer, or between today and then."
        ),
        "change_differs": _(
            "Payments have changed since this was asked for, so it would not do what was asked. "
            "Refuse it, and ask for it again."
        ),
        "change_decided": _("It was decided already."),
        "change_same_person": _("Somebody else must decide: you asked for it."),
        "change_under_way": _("A payment is being charged at this moment. Try again when it is through."),
        "change_unknown": _("That change is not there any more."),
        "change_why": _("Say why, in up to %(most)s characters.", most=facts.get("most", 0)),
        "customer_unknown": _("There is no participant with that number."),
        "date_missing": _("Enter the date."),
        "manager_unreachable": _("A case manager needs a name, an email address and a US phone number."),
        "payment_over": _("One of these payments was charged or ended meanwhile."),
        "payment_unknown": _("Choose at least one payment."),
        "program_unknown": _("That program is not there any more."),
        "subscription_dates": _("The program must not end before it begins."),
        "subscription_day": _("A billing day is 1 to 31."),
        "subscription_free": _("The participant must pay something."),
        "subscription_features": _("Choose at least one feature."),
        "subscription_long": _("The program has too many months: at most %(most)s.", most=facts.get("most", 0)),
        "subscription_past": _("The program is over already."),
        "subscription_share": _(
            "The participant cannot pay more than the %(price)s it costs.",
            price=money(cents if isinstance(cents, int) else 0),
        ),
        "subscription_state": _("Somebody changed it meanwhile; this is how it stands now."),
    }
    return said.get(refused.code) or refusals.sentence(refused)
