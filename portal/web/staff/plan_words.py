"""What the console says about plans: how one stands, what each act means, and what was refused, to staff.

Called by the pages of plans. Decides nothing; what is not said here is said as customers hear it.
"""

from dataclasses import dataclass
from datetime import date

from flask_babel import gettext as _

from portal.domain.due_date import Frequency
from portal.domain.plan import PlanState
from portal.domain.refusal import Refused
from portal.web import refusals
from portal.web.formats import day, money


@dataclass(frozen=True, slots=True)
class ActWords:
    """One act: its button, the question of its page, what it does to the customer, what is said when it is done."""

    button: str
    question: str
    meaning: str
    done: str
    is_end: bool = False


def act_words() -> dict[str, ActWords]:
    """In the reader's language."""
    return {
        "cancel": ActWords(
            _("Cancel this plan"),
            _("Cancel this plan?"),
            _("Nothing more is debited. What is on its way is given back. What is not paid stays owed."),
            _("The plan is cancelled. Nothing more is debited."),
            is_end=True,
        ),
        "pause": ActWords(
            _("Pause this plan"),
            _("Pause this plan?"),
            _("Nothing is charged until it is resumed. What is being sent at this moment still is."),
            _("The plan is paused. Nothing is charged until it is resumed."),
        ),
        "resume": ActWords(
            _("Resume this plan"),
            _("Resume this plan?"),
            _("Charges go on. Payments whose dates went by meanwhile go to the end."),
            _("The plan goes on."),
        ),
    }


def paper_names() -> dict[str, str]:
    """The papers of a signature, as links."""
    return {
        "agreement": _("Signed agreement with its page of evidence (PDF)"),
        "schedule": _("Payment schedule (PDF)"),
    }


def states() -> dict[str, str]:
    """How a plan stands, in a word."""
    return {
        PlanState.draft.value: _("Draft"),
        PlanState.offered.value: _("Offered"),
        PlanState.signed.value: _("Signed"),
        PlanState.paused.value: _("Paused"),
        PlanState.completed.value: _("Completed"),
        PlanState.broken.value: _("Broken"),
        PlanState.cancelled.value: _("Cancelled"),
        PlanState.expired.value: _("Expired"),
        PlanState.superseded.value: _("Replaced"),
    }


def signs() -> dict[str, tuple[str, str]]:
    """Kind and icon of the sign beside that word."""
    good, wait, bad, plain = ("good", "done"), ("wait", "clock"), ("bad", "stop"), ("plain", "stop")
    return {
        "draft": ("plain", "tag"), "offered": wait, "signed": good, "paused": wait, "completed": good, "broken": bad,
        "cancelled": plain, "expired": plain, "superseded": plain,
    }  # fmt: skip


def rhythms() -> dict[str, str]:
    """How often, in the order the form offers them."""
    return {
        Frequency.monthly.value: _("Every month"),
        Frequency.two_weeks.value: _("Every two weeks"),
        Frequency.weekly.value: _("Every week"),
        Frequency.twice_a_month.value: _("Twice a month"),
        Frequency.payday_weekly.value: _("On payday: every week"),
        Frequency.payday_two_weeks.value: _("On payday: every other week"),
        Frequency.payday_twice_a_month.value: _("On payday: two days a month"),
        Frequency.payday_last_working_day.value: _("On payday: last working day of the month"),
        Frequency.once.value: _("Once"),
    }


def ways() -> dict[str, str]:
    """By which ways an offer goes."""
    return {"email": _("Email"), "sms": _("Text message"), "both": _("Email and text message")}


def sentence(refused: Refused) -> str:
    """A refusal as somebody of the staff should hear it."""
    facts = refused.facts

    def cents(name: str) -> str:
        value = facts.get(name, 0)
        return money(value if isinstance(value, int) else 0)

    latest = facts.get("latest_on")
    state = str(facts.get("state", ""))
    said = {
        "account_not_open": lambda: _("This account is not open, so no plan can be made for it."),
        "amount_choice_missing": lambda: _("Choose one of these."),
        "amount_missing": lambda: _("Enter an amount in US dollars."),
        "nothing_to_pay": lambda: _("Nothing is owed on this account that a plan could be made for."),
        "payday_date_missing": lambda: _("Enter one of the customer's paydays, the last one or the next one."),
        "often_missing": lambda: _("Choose how often."),
        "plan_above_balance": lambda: _(
            "At most %(most)s can be put into a plan: that is owed and not promised otherwise.",
            most=cents("payable_cents"),
        ),
        "plan_channels_wrong": lambda: _("Choose how the offer is sent."),
        "plan_down_wrong": lambda: _(
            "The down payment must be less than the total of %(total)s.", total=cents("total_cents")
        ),
        "plan_exists": lambda: _(
            "There is a plan on this account already: %(reference)s, %(state)s.",
            reference=facts.get("reference", ""), state=states().get(state, state),
        ),
        "plan_no_email": lambda: _("There is no email address on file, and no number that may be texted."),
        "plan_no_phone": lambda: _("There is no number on file that may be texted."),
        "plan_offer_days_wrong": lambda: _("Enter a number of days from 1 to 180."),
        "plan_papers_differ": lambda: _(
            "This paper is not the one that was signed. Do not hand it out; restore it from a backup."
        ),
        "plan_preset_exists": lambda: _("There is one of this name already."),
        "plan_settles_nothing": lambda: _(
            "A settlement must be less than the %(most)s that is owed.", most=cents("payable_cents")
        ),
        "plan_state": lambda: _("This plan changed meanwhile. It is shown as it stands now."),
        "plan_sum_differs": lambda: _(
            "These payments come to %(sum)s, and the total is %(total)s.",
            sum=cents("sum_cents"), total=cents("total_cents"),
        ),
        "plan_terms_changed": lambda: _("What is owed changed since this was shown. Check it once more."),
        "plan_too_long": lambda: _(
            "The last payment may be on %(latest)s at the latest.",
            latest=day(latest) if isinstance(latest, date) else "",
        ),
        "preset_days_wrong": lambda: _("Enter a number of days from 0 to 180."),
        "preset_name_long": lambda: _("Shorten this to %(most)s characters or fewer.", most=facts.get("most", 0)),
        "preset_name_missing": lambda: _("Give it a name."),
        "preset_percent_wrong": lambda: _("Enter a percentage above 0 and below 100, like 60 or 37.5."),
        "schedule_above_balance": lambda: _("These payments come to more than the total."),
        "schedule_number_unreadable": lambda: _("Enter a whole number, like 6."),
        "split_too_small": lambda: _("That is too little to be cut into so many payments."),
        "weekday_missing": lambda: _("Choose the day of the week the customer is paid."),
        "why_holds_card_number": lambda: _("This looks like a card number. Please remove it."),
        "why_missing": lambda: _("Write down why."),
        "why_too_long": lambda: _("Shorten this to %(most)s characters or fewer.", most=facts.get("most", 0)),
    }.get(refused.code)  # fmt: skip
    return str(said()) if said is not None else refusals.sentence(refused)
