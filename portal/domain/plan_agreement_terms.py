"""What the words of a payment plan's agreement depend on, and the lines both languages share.

Filled by the signing use cases; read by `portal.domain.plan_agreement_en` and `portal.domain.plan_agreement_es`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from portal.domain.agreement import dollars
from portal.domain.due_date import WeekendRule
from portal.domain.plan import PlanKind
from portal.domain.schedule import Payment
from portal.domain.schedule_agreement import day_in_words


@dataclass(frozen=True, slots=True)
class PlanAgreementTerms:
    """What the words depend on; amounts in cents. `card` names the card with its last four digits."""

    organisation: str
    support_phone: str
    support_email: str
    customer: str
    account_reference: str
    reference: str
    edition: int
    kind: PlanKind
    balance_cents: int
    total_cents: int
    forgiven_cents: int
    left_cents: int
    payments: Sequence[Payment]
    card: str
    signed_on: date
    weekend_rule: WeekendRule
    missed_goes_last: bool
    break_after: int
    own_terms: str
    replaces_edition: int | None = None
    creditor: str = ""  # to whom it is owed, where that is not who asks for it

    @property
    def own_paragraphs(self) -> tuple[str, ...]:
        """The organisation's own terms, a paragraph for each line."""
        return tuple(line.strip() for line in self.own_terms.splitlines() if line.strip())


def listed(terms: PlanAgreementTerms, locale: str) -> tuple[str, ...]:
    """Every payment, a line for each."""
    return tuple(f"{each.number}. {day_in_words(each.due_on, locale)}: {dollars(each.amount_cents)}"
                 for each in terms.payments)  # fmt: skip
