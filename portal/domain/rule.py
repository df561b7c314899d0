"""Every rule that may keep an obligation from being charged, as a table in the order they are asked.

The claim obeys the first that stands; `explain` lists all that stand. Whether one stands is asked of rows by
`portal.usecases.rule`; this file only names them.
"""

from dataclasses import dataclass

CHECKOUT = "checkout"
SCHEDULED = "scheduled"


@dataclass(frozen=True, slots=True)
class Rule:
    """`sentence` is for staff. `ends`: kinds of obligation that end unpaid by it; others stay due and wait."""

    code: str
    sentence: str
    ends: frozenset[str] = frozenset()


RULES: dict[str, Rule] = {
    row.code: row
    for row in (
        Rule("obligation_not_due", "Only what is due is charged; this one is {status}."),
        Rule("obligation_early", "Its time has not come."),
        Rule("charge_live", "An attempt is under way or has succeeded; a second one is never made beside it."),
        Rule("charging_held", "Charging is on hold for this organisation ({reason}) until it has been reconciled."),
        # A customer who waits at a page is told at once; what is scheduled waits until the rule falls.
        Rule("charging_off", "The organisation's kill switch is on (setting charging_enabled).",
             ends=frozenset({CHECKOUT})),
        Rule("organisation_closed", "The organisation is closed.", ends=frozenset({CHECKOUT})),
        Rule("account_not_open", "The account is {status}.", ends=frozenset({CHECKOUT})),
        Rule("balance_too_low", "More than the account still owes and no other payment under way may take.",
             ends=frozenset({CHECKOUT, SCHEDULED})),
        Rule("method_gone", "There is no card to charge: it was removed, or typed once and used up.",
             ends=frozenset({CHECKOUT, SCHEDULED})),
    )
}  # fmt: skip
