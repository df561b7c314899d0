"""What stands on a plan's papers: whose they are and for whom, the agreement, the schedule, and how they are checked.

Called by the terms page, by signing and by messages. The check code is made before the paper is printed: it is one of
the facts, so kept facts print the same bytes again. Prints nothing itself.
"""

from dataclasses import replace
from datetime import datetime

from portal.domain.agreement import Text
from portal.domain.plan_agreement import PAYMENTS_SECTION
from portal.domain.plan_document import AgreementFacts, Letterhead, PaymentFacts, ScheduleFacts, SignatureFacts
from portal.domain.refusal import Refused
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.organisation import Organisation
from portal.storage.plan import Plan
from portal.usecases.check_code import address
from portal.usecases.organisation import OrganisationSettings
from portal.usecases.payment_link import home
from portal.usecases.signing import SignWalk


def letterhead(
    plan: Plan, paid_to: Organisation, settings: OrganisationSettings, payer: Customer, owed_on: Account
) -> Letterhead:
    """Whose paper it is, and for whom; with nothing on it to be checked yet."""
    return Letterhead(
        organisation_name=paid_to.name,
        organisation_color=paid_to.brand_colour,
        postal_address=paid_to.postal_address,
        help_phone=paid_to.support_phone,
        help_email=paid_to.support_email,
        help_hours=settings.words("support_hours"),
        time_zone=paid_to.timezone,
        customer_name=payer.full_name,
        account_reference=owed_on.reference,
        reference=plan.reference,
        edition=plan.edition,
    )


def with_code(head: Letterhead, code: str | None, portal_url: str, paid_to: Organisation) -> Letterhead:
    """The same, to be checked by its code at an address of the organisation."""
    if code is None:
        return head
    return replace(head, check_code=code, check_url=address(home(portal_url, paid_to), code))


def agreement_facts(
    walk: SignWalk,
    text: Text,
    disclosed: Text,
    now: datetime,
    signature: SignatureFacts | None = None,
    head: Letterhead | None = None,
) -> AgreementFacts:
    """The agreement as it is printed: to be read before, or with its signature under a head that can be checked."""
    return AgreementFacts(
        head=head or of_walk(walk),
        text_version=text.version,
        text_sha256=text.digest,
        sections=tuple((section.heading, section.paragraphs) for section in text.sections),
        list_section=PAYMENTS_SECTION,
        disclosures=tuple((section.heading, section.paragraphs) for section in disclosed.sections),
        made_at=now,
        signature=signature,
    )


def schedule_facts(walk: SignWalk, head: Letterhead, now: datetime) -> ScheduleFacts:
    """The schedule of a plan that is signed now. Refused `method_missing`."""
    agreed, card = walk.terms, walk.card
    if card is None:
        raise Refused("method_missing")
    return ScheduleFacts(
        head=head,
        payments=tuple(
            PaymentFacts(each.number, each.due_on, each.amount_cents, bool(agreed.down_cents) and each.number == 1)
            for each in walk.payments
        ),
        total_cents=agreed.total_cents,
        balance_cents=agreed.balance_cents,
        forgiven_cents=agreed.forgiven_cents,
        left_cents=agreed.left_cents,
        card=f"{card.brand} •••• {card.last4}",
        signed_at=now,
    )


def of_walk(walk: SignWalk) -> Letterhead:
    """The letterhead of a signing."""
    return letterhead(walk.plan, walk.organisation, walk.settings, walk.customer, walk.account)
