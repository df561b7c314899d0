"""Follows every move of an account's balance into its services, so that each service knows what is left of it.

Called by `portal.usecases.ledger.post` inside the transaction that holds the account's lock, and by rules that ask what
is free. A payment chosen for certain services goes to them; any other goes to the oldest first. Whatever no service
can take belongs to the account as a whole. Corrections are new entries, never an edit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.domain.ledger import Recipe, receivable_change_cents
from portal.domain.rule import SCHEDULED
from portal.domain.service import KINDS, EntryKind, Share, spread
from portal.storage import Session, charge, obligation, share
from portal.storage import service as services
from portal.storage.account import Account
from portal.storage.service import Service, ServiceEntry
from portal.storage.share import ServiceShare


def follow(
    session: Session,
    owed_on: Account,
    recipe: Recipe,
    amount_cents: int,
    *,
    event_key: str,
    posted_at: datetime,
    posted_by: str,
    charge_id: str | None,
    shares: Sequence[Share] = (),
    kind: EntryKind | None = None,
) -> None:
    """Writes what one ledger entry means for the services of its account; nothing where there are none.

    `shares` says for which services it is; without them the payment's own, then the oldest. `kind` where the recipe
    alone does not say it: what an insurance paid lowers a balance as an adjustment does.
    """
    change_cents = receivable_change_cents(recipe, amount_cents)
    is_corrected = recipe is Recipe.payment_corrected  # paid less and owed less: two entries that come to nothing
    if not change_cents and not is_corrected:
        return
    entry_kind = kind or KINDS[recipe]
    if recipe is Recipe.balance_placed:
        parts = list(shares)  # a new fee, or a balance that belongs to no service
    elif change_cents < 0:
        parts = _lowered(session, owed_on, amount_cents, shares or _chosen(session, charge_id))
    else:
        parts = spread(amount_cents, _taken(session, charge_id, entry_kind), shares)
    if not parts:
        return
    by_id = {row.id: row for row in services.fresh(session, [part.service_id for part in parts])}
    sign = -1 if change_cents < 0 else 1
    for part in parts:
        written = [(entry_kind, sign * part.amount_cents)]
        if is_corrected:
            written.append((EntryKind.adjustment, -part.amount_cents))
        for each_kind, cents in written:
            session.add(
                ServiceEntry(
                    organisation_id=owed_on.organisation_id,
                    service_id=part.service_id,
                    account_id=owed_on.id,
                    kind=each_kind.value,
                    change_cents=cents,
                    event_key=event_key,
                    charge_id=charge_id,
                    posted_at=posted_at,
                    posted_by=posted_by,
                )
            )
            by_id[part.service_id].balance_cents += cents
    session.flush()


def free(session: Session, owed_on: Account, rows: Sequence[Service]) -> list[Share]:
    """What may still be paid of each service, oldest first: its balance less what open charges hold of it."""
    held = services.held_cents(session, owed_on.id)
    return [Share(row.id, max(0, row.balance_cents - held.get(row.id, 0))) for row in rows]


def first_without_room(session: Session, owed_on: Account, obligation_id: str) -> str | None:
    """The first service that can no longer take its share of a payment; None when all can. Under the account's lock."""
    wanted = share.of_obligation(session, obligation_id)
    if not wanted:
        return None
    rows = services.fresh(session, [each.service_id for each in wanted])
    room = {each.service_id: each.amount_cents for each in free(session, owed_on, rows)}
    return next((each.service_id for each in wanted if each.amount_cents > room.get(each.service_id, 0)), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a payment can still have of the services it was announced for: `free_cents` besides open attempts.

    `given_back_cents`: what it leaves to the customer, because the money for it was given back since it was announced.
    """

    owed_cents: int
    free_cents: int
    given_back_cents: int

    @property
    def why_nothing(self) -> str:
        """The rule that ends it where it can have nothing: what was given back may not be owed at all."""
        return "given_back" if self.given_back_cents else "nothing_owed"


def wanted_of(session: Session, owed_on: Account, obligation_id: str) -> Wanted | None:
    """Of each service its share, or what is left of it where that is less; None for a payment without shares."""
    wanted = share.of_obligation(session, obligation_id)
    if not wanted:
        return None
    rows = services.fresh(session, [each.service_id for each in wanted])
    owed = {row.id: row.balance_cents for row in rows}
    room = {each.service_id: each.amount_cents for each in free(session, owed_on, rows)}
    left = {each.service_id: each.amount_cents for each in _left_of(session, obligation_id, wanted, owed)}
    return Wanted(
        sum(left.values()),
        sum(min(cents, room[service_id]) for service_id, cents in left.items()),
        sum(min(each.amount_cents, owed[each.service_id]) - left.get(each.service_id, 0) for each in wanted),
    )


def for_obligation(session: Session, obligation_id: str, shares: Sequence[Share], now: datetime) -> None:
    """Writes what a payment is for, with the payment."""
    session.add_all(
        ServiceShare(obligation_id=obligation_id, service_id=each.service_id, amount_cents=each.amount_cents,
                     made_at=now)
        for each in shares
    )  # fmt: skip


def for_refund(session: Session, refund_id: str, shares: Sequence[Share], now: datetime) -> None:
    """Writes what money given back was for, with the refund."""
    session.add_all(
        ServiceShare(refund_id=refund_id, service_id=each.service_id, amount_cents=each.amount_cents, made_at=now)
        for each in shares
    )


def of_refund(session: Session, refund_id: str) -> list[Share]:
    """What money given back was for."""
    return [Share(each.service_id, each.amount_cents) for each in share.of_refund(session, refund_id)]


def paid_by(session: Session, charge_id: str) -> list[Share]:
    """What a charge paid of each service and was not given back of it."""
    return _taken(session, charge_id, EntryKind.returned)


def _lowered(session: Session, owed_on: Account, amount_cents: int, wanted: Sequence[Share]) -> list[Share]:
    """An amount less over the services it is wanted for, and what they cannot take over the oldest of the others."""
    named = services.fresh(session, [each.service_id for each in wanted]) if wanted else []
    parts = spread(amount_cents, free(session, owed_on, named), wanted) if named else []
    if sum(part.amount_cents for part in parts) == amount_cents:
        return parts
    return spread(amount_cents, free(session, owed_on, services.owed_fresh(session, owed_on.id)), wanted)


def _chosen(session: Session, charge_id: str | None) -> list[Share]:
    """The services a charge was made for. One that was announced pays of them what it may still take."""
    paid = charge.by_id(session, charge_id) if charge_id else None
    rows = share.of_obligation(session, paid.obligation_id) if paid else []
    due = obligation.by_id(session, paid.obligation_id) if paid and rows else None
    if due is not None and due.kind == SCHEDULED:
        owed = {row.id: row.balance_cents for row in services.fresh(session, [each.service_id for each in rows])}
        return _left_of(session, due.id, rows, owed)
    return [Share(each.service_id, each.amount_cents) for each in rows]


def _left_of(
    session: Session, obligation_id: str, wanted: Sequence[ServiceShare], owed: Mapping[str, int]
) -> list[Share]:
    """Of each service an announced payment's share, or what is left of it where that is less, without what was given
    back of other payments since: that is the customer's to pay by hand. Services of which nothing is left are left out.

    `wanted`: its shares; `owed`: service id -> what is owed of it now.
    """
    back = _given_back(session, obligation_id, [each.service_id for each in wanted])
    left = [
        Share(each.service_id, min(each.amount_cents, owed[each.service_id] - back.get(each.service_id, 0)))
        for each in wanted
    ]
    return [each for each in left if each.amount_cents > 0]


def _given_back(session: Session, obligation_id: str, service_ids: Sequence[str]) -> dict[str, int]:
    """Service id -> what came back on it of charges of other payments, and was not paid or taken off again by hand.

    Nothing had come back on it when it was announced (`autopay_announce.owing_now`), so all of it is since.
    """
    events: dict[tuple[str, str], list[ServiceEntry]] = {}
    for entry in services.entries_of_services(session, service_ids, list(EntryKind)):
        events.setdefault((entry.service_id, entry.event_key), []).append(entry)
    moved = [(rows[0], sum(each.change_cents for each in rows)) for rows in events.values()]
    if not any(row.charge_id is not None and cents > 0 for row, cents in moved):
        return {}
    found: dict[str, int] = {}
    for row, cents in sorted(moved, key=lambda each: (each[0].posted_at, each[1] > 0)):
        made_for = _announced_by(session, row.charge_id)
        is_back = row.charge_id is not None and made_for != obligation_id
        if (cents > 0 and is_back) or (cents < 0 and made_for is None):
            found[row.service_id] = max(0, found.get(row.service_id, 0) + cents)
    return found


def _announced_by(session: Session, charge_id: str | None) -> str | None:
    """The announced payment that a charge is an attempt of; None for every other move of money."""
    made = charge.by_id(session, charge_id) if charge_id else None
    due = obligation.by_id(session, made.obligation_id) if made else None
    is_announced = due is not None and due.kind == SCHEDULED and bool(share.of_obligation(session, due.id))
    return due.id if due is not None and is_announced else None


def _taken(session: Session, charge_id: str | None, kind: EntryKind) -> list[Share]:
    """What a charge lowered each service by and did not give back, the newest service first."""
    if charge_id is None:
        return []
    kinds = {EntryKind.payment, EntryKind.returned} if kind is EntryKind.returned else {kind}
    moved = services.changes_by_charge(session, charge_id, kinds)
    lowered = {service_id: -cents for service_id, cents in moved.items() if cents < 0}
    newest_first = reversed(services.lines_of(session, lowered)) if lowered else ()
    return [Share(row.id, lowered[row.id]) for row, *_ in newest_first]
