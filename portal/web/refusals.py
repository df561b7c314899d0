"""What a person reads when a rule said no: one sentence for each code of `Refused`, in their language.

Called by every door that shows a refusal. A code without a sentence is a fault of ours and is caught by a test.
"""

from collections.abc import Callable, Mapping
from datetime import date

from flask_babel import gettext as _

from portal.domain.refusal import Refused
from portal.web.formats import day, money

Facts = Mapping[str, object]


def _cents(facts: Facts, name: str) -> str:
    value = facts.get(name, 0)
    return money(value) if isinstance(value, int) else money(0)


def _number(facts: Facts, name: str) -> str:
    return str(facts.get(name, ""))


def _date(facts: Facts, name: str) -> str:
    value = facts.get(name)
    return day(value) if isinstance(value, date) else ""


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "amount_missing": lambda _facts: _("Enter the amount you want to pay."),
    "amount_unreadable": lambda _facts: _("Enter the amount in dollars and cents, like 125.50"),
    "amount_zero": lambda _facts: _("The amount must be more than zero."),
    "amount_above_balance": lambda facts: _(
        "The amount can be at most %(most)s, which is what you owe.", most=_cents(facts, "payable_cents")
    ),
    "amount_below_minimum": lambda facts: _(
        "The amount must be at least %(least)s.", least=_cents(facts, "minimum_cents")
    ),
    "amount_above_maximum": lambda facts: _(
        "The amount can be at most %(most)s in one payment.", most=_cents(facts, "maximum_cents")
    ),
    "amount_choice_missing": lambda _facts: _("Choose how much you want to pay."),
    "nothing_to_pay": lambda _facts: _("There is nothing left to pay on this account."),
    "offer_choice_missing": lambda _facts: _("Choose an offer."),
    "offer_gone": lambda _facts: _("That offer is no longer available. Choose one of those shown."),
    "offer_required": lambda _facts: _("Choose one of the offers to go on."),
    "method_missing": lambda _facts: _("Choose how you want to pay."),
    "card_missing": lambda _facts: _("Enter your card details."),
    "card_not_usable": lambda _facts: _("That card could not be used. Enter the card details again."),
    "proof_missing": lambda _facts: _("Enter the last 4 digits of the card and its billing ZIP code."),
    "proof_wrong": lambda _facts: _(
        "The last 4 digits and the ZIP code do not match a card on file. Check both, or use another card."
    ),
    "proof_resting": lambda _facts: _(
        "There were too many wrong tries for this card. Use another card, or try again in an hour."
    ),
    "cards_resting": lambda _facts: _(
        "Several cards were declined in a short time, so card payments are paused here. "
        "Try again later, or call us and we will help you pay."
    ),
    "gateway_unreachable": lambda _facts: _(
        "The card processor did not answer. Nothing was charged. Try again in a moment."
    ),
    "payments_off": lambda _facts: _("Card payments are not available at the moment. Nothing was charged."),
    "quote_changed": lambda _facts: _("The figures have changed since you last saw them. Nothing was charged."),
    "agreement_changed": lambda _facts: _("The agreement has changed since you read it. Nothing was charged."),
    "agreement_tick_missing": lambda _facts: _("Tick the box to authorize the payment."),
    "payment_under_way": lambda _facts: _(
        "Another payment on this account is being confirmed. Nothing more was charged."
    ),
    "link_not_open": lambda _facts: _("This payment link can no longer be used. Nothing was charged."),
    "link_not_expired": lambda _facts: _("This payment link still works. Open it to pay."),
    "too_many_visits": lambda _facts: _("This link was opened many times. Wait a few minutes and try again."),
    "visit_over": lambda _facts: _("This page is closed. Open your payment link again."),
    "contact_empty": lambda _facts: _("Enter at least one correction."),
    "contact_email_wrong": lambda _facts: _("Enter an email address like name@example.com"),
    "contact_phone_wrong": lambda _facts: _("Enter a US phone number with 10 digits."),
    "contact_too_long": lambda _facts: _("Shorten this to 120 characters or fewer."),
    "contact_unreadable": lambda _facts: _("Use letters, numbers and usual punctuation only."),
    "holds_card_number": lambda _facts: _("This looks like a card number. Please remove it: cards are entered later."),
    "schedule_off": lambda _facts: _("Payments cannot be scheduled here at the moment. You can still pay now."),
    "schedule_missing": lambda _facts: _("Choose when you want to pay."),
    "often_missing": lambda _facts: _("Choose how often you want to pay."),
    "date_missing": lambda _facts: _("Enter the date of the first payment."),
    "date_unreadable": lambda _facts: _("Enter the date like 12/31/2026."),
    "schedule_date_past": lambda _facts: _("That date has passed. Choose today or a later date."),
    "schedule_too_late": lambda facts: _(
        "The last payment would be later than %(latest)s. Choose fewer payments, or earlier dates.",
        latest=_date(facts, "latest_on"),
    ),
    "schedule_number_unreadable": lambda _facts: _("Enter how many payments you want to make, like 6."),
    "schedule_number_wrong": lambda facts: _(
        "Enter a number of payments from 1 to %(most)s.", most=_number(facts, "number_max")
    ),
    "schedule_too_many": lambda facts: _(
        "That makes more than %(most)s payments. Choose fewer, or a higher amount.", most=_number(facts, "number_max")
    ),
    "schedule_above_balance": lambda facts: _(
        "These payments come to more than you owe, which is %(most)s.", most=_cents(facts, "payable_cents")
    ),
    "schedule_parts_small": lambda facts: _(
        "Each payment must be at least %(least)s. Choose fewer payments.", least=_cents(facts, "minimum_cents")
    ),
    "schedule_parts_large": lambda facts: _(
        "Each payment can be at most %(most)s. Choose more payments.", most=_cents(facts, "maximum_cents")
    ),
    "payday_missing": lambda _facts: _("Choose how you are paid."),
    "weekday_missing": lambda _facts: _("Choose the day of the week you are paid."),
    "payday_date_missing": lambda _facts: _("Enter the date of one of your paydays, the last one or the next one."),
    "days_missing": lambda _facts: _("Choose two days of the month."),
    "days_too_close": lambda facts: _(
        "Choose two days that are at least %(number)s days apart.", number=_number(facts, "days_apart")
    ),
    "card_declined": lambda _facts: _("Your bank did not accept this card. Check the details, or use another card."),
    "card_unusable": lambda _facts: _("The card details could not be used any more. Enter the card again."),
    "method_needed": lambda _facts: _(
        "This card is needed for scheduled payments. Use another card for those payments first, then remove it here."
    ),
    "method_needed_by_autopay": lambda _facts: _(
        "AutoPay needs this card. Use another card for it first, or turn AutoPay off, then remove the card here."
    ),
    "method_in_use": lambda _facts: _(
        "A payment with this card is being made at this moment. Remove the card when it is confirmed."
    ),
    "autopay_not_offered": lambda _facts: _("AutoPay is not offered here at the moment. Nothing was changed."),
    "limit_missing": lambda _facts: _("Enter your limit for one payment, in US dollars."),
    "autopay_tick_missing": lambda _facts: _("Tick the box to allow AutoPay. It is required to turn it on."),
    "autopay_email_missing": lambda _facts: _(
        "Each payment is announced by email, and there is no email address on file for you. Add one under My Profile."
    ),
    "cards_many": lambda facts: _(
        "You have %(number)s cards here, which is the most we keep. Remove one first.", number=_number(facts, "number")
    ),
    "saving_off": lambda _facts: _("Cards are not kept here at the moment."),
    "label_long": lambda facts: _(
        "The name can have at most %(number)s characters.", number=_number(facts, "number")
    ),
    "label_unreadable": lambda _facts: _("Use letters and digits for the name."),
    "method_unknown": lambda _facts: _("That card is not on the list any more."),
    "schedule_over": lambda _facts: _("These payments were made or cancelled; nothing can be changed any more."),
    "schedule_unknown": lambda _facts: _("These payments are not there any more. Nothing was changed."),
    "payment_unknown": lambda _facts: _("This payment is not there any more. Nothing was changed."),
    "payment_over": lambda _facts: _(
        "This payment was made, tried or cancelled meanwhile, so it could not be changed."
    ),
    "cancel_by_phone": lambda _facts: _("Payments are cancelled by phone here. Please call us."),
    "move_by_phone": lambda _facts: _("Payments are moved by phone here. Please call us."),
    "too_late": lambda facts: _(
        "A payment can be moved or left out until %(hours)s hours before it is due. Please call us.",
        hours=_number(facts, "cutoff_hours"),
    ),
    "skips_used": lambda _facts: _("No more of these payments can be left out. Please call us."),
    "move_past": lambda _facts: _("Choose a day after today."),
    "move_too_far": lambda facts: _(
        "Choose a day at most %(days)s days from the date first promised.", days=_number(facts, "days_max")
    ),
    "move_before_notice": lambda facts: _(
        "This payment was announced for %(day)s. It can be put off, not brought forward.", day=_date(facts, "due_on")
    ),
    "move_taken": lambda _facts: _("Another of your payments is on that day. Choose another one."),
    "move_date_missing": lambda _facts: _("Choose a date."),
    "change_tick_missing": lambda _facts: _("Tick the box to confirm."),
    "services_missing": lambda _facts: _("Check at least one service, or Check All."),
    "services_above_maximum": lambda facts: _(
        "These services come to %(total)s, and one payment can be at most %(most)s. Check fewer of them.",
        total=_cents(facts, "total_cents"),
        most=_cents(facts, "maximum_cents"),
    ),
    "services_too_many": lambda facts: _("Choose at most %(most)s services at a time.", most=facts.get("most", 0)),
    "statement_days": lambda facts: _(
        "The first day must not be after the last, and they can be at most %(years)s years apart.",
        years=facts.get("most_years", 0),
    ),
    "too_many_documents": lambda _facts: _("You asked for many documents in a short time. Try again in an hour."),
    "email_missing": lambda _facts: _("There is no email address on file for you. Add one under My Profile."),
    "service_unknown": lambda _facts: _("One of these services is not on this page any more. Choose again."),
    "services_of_two_accounts": lambda _facts: _("Choose services of one account at a time."),
    "services_paid": lambda _facts: _("One of these services is paid, or is being paid. Choose again."),
    "services_off": lambda _facts: _("Payments are turned off here. Please ask your practice. Nothing was charged."),
    "note_too_long": lambda facts: _("Shorten the notes to %(most)s characters or fewer.", most=facts.get("most", 0)),
    "receipt_capped": lambda _facts: _("The receipt was already sent several times. Print it from this page instead."),
    "subscription_tick_missing": lambda _facts: _("Tick the box to allow the monthly charge. It is required."),
    "subscription_not_open": lambda _facts: _("This subscription cannot be activated any more. Nothing was charged."),
    "report_missing": lambda _facts: _("Write a few words, so that your case manager knows what it is about."),
    "report_too_long": lambda facts: _("Shorten this to %(most)s characters or fewer.", most=facts.get("most", 0)),
    "reports_capped": lambda _facts: _("You wrote several times today. Please call your case manager."),
    "who_missing_username": lambda _facts: _("Enter your username."),
    "who_missing_account": lambda _facts: _("Enter your account number."),
    "who_missing_ssn": lambda _facts: _("Enter your Social Security number."),
    "pin_missing": lambda _facts: _("Enter your PIN."),
    "pin_unreadable": lambda facts: _("A PIN is %(least)s to %(most)s digits.", least=facts.get("least", 6),
                                      most=facts.get("most", 12)),
    "pin_short": lambda facts: _("Use at least %(least)s digits.", least=facts.get("least", 6)),
    "pin_weak": lambda _facts: _(
        "That PIN is easy to guess. Use digits that are no date, no pattern and no part of your phone or account "
        "number."
    ),
    "pin_wrong": lambda _facts: _("That is not your PIN now."),
    "pin_link_over": lambda _facts: _("This link was used or has ended. Ask for a new one."),
    "code_missing": lambda _facts: _("Enter the code."),
    "code_wrong": lambda _facts: _("That code is wrong, was used, or has ended. Check it, or ask for a new one."),
    "directory_silent": lambda _facts: _("We cannot check usernames at this moment. Try again in a few minutes."),
    "device_unknown": lambda _facts: _("That device is not on the list any more."),
    "password_short": lambda facts: _("Use at least %(least)s characters.", least=facts.get("least", 12)),
    "password_long": lambda facts: _("Use at most %(most)s characters.", most=facts.get("most", 200)),
    "password_weak": lambda _facts: _("That is easy to guess. Use several words that do not belong together."),
    "password_wrong": lambda _facts: _("That is not your password now."),
    "proof_code_wrong": lambda _facts: _("That code is wrong or was used before. Wait for the next one."),
    "sign_in_busy": lambda _facts: _("Many people are signing in at this moment. Try again in a few seconds."),
    "sign_in_over": lambda _facts: _("Your sign-in has ended. Sign in again."),
    "sign_in_wrong": lambda _facts: _("That did not match. Check everything and try again."),
    "receipt_on_paper": lambda _facts: _("Your records come by mail, on paper. You can print this page as well."),
    "receipt_no_address": lambda _facts: _("There is no email address on file. Print the receipt from this page."),
    "consent_missing": lambda _facts: _("Tick the box to go on, or call us to get everything on paper."),
    "document_not_opened": lambda _facts: _("Open the agreement first, so that we know that you can read it."),
    "drawing_missing": lambda _facts: _("Draw your signature in the box, or choose another way to sign."),
    "drawing_unusable": lambda _facts: _(
        "The drawing could not be used. Draw it again, or choose another way to sign."
    ),
    "identity_missing": lambda _facts: _("Enter your answer."),
    "identity_resting": lambda _facts: _(
        "There were too many wrong answers. Try again in an hour, or call us."
    ),
    "identity_unknown": lambda _facts: _("Please call us: we have nothing on file that we could ask you about."),
    "identity_wrong": lambda _facts: _("That is not what we have on file. Check it, or call us."),
    "plan_disputed": lambda _facts: _(
        "You told us that you do not owe this, so this plan cannot be signed before we have answered you. "
        "Nothing was charged."
    ),
    "plan_not_open": lambda _facts: _("This plan can no longer be signed. Nothing was charged."),
    "plan_outdated": lambda _facts: _("What is owed has changed, so this plan cannot be signed as it is."),
    "plan_payment_under_way": lambda _facts: _(
        "A payment of this plan is being made at this moment, and nobody knows yet whether it succeeds. "
        "Change the plan when that has ended, in a few minutes."
    ),
    "plan_unprintable": lambda _facts: _(
        "The agreement could not be written at the moment. Please try again, or call us."
    ),
    "sign_name_missing": lambda _facts: _("Type your full name, or choose another way to sign."),
    "sign_name_too_long": lambda _facts: _("Shorten your name to 120 characters or fewer."),
    "sign_name_unreadable": lambda _facts: _("Use letters, numbers and usual punctuation only."),
    "sign_way_missing": lambda _facts: _("Choose how you want to sign."),
}  # fmt: skip


def sentence(refused: Refused) -> str:
    """The sentence for a refusal; a plain one, never the code, when its row is missing."""
    make = SENTENCES.get(refused.code)
    return make(refused.facts) if make else _("That is not possible at the moment. Nothing was charged.")
