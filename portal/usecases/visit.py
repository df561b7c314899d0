"""Visits: one person's walk through a payment link, from the press of the landing button to the result.

Called by the link's pages. `look` gathers all that a page of the walk may show; nothing here moves money.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from portal.domain.offer import Price, price
from portal.domain.payment_link import LinkState, Progress, Purpose, Step, digest, furthest, new_token
from portal.domain.refusal import Refused
from portal.domain.rule import SCHEDULED
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.storage import limit as limits
from portal.storage import obligation as obligations
from portal.storage import offer as offers
from portal.storage import payment_link as links
from portal.storage import visit as visits
from portal.storage import walk as walks
from portal.storage.organisation import Organisation
from portal.usecases.customer_sign_in import opened_fully, still_stands
from portal.usecases.organisation import OrganisationSettings, settings_of
from portal.usecases.paper_copy import means_paper
from portal.usecases.payment_link import Found, state_of

VISIT_LASTS = timedelta(hours=8)
VISITS_PER_HOUR = 40  # of one link: scanners press buttons too, and each press makes a row
USER_AGENT_LENGTH_MAX = 300


@dataclass(frozen=True, slots=True)
class OfferOnTable:
    """An open offer with its price on what can be paid now."""

    row: offers.Offer
    price: Price


@dataclass(frozen=True, slots=True)
class Walk:
    """A visit and everything its pages read. `payable_cents` is the balance without payments under way."""

    visit: visits.Visit
    link: links.PaymentLink
    link_state: LinkState
    account: accounts.Account
    customer: customers.Customer
    organisation: Organisation
    settings: OrganisationSettings
    payable_cents: int
    promised_cents: int  # of it, what is scheduled for later already
    is_paying: bool  # a payment of this account is under way, in this visit or another
    offers: tuple[OfferOnTable, ...]
    obligation: obligations.Obligation | None
    progress: Progress
    wants_paper: bool = False  # their records go by mail (C14)
    knows_cards: bool = False  # the person is signed in with more than an SSN: their cards need no proof
    corrected: Mapping[str, str] = field(default_factory=dict)  # what they found wrong in their contact details

    @property
    def offer(self) -> OfferOnTable | None:
        """The offer taken in this visit, if it still stands."""
        return next((offer for offer in self.offers if offer.row.id == self.visit.offer_id), None)

    @property
    def may_schedule(self) -> bool:
        """Payments are scheduled only where no settlement offer was selected and the setting is on (S1:20)."""
        return self.offer is None and self.settings.is_on("schedule_payment") and self.schedulable_cents > 0

    @property
    def schedulable_cents(self) -> int:
        """What can still be promised for later."""
        return max(self.payable_cents - self.promised_cents, 0)


def start(
    session: Session,
    found: Found,
    *,
    ip: str,
    user_agent: str,
    locale: str,
    now: datetime,
    sign_in_id: str | None = None,
) -> tuple[str, str]:
    """Opens a visit of a link that is good for something; returns (visit id, the secret its cookie holds).

    With a `sign_in_id` it lasts no longer than that sign-in.
    """
    link = found.link
    if found.state is not LinkState.open:
        raise Refused("link_not_open")
    if limits.count_up(session, "visit", link.id, timedelta(hours=1), now) > VISITS_PER_HOUR:
        raise Refused("too_many_visits")
    secret = new_token()
    visit = visits.Visit(
        link_id=link.id,
        account_id=link.account_id,
        customer_id=link.customer_id,
        secret_sha256=digest(secret),
        opened_at=now,
        expires_at=now + VISIT_LASTS,
        ip=ip,
        user_agent=user_agent[:USER_AGENT_LENGTH_MAX],
        locale=locale,
        sign_in_id=sign_in_id,
    )
    session.add(visit)
    session.flush()
    return visit.id, secret


def look(session: Session, visit_id: str, secret: str, now: datetime, *, locked: bool = False) -> Walk | None:
    """The walk of a visit for whoever holds its secret, or None: unknown, another's and over are the same.
    `locked` holds visit, then account, until the transaction ends.
    """
    rows = rows_of(session, visit_id, secret, now, Purpose.pay, locked=locked)
    return _gather(session, rows, now) if rows is not None else None


def rows_of(
    session: Session, visit_id: str, secret: str, now: datetime, purpose: Purpose, *, locked: bool = False
) -> walks.Rows | None:
    """The rows of a visit of a link of this purpose, for whoever holds its secret; None for everyone else."""
    rows = _rows(session, visit_id, secret, now)
    if rows is None or rows[1].purpose != purpose:
        return None
    return walks.locked(session, rows) if locked else rows


def onward(walk: Walk) -> Step:
    """The furthest page that may be opened after what was just stored in this walk's own rows; asks nothing again."""
    progress = _progress(walk.visit, walk.offers, walk.settings.is_on("allow_skip_offer"))
    return furthest(walk.settings.values, progress)


def choose_locale(session: Session, visit_id: str, secret: str, locale: str, now: datetime) -> None:
    """Keeps the language that was switched to, for the agreement and the receipt of this visit."""
    rows = _rows(session, visit_id, secret, now)
    if rows is None:
        return
    visit = walks.locked(session, rows)[0]
    if visit.agreement_id is None:
        visit.locale = locale


def _rows(session: Session, visit_id: str, secret: str, now: datetime) -> walks.Rows | None:
    rows = walks.of_visit(session, visit_id)
    known = rows[0].secret_sha256 if rows is not None else digest("")
    if not hmac.compare_digest(known, digest(secret)) or rows is None or rows[0].expires_at <= now:
        return None
    if rows[0].sign_in_id is not None and not still_stands(session, rows[0].sign_in_id, now):
        return None
    return rows


def _gather(session: Session, rows: walks.Rows, now: datetime) -> Walk:
    visit, link, account, customer, organisation, said, corrected = rows
    chosen = settings_of(session, organisation)
    knows_cards = False
    if visit.sign_in_id is not None:
        chosen = chosen.with_(contact_verification=False)  # their profile is the place for it
        knows_cards = opened_fully(session, visit.sign_in_id)
    obligations = walks.obligations_of(session, account.id, visit.obligation_id)
    # what is scheduled for later is not under way: whoever wants to may pay before it
    scheduled = [each for each in obligations if (each.kind, each.status) == (SCHEDULED, "due")]
    live = [each for each in obligations if each.status in walks.LIVE and each not in scheduled]
    payable_cents = max(account.balance_cents - sum(each.amount_cents + each.forgiven_cents for each in live), 0)
    has_offers = chosen.is_on("virtual_collection") and visit.agreement_id is None
    on_table = _offers(session, account.id, payable_cents, now) if has_offers else ()
    return Walk(
        visit=visit,
        link=link,
        link_state=state_of(link, account, now),
        account=account,
        customer=customer,
        organisation=organisation,
        settings=chosen,
        payable_cents=payable_cents,
        promised_cents=sum(each.amount_cents for each in scheduled),
        is_paying=bool(live),
        offers=on_table,
        obligation=next((each for each in obligations if each.id == visit.obligation_id), None),
        progress=_progress(visit, on_table, chosen.is_on("allow_skip_offer")),
        wants_paper=means_paper(said),
        knows_cards=knows_cards,
        corrected=corrected or {},
    )


def _offers(session: Session, account_id: str, payable_cents: int, now: datetime) -> tuple[OfferOnTable, ...]:
    priced = (
        (row, price(row.kind, row.amount_cents, row.basis_points, payable_cents))
        for row in walks.offers_of(session, account_id, now)
    )
    return tuple(
        sorted((OfferOnTable(row, asked) for row, asked in priced if asked), key=lambda each: each.price.pay_cents)
    )


def _progress(visit: visits.Visit, on_table: tuple[OfferOnTable, ...], may_skip: bool) -> Progress:
    taken = any(offer.row.id == visit.offer_id for offer in on_table)
    skipped = visit.offer_skipped_at is not None and may_skip
    scheduling = bool(visit.is_scheduling) and not taken
    method_ready = visit.card_nonce is not None or (
        visit.payment_method_id is not None and visit.method_proven_at is not None
    )
    return Progress(
        contact_seen=visit.contact_seen_at is not None,
        offers_exist=bool(on_table),
        offer_decided=taken or skipped,
        amount_and_method_chosen=method_ready and (scheduling or visit.amount_cents is not None),
        scheduling=scheduling,
        schedule_chosen=visit.schedule_wish is not None,
        confirmed=visit.confirmed_at is not None,
        agreed=visit.agreement_id is not None,
    )
