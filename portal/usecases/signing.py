"""The walk to a signature: opened from a plan's link, who it is, the plan looked at, the card chosen, the terms read.

Called by the agreement's pages. `look` gathers all that a page may show; the signature itself is
`portal.usecases.sign`. Nothing here moves money; what is signed is what is stored here and was shown last.
"""

import hmac
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from portal.domain.agreement import Text
from portal.domain.card import CardFacts, GatewayRefused, GatewayUnreachable
from portal.domain.due_date import WeekendRule, local_date
from portal.domain.payment_link import digest, new_token
from portal.domain.payment_method import NEW_CARD, brand_name, is_nonce
from portal.domain.plan import PlanTerms
from portal.domain.plan_agreement import plan_text
from portal.domain.plan_agreement_terms import PlanAgreementTerms
from portal.domain.record_disclosure import DisclosureTerms, disclosure
from portal.domain.refusal import Refused
from portal.domain.schedule import CardEnding, Payment, card_ending
from portal.domain.signing import SignProgress
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import charge as charges
from portal.storage import limit as limits
from portal.storage import plan as plans
from portal.storage import signing as signings
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.organisation import Organisation
from portal.storage.plan import Plan, PlanLink
from portal.storage.signing import Signing
from portal.usecases import payment_method
from portal.usecases.agreement import card_named
from portal.usecases.checkout import ATTEMPT_WINDOW, DECLINES_PER_DAY, TRIES_PER_HOUR_AND_ADDRESS
from portal.usecases.organisation import OrganisationSettings, settings_of
from portal.usecases.payment_method import ENTERED, NEW
from portal.usecases.plan import fits, payable_cents, terms
from portal.usecases.plan_offer import FoundOffer, OfferState, found
from portal.usecases.ports import Ports
from portal.usecases.schedule import CardChoice
from portal.usecases.visit import USER_AGENT_LENGTH_MAX, VISIT_LASTS, VISITS_PER_HOUR


@dataclass(frozen=True, slots=True)
class SignWalk:
    """A signing and everything its pages read. `visit` is the signing itself: what was chosen in it."""

    visit: Signing
    link: PlanLink
    plan: Plan
    replaces: Plan | None
    state: OfferState
    account: Account
    customer: Customer
    organisation: Organisation
    settings: OrganisationSettings
    payable_cents: int
    today: date
    progress: SignProgress

    @property
    def terms(self) -> PlanTerms:
        """The plan on what is owed now."""
        offered = terms(self.plan)
        balance = max(self.payable_cents, offered.total_cents)
        return PlanTerms(offered.kind, balance, offered.total_cents, offered.down_cents, offered.instalments)

    @property
    def payments(self) -> tuple[Payment, ...]:
        """Every payment, as signed today."""
        return self.terms.payments(self.today)

    @property
    def fits(self) -> bool:
        """Whether it can be signed on what is owed now."""
        return fits(self.plan, self.replaces, self.account, self.payable_cents)

    @property
    def is_disputed(self) -> bool:
        """Whether its customer said that they do not owe it. A signature would own up to what they dispute."""
        return self.account.disputed_at is not None

    @property
    def knows_cards(self) -> bool:
        """Whoever comes by a link has shown nothing that makes them the holder of a card on file."""
        return False

    @property
    def identity_method(self) -> str | None:
        """What can be asked, by what is on file."""
        if self.customer.postal_code:
            return "zip"
        return "phone" if self.customer.phone else None

    @property
    def card(self) -> CardChoice | None:
        """The card that was chosen, as it is stored and was shown."""
        visit = self.visit
        if visit.card_last4 is None or visit.card_expires_month is None or visit.card_expires_year is None:
            return None
        return CardChoice(
            visit.card_brand or "Card",
            visit.card_last4,
            visit.card_expires_month,
            visit.card_expires_year,
            payment_method_id=visit.payment_method_id,
            nonce=visit.card_nonce,
        )

    @property
    def ending(self) -> CardEnding | None:
        """The payment that the card does not live to see."""
        if self.card is None:
            return None
        days = [each.due_on for each in self.payments]
        return card_ending(self.card.expires_month, self.card.expires_year, days)


@dataclass(frozen=True, slots=True)
class CardTyped:
    """What the card page posts. `method` is "new", "entered" or the id of a card on file."""

    method: str
    nonce: str
    last4: str
    postal_code: str


def start(
    session: Session, offer: FoundOffer, *, ip: str, user_agent: str, locale: str, now: datetime
) -> tuple[str, str]:
    """Opens a signing; returns (its id, the secret its cookie holds). Refused `link_not_open`, `too_many_visits`."""
    if offer.state not in {OfferState.open, OfferState.signed}:
        raise Refused("link_not_open")
    if limits.count_up(session, "signing", offer.link.id, timedelta(hours=1), now) > VISITS_PER_HOUR:
        raise Refused("too_many_visits")
    secret = new_token()
    row = Signing(
        plan_id=offer.plan.id,
        link_id=offer.link.id,
        customer_id=offer.customer.id,
        secret_sha256=digest(secret),
        opened_at=now,
        expires_at=now + VISIT_LASTS,
        ip=ip,
        user_agent=user_agent[:USER_AGENT_LENGTH_MAX],
        locale=locale,
    )
    session.add(row)
    session.flush()
    return row.id, secret


def look(session: Session, signing_id: str, secret: str, now: datetime, *, locked: bool = False) -> SignWalk | None:
    """The walk for whoever holds its secret, or None: unknown, another's and over are the same.

    `locked` holds signing, then account, until the transaction ends.
    """
    row = signings.by_id(session, signing_id)
    known = row.secret_sha256 if row is not None else digest("")
    if not hmac.compare_digest(known, digest(secret)) or row is None or row.expires_at <= now:
        return None
    if locked:
        row = signings.lock(session, signing_id)
    seen = plans.by_id(session, row.plan_id)
    account = accounts.by_id(session, seen.account_id) if seen is not None else None
    if seen is None or account is None:
        raise AssertionError(f"signing {signing_id} leads nowhere")
    if locked:
        account = accounts.lock(session, account.id)
    plan = plans.fresh(session, row.plan_id) or seen
    link = plans.link_by_id(session, row.link_id)
    offer = found(session, link, now)
    rules = settings_of(session, offer.organisation)
    replaces = plans.by_id(session, plan.replaces_id) if plan.replaces_id else None
    return SignWalk(
        visit=row,
        link=link,
        plan=plan,
        replaces=replaces,
        state=offer.state,
        account=account,
        customer=offer.customer,
        organisation=offer.organisation,
        settings=rules,
        payable_cents=payable_cents(session, account, replaces.schedule_id if replaces is not None else None),
        today=local_date(now, offer.organisation.timezone),
        progress=_progress(row, plan, rules),
    )


def require_open(walk: SignWalk) -> None:
    """Refused `plan_not_open` when it was signed, cancelled or has ended, `plan_disputed` while its customer says that
    they do not owe it (C25), `plan_outdated` when it fits no more (P4).
    """
    if walk.state is not OfferState.open:
        raise Refused("plan_not_open")
    if walk.is_disputed:
        raise Refused("plan_disputed")
    if not walk.fits:
        raise Refused("plan_outdated")


def begin(walk: SignWalk, now: datetime) -> None:
    """Get Started: every date and amount was shown."""
    require_open(walk)
    walk.visit.started_at = walk.visit.started_at or now
    walk.visit.version += 1


def choose_card(
    ports: Ports, organisation_id: str, signing_id: str, secret: str, typed: CardTyped, ip: str
) -> dict[str, Refused]:
    """Stores the card, or returns which field was refused and why; nothing is stored then.

    The gateway is asked what card a nonce stands for between two transactions, never inside one.
    """

    def judged(session: Session) -> dict[str, Refused]:
        now = ports.clock.now()
        return _refused(session, _walk(session, signing_id, secret, now), typed, now, ip)

    refusals = ports.database.run(organisation_id, judged)
    if refusals:
        return refusals
    card: CardFacts | None = None
    if typed.method == NEW:
        try:
            card = ports.gateways.of(organisation_id).card_behind(typed.nonce)
        except GatewayUnreachable:
            return {"card-number": Refused("gateway_unreachable")}
        except GatewayRefused:
            return {"card-number": Refused("payments_off")}
        if card is None:
            return {"card-number": Refused("card_not_usable")}

    def stored(session: Session) -> None:
        now = ports.clock.now()
        walk = _walk(session, signing_id, secret, now)
        visit = walk.visit
        if card is not None:
            visit.method, visit.card_nonce, visit.card_entered_at = NEW_CARD, typed.nonce, now
            visit.card_brand, visit.card_last4 = brand_name(card.brand), card.last4
            visit.card_expires_month, visit.card_expires_year = card.expires_month, card.expires_year
            visit.payment_method_id = visit.method_proven_at = None
        elif typed.method != ENTERED:
            payment_method.take(session, walk, typed.method, now)
        visit.consented_at = visit.consented_sha256 = visit.terms_sha256 = None
        visit.version += 1

    ports.database.run(organisation_id, stored)
    return {}


def agreement_shown(walk: SignWalk) -> Text:
    """Terms and authorization as they are shown, printed and signed now. Refused `method_missing`."""
    if walk.card is None:
        raise Refused("method_missing")
    agreed, rules, paid_to = walk.terms, walk.settings, walk.organisation
    locale, card = walk.visit.locale, walk.card
    return plan_text(
        PlanAgreementTerms(
            organisation=paid_to.name,
            support_phone=paid_to.support_phone,
            support_email=paid_to.support_email,
            customer=walk.customer.full_name,
            account_reference=walk.account.reference,
            reference=walk.plan.reference,
            edition=walk.plan.edition,
            kind=agreed.kind,
            balance_cents=agreed.balance_cents,
            total_cents=agreed.total_cents,
            forgiven_cents=agreed.forgiven_cents,
            left_cents=agreed.left_cents,
            payments=walk.payments,
            card=card_named(card.brand, card.last4, locale, on_file=card.payment_method_id is not None),
            signed_on=walk.today,
            weekend_rule=WeekendRule(rules.words("weekend_rule")),
            missed_goes_last=rules.words("plan_missed_payment") == "end",
            break_after=rules.number("plan_break_after"),
            own_terms="\n".join(filter(None, (rules.words("plan_terms"), rules.words("agreement_terms")))),
            replaces_edition=walk.replaces.edition if walk.replaces is not None else None,
            creditor=walk.account.creditor or "",
        ),
        locale,
    )


def disclosure_terms(walk: SignWalk) -> DisclosureTerms:
    """What the words about electronic records depend on."""
    paid_to = walk.organisation
    return DisclosureTerms(
        paid_to.name, paid_to.support_phone, paid_to.support_email, paid_to.postal_address, walk.plan.reference
    )


def disclosure_shown(walk: SignWalk) -> Text:
    """What a person is told before they consent to electronic records (C12)."""
    return disclosure(disclosure_terms(walk), walk.visit.locale)


def open_document(walk: SignWalk, now: datetime) -> None:
    """The agreement was opened as a document: its reader can show what we send (C13)."""
    require_open(walk)
    walk.visit.opened_sha256, walk.visit.document_opened_at = agreement_shown(walk).digest, now
    walk.visit.version += 1


def consent(walk: SignWalk, shown_digest: str, *, agreed: bool, now: datetime) -> None:
    """The terms were read and the records may be electronic. Refused `agreement_changed`, `document_not_opened`,
    `consent_missing`.
    """
    require_open(walk)
    text = agreement_shown(walk)
    if text.digest != shown_digest:
        raise Refused("agreement_changed")
    if walk.visit.opened_sha256 != text.digest:
        raise Refused("document_not_opened")
    if not agreed:
        raise Refused("consent_missing")
    walk.visit.consented_sha256, walk.visit.consented_at = disclosure_shown(walk).digest, now
    walk.visit.terms_sha256 = text.digest
    walk.visit.version += 1


def choose_locale(session: Session, signing_id: str, secret: str, locale: str, now: datetime) -> None:
    """Keeps the language that was switched to; what was read in another one is to be read again."""
    walk = look(session, signing_id, secret, now, locked=True)
    if walk is None or walk.progress.signed or walk.visit.locale == locale:
        return
    walk.visit.locale = locale
    walk.visit.consented_at = walk.visit.consented_sha256 = walk.visit.terms_sha256 = None
    walk.visit.version += 1


def _walk(session: Session, signing_id: str, secret: str, now: datetime) -> SignWalk:
    walk = look(session, signing_id, secret, now, locked=True)
    if walk is None or walk.progress.signed:
        raise Refused("visit_over")
    return walk


def _refused(session: Session, walk: SignWalk, typed: CardTyped, now: datetime, ip: str) -> dict[str, Refused]:
    try:
        require_open(walk)
    except Refused as refused:
        return {"": refused}
    hour = charges.count_declined(session, walk.account.id, now - ATTEMPT_WINDOW)
    day = charges.count_declined(session, walk.account.id, now - timedelta(days=1))
    if hour >= walk.settings.number("declines_per_hour") or day >= DECLINES_PER_DAY:
        return {"": Refused("cards_resting")}
    if typed.method == NEW:
        if not is_nonce(typed.nonce):
            return {"card-number": Refused("card_missing")}
        if limits.count_up(session, "new_card", ip, ATTEMPT_WINDOW, now) > TRIES_PER_HOUR_AND_ADDRESS:
            return {"": Refused("cards_resting")}
        return {}
    if typed.method == ENTERED:
        return {} if walk.visit.card_nonce is not None else {"method-new": Refused("method_missing")}
    return payment_method.refused(session, walk, typed.method, typed.last4, typed.postal_code, now)


def _progress(row: Signing, plan: Plan, rules: OrganisationSettings) -> SignProgress:
    asked = rules.words("plan_identity")
    has_card = row.card_nonce is not None or (row.payment_method_id is not None and row.method_proven_at is not None)
    return SignProgress(
        identity_asked=asked == "zip" or (asked == "auto" and rules.is_on("debt_collector")),
        identity_proven=row.identity_proven_at is not None,
        started=row.started_at is not None,
        card_chosen=has_card,
        consented=row.consented_at is not None,
        signed=plan.signed_at is not None,
    )
