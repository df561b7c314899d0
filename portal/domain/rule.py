"""Every rule that may keep an obligation from being charged, as a table in the order they are asked.

The claim obeys the first that stands; `explain` lists all that stand. Whether one stands is asked of rows by
`portal.usecases.rule`; this file only names them.
"""

from dataclasses import dataclass
from datetime import timedelta

CHECKOUT = "checkout"
SCHEDULED = "scheduled"


@dataclass(frozen=True, slots=True)
class Rule:
    """`sentence` is for staff. `ends`: kinds of obligation that end unpaid by it; others stay due and wait.

    `look_again`: how long a scheduled payment waits before the rule is asked again, where it names no time itself.
    """

    code: str
    sentence: str
    ends: frozenset[str] = frozenset()
    look_again: timedelta = timedelta(minutes=15)


RULES: dict[str, Rule] = {
    row.code: row
    for row in (
        Rule("obligation_not_due", "Only what is due is charged; this one is {status}."),
        Rule("obligation_early", "Its time has not come."),
        Rule("charge_live", "An attempt is under way or has succeeded; a second one is never made beside it."),
        # Reg E 1005.10(b): without a sealed authorization the claim does not refuse, it raises.
        Rule("authorization_missing", "It has no sealed authorization, so it can never be charged (Reg E 1005.10(b))."),
        Rule("charging_held", "Charging is on hold for this organisation ({reason}) until it has been reconciled."),
        # A customer who waits at a page is told at once; what is scheduled waits until the rule falls.
        Rule("charging_off", "The organisation's kill switch is on (setting charging_enabled).",
             ends=frozenset({CHECKOUT})),
        Rule("organisation_closed", "The organisation is closed.", ends=frozenset({CHECKOUT})),
        Rule("account_not_open", "The account is {status}.", ends=frozenset({CHECKOUT})),
        # Reg F 1006.38(d): what the customer pays themselves goes on.
        Rule("debt_disputed", "The customer disputes the debt since {day}: nothing is charged by itself before staff "
             "have resolved it (flask --app wsgi objection).", look_again=timedelta(hours=1)),
        Rule("schedule_ended", "Its schedule is {status}.", ends=frozenset({SCHEDULED})),
        Rule("schedule_waits", "Its schedule is {status}: it waits for the customer's new card, or for staff.",
             look_again=timedelta(hours=12)),
        Rule("plan_waits", "Its payment plan is {state}: nothing of it is charged until it goes on.",
             look_again=timedelta(hours=12)),
        Rule("plan_ended", "Its payment plan is {state}.", ends=frozenset({SCHEDULED})),
        Rule("subscription_waits", "Its subscription is paused ({why}): nothing of it is charged until it goes on.",
             look_again=timedelta(hours=12)),
        Rule("autopay_off", "AutoPay or payments for services are off at this organisation.",
             ends=frozenset({SCHEDULED})),
        # Reg E 1005.10(d): a payment of an amount of its own is charged after its notice, or not at all.
        Rule("notice_missing", "The notice of this AutoPay payment did not leave ten days before its date; it is "
             "announced anew.", ends=frozenset({SCHEDULED})),
        # Held for longer than a few days, it is not the payment on a date that its notice told of.
        Rule("notice_stale", "The date that the notice of this AutoPay payment named went by; it is announced anew.",
             ends=frozenset({SCHEDULED})),
        Rule("above_limit", "The client allows AutoPay less for one payment by now, so it is not tried again.",
             ends=frozenset({SCHEDULED})),
        Rule("catching_up", "It was missed, and this customer was charged for {charged} missed payments today.",
             look_again=timedelta(hours=12)),
        Rule("older_first", "{older} older payments of this customer have not been tried yet.",
             look_again=timedelta(hours=1)),
        Rule("card_resting", "The card was declined {declined} times lately; the card schemes forbid more tries.",
             look_again=timedelta(days=1)),
        # Reg E 1005.10(c): who goes to the bank instead of to us has taken the authorization back all the same.
        Rule("card_stopped", "Its cardholder had the bank stop charges to this card on {day}: it waits for a new "
             "authorization.", look_again=timedelta(days=1)),
        Rule("given_back", "What is owed of its services was paid by hand and given back since it was announced: the "
             "client pays it by hand.", ends=frozenset({SCHEDULED})),
        Rule("nothing_owed", "Nothing is owed on the account any more.", ends=frozenset({SCHEDULED})),
        Rule("payment_under_way", "Another payment under way may take what is left of the balance.",
             look_again=timedelta(hours=1)),
        Rule("balance_too_low", "More than the account still owes and no other payment under way may take.",
             ends=frozenset({CHECKOUT, SCHEDULED})),
        Rule("service_balance_too_low", "More than one of its services still owes and no other payment may take.",
             ends=frozenset({CHECKOUT, SCHEDULED})),
        Rule("method_gone", "There is no card to charge: it was removed, or typed once and used up.",
             ends=frozenset({CHECKOUT, SCHEDULED})),
    )
}  # fmt: skip
