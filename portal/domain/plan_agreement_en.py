"""The English of a payment plan's terms and authorization, section by section.

Called by `portal.domain.plan_agreement` only.
"""

from portal.domain.agreement import Section, dollars
from portal.domain.due_date import WeekendRule
from portal.domain.plan import PlanKind
from portal.domain.plan_agreement_terms import PlanAgreementTerms, listed
from portal.domain.schedule_agreement import day_in_words


def english(terms: PlanAgreementTerms) -> tuple[Section, ...]:
    """Every section in English."""
    sections = [
        Section("Your payment plan", (*_opening(terms), *_outcome(terms))),
        Section("Payments", (*listed(terms, "en"), _weekends(terms))),
        Section(
            "Your authorization",
            (
                f"I, {terms.customer}, authorize {terms.organisation} to charge {terms.card} on the dates and for the "
                f"amounts listed here: {_number(terms)}, {dollars(terms.total_cents)} in all, in US dollars.",
                "I am the holder of this card, or its holder has allowed me to use it. "
                f"I give this authorization on {day_in_words(terms.signed_on, 'en')}.",
                "No payment will be more than the amount listed for its date. A payment will be less when I owe less "
                "by then, and it will not be taken when I owe nothing; I ask to be told in advance only of amounts "
                "outside this range. Any other change is a new version of this plan, which needs a new signature.",
            ),
        ),
        Section("If a payment does not go through", _failures(terms)),
        Section(
            "How to stop, pause or revoke",
            (
                "I can cancel this plan or revoke this authorization at any time, by calling "
                f"{terms.support_phone} or writing to {terms.support_email}. A payment that has not yet been sent to "
                "the card processor is then not charged; one that was being sent at that moment is given back. What I "
                "still owe stays owed. I can ask in the same way to pause this plan or to change it.",
                "I may also stop a payment through my bank by telling it at least three business days before the date.",
                "Paying this way is my choice. I can pay each amount myself instead.",
            ),
        ),
        Section(
            "Your card on file",
            (
                f"{terms.organisation} keeps {terms.card} with its card processor and uses it only for the payments of "
                "this plan. This ends with the last of them, or when I revoke it. "
                f"{terms.organisation} tells me by email or mail before these terms change.",
                "A receipt is sent after each payment. For a refund, call or write as above.",
            ),
        ),
    ]
    if terms.own_paragraphs:
        sections.append(Section(f"Terms of {terms.organisation}", terms.own_paragraphs))
    return tuple(sections)


def _opening(terms: PlanAgreementTerms) -> tuple[str, ...]:
    opening = (
        f"This is version {terms.edition} of payment plan {terms.reference} between {terms.organisation} and me, "
        f"{terms.customer}, on account {terms.account_reference}{_owed_to(terms)}. The balance it is about is "
        f"{dollars(terms.balance_cents)} on {day_in_words(terms.signed_on, 'en')}. I agree to pay "
        f"{dollars(terms.total_cents)} in {_number(terms)}. There is no interest and there are no fees in this plan."
    )
    if terms.replaces_edition is None:
        return (opening,)
    return (opening, f"It takes the place of version {terms.replaces_edition}, which ends when I sign this one.")


def _owed_to(terms: PlanAgreementTerms) -> str:
    return f", which is owed to {terms.creditor}" if terms.creditor else ""


def _outcome(terms: PlanAgreementTerms) -> tuple[str, ...]:
    if terms.kind is PlanKind.settlement:
        return (
            f"When the last payment has been received, {terms.organisation} accepts {dollars(terms.total_cents)} as "
            f"full settlement, and the remaining {dollars(terms.forgiven_cents)} is no longer owed. Until then the "
            "whole balance stays owed, less what I have paid. If a payment is later reversed, or this plan ends before "
            "it is paid in full, the settlement does not apply.",
        )
    if terms.left_cents:
        return (
            f"This plan is for a part of what I owe. The other {dollars(terms.left_cents)} stays owed and is not part "
            "of it.",
        )
    return ("When the last payment has been received, the balance named here is paid in full.",)


def _number(terms: PlanAgreementTerms) -> str:
    return "one payment" if len(terms.payments) == 1 else f"{len(terms.payments)} payments"


def _weekends(terms: PlanAgreementTerms) -> str:
    return {
        WeekendRule.before: "A date on a weekend or federal holiday was moved to the working day before.",
        WeekendRule.after: "A date on a weekend or federal holiday was moved to the next working day.",
        WeekendRule.same: "Payments are charged on their date, also on weekends and holidays.",
    }[terms.weekend_rule]


def _failures(terms: PlanAgreementTerms) -> tuple[str, ...]:
    told = (
        f"{terms.organisation} will tell me and may try the same payment again, four times in all within 21 days. I "
        "can change the card with the link in that message."
    )
    if terms.missed_goes_last:
        then = (
            "A payment that still does not go through, or that I ask to leave out, goes to the end: it is charged once "
            "more on the next date after the last one in the same rhythm, for the same amount. I am told the new date "
            "before."
        )
    else:
        then = "A payment that still does not go through is not charged again under this plan. It stays owed."
    if not terms.break_after:
        return (told, then)
    times = "one payment" if terms.break_after == 1 else f"{terms.break_after} payments in a row"
    return (
        told,
        then,
        f"If {times} cannot be made, this plan ends: nothing more is charged under it, and what I owe is owed as if "
        "there had been no plan, less what I have paid.",
    )
