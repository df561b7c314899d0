"""Every authorization of an account as it was accepted, and what was debited under it: for whoever asks for them (C9).

Called by the command line. Nacha has the authorization of a debit kept for two years after it ended, Reg E 1005.10(b)
has the copy provided; Reg F 1006.100 asks three years of a debt collector. Writes nothing but the audit trail.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from portal.domain.due_date import local_date
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import account as accounts
from portal.storage import agreement as agreements
from portal.storage import autopay as autopays
from portal.storage import charge as charges
from portal.storage import organisation as organisations
from portal.storage import schedule as schedules
from portal.storage import signing as signings
from portal.storage.agreement import Agreement
from portal.storage.autopay import Autopay
from portal.storage.schedule import Schedule
from portal.usecases import agreement, autopay, selection
from portal.usecases.organisation import record, settings_of
from portal.usecases.ports import Ports
from portal.usecases.sign import AGREEMENT, SCHEDULE
from portal.usecases.signed_paper import papers_match

YEARS, YEARS_OF_A_COLLECTOR = 2, 3
OF_ONE_PAYMENT = frozenset({agreement.KIND, selection.KIND})


class Standing(StrEnum):
    """Whether anything may still be debited under it."""

    stands = "stands"
    replaced = "replaced"  # by one for another card
    ended = "ended"
    once = "once"  # one payment, at the moment it was accepted


@dataclass(frozen=True, slots=True)
class Authorization:
    """One sealed text with everything that shows who accepted it, when and from where, and what came of it.

    `as_accepted`: the kept text, and the papers of a signed plan, still have the digests they were sealed with.
    `keep_until`: the least the law asks for, reckoned from today; none while it stands.
    """

    sealed: Agreement
    standing: Standing
    ended_at: datetime | None
    debits: int
    debited_cents: int
    debited_at: datetime | None  # the last time
    keep_until: date | None
    as_accepted: bool
    papers: dict[str, bytes] = field(default_factory=dict)  # of a signed plan, as PDF


def of_account(ports: Ports, organisation_id: str, reference: str, by: str) -> list[Authorization]:
    """All of them in the order they were given, replaced and ended ones too. Refused `account_unknown`."""
    with ports.database.read(organisation_id) as session:
        account = accounts.by_reference(session, reference)
        if account is None:
            raise Refused("account_unknown")
        sealed = agreements.of_account(session, account.id)
        series = schedules.of_account(session, account.id)
        standing_on = autopays.of_account(session, account.id)
        found = [_described(session, row, sealed, series, standing_on) for row in sealed]
        account_id = account.id
    with ports.database.transaction(organisation_id) as session:
        record(session, by, "authorizations_taken_out", account_id, ports.clock.now(), number=len(found))
    return found


def _described(
    session: Session,
    row: Agreement,
    sealed: Sequence[Agreement],
    series: Sequence[Schedule],
    standing_on: Sequence[Autopay],
) -> Authorization:
    debits, cents, debited_at = charges.taken_under(session, row.account_id, row.id)
    standing, ended_at = _standing(row, sealed, series, standing_on)
    papers, match = _papers(session, row)
    last = max(filter(None, (ended_at, debited_at, row.accepted_at)))
    return Authorization(
        sealed=row,
        standing=standing,
        ended_at=ended_at,
        debits=debits,
        debited_cents=cents,
        debited_at=debited_at,
        keep_until=None if standing is Standing.stands else _keep_until(session, last),
        as_accepted=match and is_as_accepted(row),
        papers=papers,
    )


def _standing(
    row: Agreement, sealed: Sequence[Agreement], series: Sequence[Schedule], standing: Sequence[Autopay]
) -> tuple[Standing, datetime | None]:
    if row.kind in OF_ONE_PAYMENT:
        return Standing.once, row.accepted_at
    # an AutoPay's payments are schedules of their own, and it stands between them too
    able: Sequence[Schedule | Autopay] = standing if row.kind == autopay.KIND else series
    under = [each for each in able if each.agreement_id == row.id]
    if under:
        ends = [each.ended_at for each in under if each.ended_at is not None]
        return (Standing.ended, max(ends)) if len(ends) == len(under) else (Standing.stands, None)
    later = [each.accepted_at for each in sealed if each.kind not in OF_ONE_PAYMENT and _is_after(each, row)]
    return Standing.replaced, min(later, default=row.accepted_at)


def _is_after(other: Agreement, row: Agreement) -> bool:
    return (other.accepted_at, other.id) > (row.accepted_at, row.id)


def _papers(session: Session, row: Agreement) -> tuple[dict[str, bytes], bool]:
    signature = signings.signature_under(session, row.id)
    if signature is None:
        return {}, True
    kept = {kind: signings.paper_of(session, signature.plan_id, kind) for kind in (AGREEMENT, SCHEDULE)}
    return {kind: paper.content for kind, paper in kept.items() if paper is not None}, papers_match(session, signature)


def _keep_until(session: Session, last: datetime) -> date:
    paid_to = organisations.by_id(session, session.info["organisation_id"])
    years = YEARS_OF_A_COLLECTOR if settings_of(session, paid_to).is_on("debt_collector") else YEARS
    day = local_date(last, paid_to.timezone)
    is_leap_day = (day.month, day.day) == (2, 29)
    return date(day.year + years, 3, 1) if is_leap_day else day.replace(year=day.year + years)


def is_as_accepted(row: Agreement) -> bool:
    """Whether the kept text still has the digest it was sealed with."""
    return hashlib.sha256(f"{row.text_version}\n{row.locale}\n{row.text}".encode()).hexdigest() == row.text_sha256
