"""The payment agreement of a visit: its text as shown now, and its seal when accepted.

Called by the agreement page and by checkout. The sealed text is the one shown, or nothing is sealed.
"""

from datetime import datetime

from portal.domain.agreement import Terms, Text, text_of
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage.agreement import Agreement
from portal.storage.organisation import Organisation
from portal.usecases.check_code import Kind, give
from portal.usecases.visit import USER_AGENT_LENGTH_MAX, Walk

KIND = "payment"


def shown(walk: Walk, organisation: Organisation, forgiven_cents: int) -> Text:
    """The agreement of this visit as it stands now, in the visit's language."""
    visit = walk.visit
    if visit.amount_cents is None:
        raise Refused("amount_choice_missing")
    return text_of(
        Terms(
            organisation=organisation.name,
            support_phone=organisation.support_phone,
            support_email=organisation.support_email,
            account_reference=walk.account.reference,
            amount_cents=visit.amount_cents,
            forgiven_cents=forgiven_cents,
            card=card_named(
                visit.card_brand, visit.card_last4, visit.locale, on_file=visit.payment_method_id is not None
            ),
            saves_card=visit.save_card,
            own_terms=walk.settings.words("agreement_terms"),
        ),
        visit.locale,
    )


def seal(session: Session, walk: Walk, text: Text, *, ip: str, user_agent: str, now: datetime) -> Agreement:
    """Seals the payment agreement of a visit."""
    return seal_text(
        session, walk.customer.id, walk.account.id, walk.visit.id, KIND, text, ip=ip, user_agent=user_agent, now=now
    )


def seal_text(
    session: Session,
    customer_id: str,
    account_id: str,
    visit_id: str | None,
    kind: str,
    text: Text,
    *,
    ip: str,
    user_agent: str,
    now: datetime,
    code: str | None = None,
) -> Agreement:
    """Stores the exact text with its digest, when and from where it was accepted (server's values only).

    `code` is its check code where one is printed on its paper already; otherwise it is given one.
    """
    row = Agreement(
        customer_id=customer_id,
        account_id=account_id,
        visit_id=visit_id,
        kind=kind,
        text_version=text.version,
        locale=text.locale,
        text=text.plain,
        text_sha256=text.digest,
        accepted_at=now,
        ip=ip,
        user_agent=user_agent[:USER_AGENT_LENGTH_MAX],
    )
    session.add(row)
    session.flush()
    give(session, Kind.agreement, row.id, now, code)
    return row


def card_named(brand: str | None, last4: str | None, locale: str, *, on_file: bool) -> str:
    """How the agreement names the card: by its last four digits, which its holder has just typed either way."""
    name = brand or ("tarjeta" if locale == "es" else "card")
    if locale == "es":
        return f"mi tarjeta {name} terminada en {last4}" if last4 else f"mi tarjeta {name}"
    kept = " on file" if on_file else ""
    return f"my {name}{kept} ending in {last4}" if last4 else f"my {name}{kept}"
