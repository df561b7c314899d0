"""Why was this not charged? Every rule that stands against an obligation now and until when, and what was tried.

Called by the command line and the console. Reads only: what it says is what the claim would obey.
"""

from dataclasses import dataclass
from datetime import datetime

from portal.domain.refusal import Refused
from portal.domain.rule import RULES
from portal.storage import Session, account, charge, obligation, refund
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.storage.refund import Refund
from portal.usecases.rule import Case, Standing


@dataclass(frozen=True, slots=True)
class Explanation:
    """An obligation, the rules that stand, its attempts in order, what was given back of them, and the rule that ended
    it, if one did.
    """

    due: Obligation
    standing: list[Standing]
    attempts: list[Charge]
    refunds: list[Refund]
    ended_by: str | None


def explain(session: Session, obligation_id: str, now: datetime) -> Explanation:
    """The explanation. Refused `obligation_unknown`."""
    due = obligation.by_id(session, obligation_id)
    owed_on = account.by_id(session, due.account_id) if due else None
    if due is None or owed_on is None:
        raise Refused("obligation_unknown")
    standing = list(Case(session, due, owed_on, now).standing())
    rule = RULES.get(due.refused_code or "")
    ended_by = rule.sentence if rule and "{" not in rule.sentence else due.refused_code
    attempts = charge.of_obligation(session, due.id)
    refunds = [each for row in attempts for each in refund.of_charge(session, row.id)]
    return Explanation(due, standing, attempts, refunds, ended_by)
