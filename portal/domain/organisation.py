"""Organisations: their profile and their settings, as rows (name, type, default by profile, sentence).

Settings are data with history in storage; this table is the only place that says which exist.
Read by use cases through `portal.usecases.organisation`; never holds a value of one organisation.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from portal.domain.autopay import NOTICE_DAYS_MAX, NOTICE_DAYS_MIN
from portal.domain.provider import is_ein_or_empty, is_npi_or_empty
from portal.domain.refusal import Refused


class Profile(StrEnum):
    """The kind of organisation; sets defaults and the word shown for the payer."""

    supervision = "supervision"
    receivables = "receivables"
    therapy = "therapy"


SettingValue = bool | int | str


@dataclass(frozen=True, slots=True)
class Setting:
    """One organisation setting. `defaults` by profile where they differ; `sentence` says what it does."""

    name: str
    label: str
    kind: type
    default: SettingValue
    sentence: str
    defaults: tuple[tuple[Profile, SettingValue], ...] = ()
    minimum: int = 0
    maximum: int = 2_147_483_647
    choices: tuple[str, ...] = ()
    pattern: str = ""
    length_max: int = 2_000
    fits: Callable[[str], bool] | None = None  # what else a text must be

    def default_for(self, profile: Profile) -> SettingValue:
        """The value of an organisation that never set it."""
        return dict(self.defaults).get(profile, self.default)

    def checked(self, value: object) -> SettingValue:
        """The value itself when it fits the row; Refused `setting_invalid` otherwise."""
        if type(value) is not self.kind or not isinstance(value, bool | int | str):
            raise Refused("setting_invalid", name=self.name)
        if isinstance(value, str):
            is_listed = not self.choices or value in self.choices
            is_shaped = not self.pattern or re.fullmatch(self.pattern, value, re.ASCII) is not None
            is_fit = self.fits is None or self.fits(value)
            if len(value) > self.length_max or not (is_listed and is_shaped and is_fit):
                raise Refused("setting_invalid", name=self.name)
        elif not isinstance(value, bool) and not self.minimum <= value <= self.maximum:
            raise Refused("setting_invalid", name=self.name)
        return value


USUAL_HOURS = "Monday to Friday, 9 a.m. to 5 p.m."  # said in the reader's language; what is set is said as it was typed


SETTINGS: dict[str, Setting] = {
    row.name: row
    for row in (
        Setting("contact_verification", "Contact Verification", bool, True,
                "Payers review their contact information before anything else (S1:16)."),
        Setting("mask_contact", "Mask contact details", bool, False,
                "Contact details are shown in part only on pages opened from a link.",
                ((Profile.receivables, True),)),
        Setting("virtual_collection", "Virtual Collection", bool, False,
                "Payers are shown the settlement offers of their account (S1:17).",
                ((Profile.receivables, True),)),
        Setting("allow_skip_offer", "Allow Skip Offer", bool, True,
                "Payers may go on without choosing an offer (S1:18)."),
        Setting("other_amount", "Other amount", bool, True,
                "Payers may enter an amount below the whole balance."),
        Setting("minimum_payment_cents", "Minimum payment", int, 500,
                "The least a payer may pay at once, in cents; a smaller balance may be paid whole.",
                minimum=1, maximum=999_999_999),
        Setting("maximum_payment_cents", "Maximum payment", int, 1_000_000,
                "The most a payer may pay at once, in cents.", minimum=100, maximum=999_999_999),
        Setting("save_card", "Save card for future payments", bool, True,
                "Payers may keep their card on file; the box is never ticked for them (S1:19)."),
        Setting("link_days", "Days a payment link works", int, 30,
                "How long a new payment link can be opened.", minimum=1, maximum=365),
        Setting("fresh_link", "Send me a fresh link", bool, True,
                "An expired link offers to send a new one to the address on file."),
        Setting("discreet_messages", "Discreet messages", bool, False,
                "Subjects and previews name no debt, amount or creditor; a debt collector's never do (Reg F "
                "1006.6(d)(1)).",
                ((Profile.receivables, True),)),
        Setting("debt_collector", "Debt collector", bool, False,
                "The organisation collects debts for others: the rules of Regulation F bind it, whatever else is set.",
                ((Profile.receivables, True),)),
        Setting("quiet_hours", "Quiet hours", bool, True,
                "Nothing is sent before 8:00 or after 21:00 where the customer is; a debt collector always keeps them "
                "(Reg F 1006.6(b)(1))."),
        Setting("revoke_one_revokes_all", "One opt-out ends all texts", bool, True,
                "A STOP ends every kind of text. Off, it ends the kind it answers, and STOPALL ends all "
                "(47 CFR 64.1200(a)(10))."),
        Setting("name_in_texts", "Name in texts", str, "",
                "How the organisation names itself in texts and, where messages are discreet, as the sender of emails "
                "and on pages before it is known who looks; no word of debts (Reg F 1006.6(d)(1)). Empty: its own "
                "name, or its telephone number where messages are discreet and the name tells of debts.",
                length_max=40),
        Setting("collector_in_emails", "Debt collector named in emails", str, "accounts",
                "Where a debt collector's emails say what it is, at their end: in those that tell of an account, "
                "in every one, links too, or only on the page, once it is known who looks (Reg F 1006.18(e)).",
                choices=("accounts", "all", "page")),
        Setting("receipt_by_email", "Receipt by email", bool, True,
                "A receipt is emailed after each payment when there is an address (S1:33)."),
        Setting("receipt_by_sms", "Receipt by SMS", bool, False,
                "A short receipt is texted after each payment to customers who agreed to texts."),
        Setting("declines_per_hour", "Declines allowed per link and hour", int, 5,
                "After this many declined cards the link rests for an hour (card testing).",
                minimum=1, maximum=50),
        Setting("support_hours", "Support hours", str, USUAL_HOURS,
                "When people answer the phone; shown with the help contacts.", length_max=120),
        Setting("agreement_terms", "Terms added to the payment agreement", str, "",
                "A paragraph of the organisation's own, shown and sealed with each agreement; plain text."),
        Setting("refunds_reopen_balance", "Refunds are owed again", bool, True,
                "Money given back is owed again, unless staff say otherwise for one refund."),
        Setting("sign_in_username", "Sign in with username and PIN", bool, True,
                "Customers may sign in with a username and their PIN (S0:18)."),
        Setting("sign_in_account", "Sign in with an account number", bool, False,
                "Customers may sign in with an account number and their PIN or a code (S1:4).",
                ((Profile.receivables, True),)),
        Setting("sign_in_ssn", "Sign in with a Social Security number", bool, False,
                "Customers may sign in with their SSN and their PIN or a code; never with it alone (Cal. Civ. Code "
                "1798.85).", ((Profile.receivables, True),)),
        Setting("sign_in_code", "Codes by email or SMS", bool, True,
                "Customers may have a code sent to the address on file instead of typing their PIN."),
        Setting("pin_length", "Digits of a PIN", int, 6,
                "The least digits a new PIN has; 4 are guessed within days.", minimum=4, maximum=12),
        Setting("remember_days", "Days a device is remembered", int, 180,
                "How long a device that its owner had remembered is known; 0 remembers none.", maximum=400),
        Setting("schedule_payment", "Schedule Payment", bool, True,
                "Payers may schedule future payments when no settlement offer was chosen (S1:20)."),
        Setting("schedule_days_max", "Latest scheduled payment", int, 365,
                "How many days ahead the last payment of a schedule may lie.", minimum=1, maximum=3_650),
        Setting("schedule_number_max", "Most payments in a schedule", int, 60,
                "How many payments one schedule may have.", minimum=1, maximum=520),
        Setting("schedule_minimum_cents", "Least scheduled payment", int, 500,
                "The least one payment of a schedule may be, in cents; the last one may be the rest.",
                minimum=1, maximum=999_999_999),
        Setting("weekend_rule", "Weekends and holidays", str, "after",
                "Where a payment goes that falls on a weekend or federal holiday: the working day before, after, "
                "or it stays.", choices=("before", "after", "same")),
        Setting("charge_hour", "Hour of scheduled payments", int, 9,
                "When on its date a scheduled payment is charged, by the clock of the organisation.", maximum=23),
        Setting("charges_per_minute", "Charges per minute", int, 3_000,
                "How many scheduled payments are sent to the gateway in a minute, on all machines together.",
                minimum=1, maximum=60_000),
        Setting("catch_up_per_day", "Missed payments per customer and day", int, 1,
                "After an outage, how many missed payments one customer is charged in a day; oldest first.",
                minimum=1, maximum=100),
        Setting("after_last_failure", "After the last failed try", str, "pause",
                "What becomes of a schedule whose payment failed for good: pause until the card is changed, cancel "
                "the rest, or leave it to staff.", choices=("pause", "cancel", "staff")),
        Setting("lower_to_balance", "Lower a payment to what is owed", bool, True,
                "A scheduled payment above what is still owed is lowered to it; off, it and the rest are cancelled."),
        Setting("payment_notice", "Notice before a scheduled payment", bool, True,
                "Each payment more than five days ahead is announced 3 to 10 working days before (Reg F 1006.22(c))."),
        Setting("customer_may_cancel", "Customers may cancel scheduled payments", bool, True,
                "Off, customers are asked to call; a wish to stop is still honoured by staff (Reg E 1005.10(c))."),
        Setting("customer_may_move", "Customers may move a scheduled payment", bool, True,
                "Customers may put one payment on a later or earlier date."),
        Setting("move_days_max", "Days a payment may be moved", int, 10,
                "How far from the date first promised a customer may move a payment.", minimum=1, maximum=60),
        Setting("skip_max", "Payments a customer may skip", int, 1,
                "How many payments of one schedule a customer may skip; what is skipped stays owed.", maximum=100),
        Setting("cutoff_hours", "Hours before a payment when changes end", int, 24,
                "Later than this before a payment, customers can cancel it but not move or skip it.", maximum=240),
        Setting("plan_offer_days", "Days a plan offer stands", int, 14,
                "How long a payment plan can be signed after it was offered; never past its first date (S1:40).",
                minimum=1, maximum=180),
        Setting("plan_reminder_days", "Reminders of a plan offer", str, "7,3,1",
                "How many days before an offer ends its reminders go out; at most three, or none (S1:38).",
                pattern=r"([1-9][0-9]{0,2}(,[1-9][0-9]{0,2}){0,2})?"),
        Setting("plan_fresh_offer", "Send me a fresh offer", bool, True,
                "An expired plan offer lets the customer ask for a fresh one, with the next dates of the same plan."),
        Setting("plan_identity", "Who opens a plan", str, "auto",
                "What is asked before a plan is shown: the ZIP code on file (auto: by debt collectors), or nothing "
                "(Reg F 1006.6(d)(1)).", choices=("auto", "none", "zip")),
        Setting("plan_number_max", "Most instalments of a plan", int, 120,
                "How many instalments one plan may have.", minimum=1, maximum=520),
        Setting("plan_days_max", "Longest plan", int, 1_825,
                "How many days ahead the last instalment of a plan may lie.", minimum=1, maximum=3_650),
        Setting("plan_missed_payment", "A missed instalment", str, "end",
                "An instalment that failed for good goes to the end of the plan, or stays owed outside of it.",
                choices=("end", "stay")),
        Setting("plan_break_after", "Missed instalments that end a plan", int, 3,
                "After this many instalments in a row that failed for good the plan is broken; 0 never breaks one.",
                maximum=100),
        Setting("plan_terms", "Terms added to a payment plan", str, "",
                "Paragraphs of the organisation's own, shown and signed with each plan; plain text, a line for each.",
                length_max=8_000),
        Setting("subscription_prorated", "Part of a month, part of the price", bool, True,
                "The first and the last period of a subscription are charged by the day; off, each costs the whole "
                "price."),
        Setting("subscription_activation_days", "Days to activate a subscription", int, 14,
                "How long a subscription waits for the participant's card; then staff may open it again.",
                minimum=1, maximum=180),
        Setting("subscription_reminder_days", "Reminders of a subscription", str, "7,3,1",
                "How many days before that ends its reminders go out; at most three, or none.",
                pattern=r"([1-9][0-9]{0,2}(,[1-9][0-9]{0,2}){0,2})?"),
        Setting("subscription_approval_cents", "A change of a subscription that two decide", int, 10_000,
                "What lowers, waives, adds or takes away more than this within 30 days waits for a second person, "
                "in cents.",
                maximum=999_999_999),
        Setting("pay_services", "Make a Payment", bool, True,
                "Signed-in customers can pay; off, the option is not there and the page says whom to ask (S2:2)."),
        Setting("pay_services_screens", "Screens of Make a Payment", str, "one",
                "Amount, card and notes on one screen, or the card on a second screen after Next (S2:14-16).",
                choices=("one", "two")),
        Setting("autopay", "AutoPay for services", bool, False,
                "Clients may choose AutoPay: what new services leave for them to pay is announced, then charged."),
        Setting("autopay_quiet_days", "Quiet days before AutoPay", int, 3,
                "How many days nothing may have changed about a service before AutoPay announces its payment.",
                minimum=1, maximum=90),
        Setting("autopay_notice_days", "Days of notice of AutoPay", int, 10,
                "How many days before each AutoPay payment its amount and date are announced (Reg E 1005.10(d)).",
                minimum=NOTICE_DAYS_MIN, maximum=NOTICE_DAYS_MAX),
        Setting("practice_ein", "Employer Identification Number", str, "",
                "The practice's EIN as printed on invoices and superbills, like 12-3456789.",
                length_max=10, fits=is_ein_or_empty),
        Setting("practice_npi", "Group NPI", str, "",
                "The practice's own National Provider Identifier, where it has one beside its providers'.",
                length_max=10, fits=is_npi_or_empty),
        Setting("practice_address", "Address on documents", str, "",
                "Where services are provided, as printed on superbills; empty, the postal address.", length_max=200),
        Setting("notice_days", "Days raw notices are kept", int, 90,
                "How long the gateway's notices are kept as they came; what came of them stays for ever.",
                minimum=7, maximum=3_650),
        Setting("record_years", "Years signed papers are kept", int, 3,
                "How long after the last act on their accounts the agreements, consents and papers of an erased "
                "customer are kept (Reg F 1006.100; Nacha).", minimum=3, maximum=10),
        Setting("charging_enabled", "Charging enabled", bool, True,
                "The kill switch: off, nothing is charged for this organisation."),
        Setting("idempotency_keys", "Gateway idempotency keys", bool, True,
                "Send api_request_key with each charge; off for merchants that may not use it (915231)."),
    )
}  # fmt: skip


def setting(name: str) -> Setting:
    """The row of a setting; KeyError is a programming error."""
    return SETTINGS[name]
