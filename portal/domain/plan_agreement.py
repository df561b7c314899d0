"""The terms and the authorization of a payment plan in their exact words, English and Spanish, with a version.

Called by the signing use cases: shown, printed and sealed as one text. It keeps Reg E 1005.10(b) and (d), what Nacha
asks of an authorization (C7), and the schemes' stored-card terms (C32). Both languages say the same, clause by clause.
"""

from portal.domain.agreement import Text
from portal.domain.plan_agreement_en import english
from portal.domain.plan_agreement_es import spanish
from portal.domain.plan_agreement_terms import PlanAgreementTerms

VERSION = "plan-2026-11-2"
PAYMENTS_SECTION = 1  # the one that lists every date and amount, a line for each, and a sentence on weekends


def plan_text(terms: PlanAgreementTerms, locale: str) -> Text:
    """Terms and authorization as they are shown, printed and signed."""
    if locale == "es":
        return Text(VERSION, "es", spanish(terms))
    return Text(VERSION, "en", english(terms))
