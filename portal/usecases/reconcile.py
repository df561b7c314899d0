"""Reconciling: the gateway's books of a window beside ours, both ways; each difference named, mended or raised.

Called by `portal.usecases.reconcile_night`, by the command line, and after a restore before charging goes on. Asks
the gateway page by page with no transaction open. What is found is kept, append only; how single differences are
mended is in `portal.usecases.reconcile_mend`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from portal.domain.card import GatewayRecord, GatewayRefused, GatewayUnreachable, RecordKind
from portal.domain.charge import ChargeState, OutcomeKind
from portal.domain.reconcile import MEANINGS, Difference, Known, difference_of_credit, difference_of_sale, our_name
from portal.domain.refund import RefundWay
from portal.domain.refusal import Refused
from portal.storage import Session, account, charge, dispute, refund
from portal.storage.audit import GatewayFact
from portal.storage.charge import Charge
from portal.storage.reconcile import ReconcileResult
from portal.storage.refund import Refund
from portal.usecases.alarm import clear_alarm_of, raise_alarm
from portal.usecases.dispute import look_at_dispute
from portal.usecases.failpoint import failpoint
from portal.usecases.gateway_retry import ADOPTED, take_in_retry
from portal.usecases.ports import Gateway, Ports
from portal.usecases.reconcile_mend import mend

MARGIN = timedelta(minutes=2)  # the gateway counts minutes, and its clock is not ours
CHUNK = 100
NOT_SETTLED = "sale_not_settled"
KEPT_MAX = 1_000  # differences kept by name in one result; all of them are counted


@dataclass(frozen=True, slots=True)
class Found:
    """One difference, named. Amount in cents as the gateway has it, or ours where it has none."""

    difference: Difference
    amount_cents: int
    gateway_id: str | None = None
    order_id: str | None = None
    status: str | None = None
    row_id: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether a person must look."""
        return MEANINGS[self.difference].is_open

    def plain(self) -> dict[str, object]:
        """For keeping."""
        return {
            "difference": self.difference.value,
            "amount_cents": self.amount_cents,
            "gateway_id": self.gateway_id,
            "order_id": self.order_id,
            "status": self.status,
            "row_id": self.row_id,
        }


@dataclass
class Tally:
    """What a comparison has counted so far."""

    seen: set[str] = field(default_factory=set)
    found: list[Found] = field(default_factory=list)
    sales_count: int = 0
    sales_cents: int = 0
    refunds_count: int = 0
    refunds_cents: int = 0
    settled_count: int = 0

    def count(self, record: GatewayRecord) -> None:
        """Counts an entry of the gateway's books. A voided sale was taken and given back."""
        taken = record.outcome.kind is OutcomeKind.succeeded
        if record.kind is RecordKind.sale and (taken or record.status == "voided"):
            self.sales_count += 1
            self.sales_cents += record.amount_cents
        if (record.kind is RecordKind.credit and taken) or record.status == "voided":
            self.refunds_count += 1
            self.refunds_cents += record.amount_cents


def reconcile_window(
    ports: Ports, organisation_id: str, from_at: datetime, until_at: datetime, by: str
) -> ReconcileResult:
    """Compares, mends and keeps the result. Refused `gateway_silent` when the gateway cannot be asked to the end."""
    started_at = ports.clock.now()
    tally = Tally()
    ports.database.require_no_transaction()
    try:
        gateway = ports.gateways.of(organisation_id)
        records = gateway.search_created(from_at - MARGIN, until_at + MARGIN)
        while chunk := list(islice(records, CHUNK)):
            _compare(ports, organisation_id, chunk, tally)
        for record in _unseen(ports, gateway, organisation_id, from_at + MARGIN, until_at - MARGIN, tally):
            _compare(ports, organisation_id, [record], tally)
    except (GatewayUnreachable, GatewayRefused) as error:
        raise Refused("gateway_silent", reason=error.reason) from error

    def work(session: Session) -> ReconcileResult:
        now = ports.clock.now()
        open_ones = [found for found in tally.found if found.is_open]
        _raise_open(session, tally, now)
        row = ReconcileResult(
            organisation_id=organisation_id,
            from_at=from_at,
            until_at=until_at,
            asked_by=by,
            sales_count=tally.sales_count,
            sales_cents=tally.sales_cents,
            refunds_count=tally.refunds_count,
            refunds_cents=tally.refunds_cents,
            settled_count=tally.settled_count,
            difference_count=len(tally.found),
            open_count=len(open_ones),
            is_clean=not open_ones,
            differences=[found.plain() for found in sorted(tally.found, key=lambda each: not each.is_open)[:KEPT_MAX]],
            started_at=started_at,
            finished_at=now,
        )
        session.add(row)
        session.flush()
        return row

    return ports.database.run(organisation_id, work)


def take_in(ports: Ports, organisation_id: str, record: GatewayRecord) -> list[Difference]:
    """One entry of the gateway's books, whoever brought it: judged and mended as in a whole comparison.

    GatewayUnreachable, GatewayRefused.
    """
    tally = Tally()
    _compare(ports, organisation_id, [record], tally)
    ports.database.run(organisation_id, lambda session: _raise_open(session, tally, ports.clock.now()))
    return [found.difference for found in tally.found]


def name_missing(ports: Ports, organisation_id: str, row: Charge | Refund) -> None:
    """Calls a person for what we booked and the gateway says it does not know."""
    tally = Tally(found=[_missing(row)])
    ports.database.run(organisation_id, lambda session: _raise_open(session, tally, ports.clock.now()))


def _missing(row: Charge | Refund) -> Found:
    return Found(Difference.missing_there, row.amount_cents, row.gateway_id, row.order_id, row.gateway_status, row.id)


def _raise_open(session: Session, tally: Tally, now: datetime) -> None:
    for found in tally.found:
        if found.is_open:
            subject = found.row_id or found.gateway_id or ""
            raise_alarm(session, f"reconcile_{found.difference.value}", subject, now, **found.plain())


def _compare(ports: Ports, organisation_id: str, records: Sequence[GatewayRecord], tally: Tally) -> None:
    """One page of the gateway's books: what agrees in one reading, what differs one by one, oldest first."""
    records = sorted(records, key=lambda record: (record.created_at, record.kind is RecordKind.credit))
    tally.seen.update(record.gateway_id for record in records)
    for record in records:
        tally.count(record)
    records = _take_in_what_nobody_asked_for(ports, organisation_id, records)
    with ports.database.read(organisation_id) as session:
        judged = [(record, *_judge(session, organisation_id, record)) for record in records]
    settled = [
        (row_id, record)
        for record, difference, row_id, is_settled in judged
        if difference is None and row_id is not None and record.settled_at is not None and not is_settled
    ]
    sales = [each for each in settled if each[1].kind is RecordKind.sale]
    if sales:
        ports.database.run(organisation_id, lambda session: _mark_settled(session, sales, ports.clock.now()))
        tally.settled_count += len(sales)
    for refund_id, credit in settled:
        if credit.kind is RecordKind.credit:
            _mark_refund_settled(ports, organisation_id, refund_id, credit)
    for record, difference, row_id, _ in judged:
        if difference is None:
            continue
        mended = mend(ports, organisation_id, record, difference, row_id)
        failpoint("reconcile.after_mend")
        if mended is not None:
            tally.found.append(
                Found(mended, record.amount_cents, record.gateway_id, record.order_id, record.status, row_id)
            )


def _take_in_what_nobody_asked_for(
    ports: Ports, organisation_id: str, records: Sequence[GatewayRecord]
) -> list[GatewayRecord]:
    """Disputes and the gateway's own retries that no notice told of; gives back the records that are to be judged:
    of those retries the ones that count as payments.
    """
    with ports.database.read(organisation_id) as session:
        untold = [
            gateway_id
            for record in records
            for gateway_id in record.dispute_gateway_ids
            if dispute.by_gateway_id(session, gateway_id) is None
        ]
    judged = [
        record
        for record in records
        if record.retried_gateway_id is None or take_in_retry(ports, organisation_id, record) == ADOPTED
    ]
    for gateway_id in untold:
        look_at_dispute(ports, organisation_id, gateway_id)
    return judged


def _judge(session: Session, organisation_id: str, record: GatewayRecord) -> tuple[Difference | None, str | None, bool]:
    """(difference, id of our row, whether we know that it settled). `written_again`: ours by name, and not here."""
    name = our_name(record.order_id)
    is_ours = name is not None and name.organisation_id == organisation_id
    if record.kind is RecordKind.sale:
        row = charge.by_order_id(session, record.order_id) if is_ours else None
        if record.retried_gateway_id is not None:  # it may carry the name of the charge that was declined
            row = charge.by_gateway_id(session, record.gateway_id)
        if row is not None:
            return difference_of_sale(record, known_of(row)), row.id, row.settled_at is not None
        has_ended = record.outcome.kind in {OutcomeKind.succeeded, OutcomeKind.declined}
        if is_ours:
            return (Difference.written_again if has_ended or record.status == "voided" else None), None, False
        return Difference.foreign, None, False
    given = refund.by_gateway_id(session, record.gateway_id) or (
        refund.by_order_id(session, record.order_id) if is_ours else None
    )
    if given is not None:
        return difference_of_credit(record, known_of(given)), given.id, given.settled_at is not None
    if record.outcome.kind is not OutcomeKind.succeeded:
        return None, None, False  # nothing was given back
    sale = charge.by_gateway_id(session, record.refunded_gateway_id) if record.refunded_gateway_id else None
    if sale is not None:
        return Difference.refunded_there, sale.id, True
    return (Difference.refund_of_nothing if is_ours else Difference.foreign), None, False


def known_of(row: Charge | Refund) -> Known:
    """What our row says, for comparing."""
    return Known(ChargeState(row.state), row.gateway_id, row.gateway_status, row.amount_cents, row.currency)


def _mark_settled(session: Session, settled: list[tuple[str, GatewayRecord]], now: datetime) -> None:
    for row_id, record in sorted(settled, key=lambda each: each[0]):
        row = charge.lock(session, row_id)
        if row.settled_at is not None:
            continue
        row.settled_at, row.gateway_status = record.settled_at, record.status
        clear_alarm_of(session, NOT_SETTLED, row.id, now)
        session.add(
            GatewayFact(
                organisation_id=row.organisation_id,
                charge_id=row.id,
                gateway_id=record.gateway_id,
                status=record.status,
                outcome="settled",
                source="reconcile",
                facts={},
                heard_at=now,
            )
        )


def _mark_refund_settled(ports: Ports, organisation_id: str, refund_id: str, record: GatewayRecord) -> None:
    def work(session: Session) -> None:
        found = refund.by_id(session, refund_id)
        if found is None:
            return
        account.lock(session, found.account_id)
        row = refund.lock(session, refund_id)
        if row.settled_at is None and row.state == ChargeState.succeeded and row.gateway_id == record.gateway_id:
            row.settled_at, row.gateway_status = record.settled_at, record.status

    ports.database.run(organisation_id, work)


def _unseen(
    ports: Ports, gateway: Gateway, organisation_id: str, from_at: datetime, until_at: datetime, tally: Tally
) -> Iterator[GatewayRecord]:
    """What we booked in the window and the search did not show, asked for by name: the index may only be late."""
    with ports.database.read(organisation_id) as session:
        ours: list[Charge | Refund] = [
            *charge.claimed_between(session, from_at, until_at),
            *(row for row in refund.claimed_between(session, from_at, until_at) if row.way == RefundWay.refund),
        ]
    for row in ours:
        if row.state != ChargeState.succeeded or not row.gateway_id or row.gateway_id in tally.seen:
            continue
        record = gateway.find(row.gateway_id)
        if record is not None:
            yield record
            continue
        tally.found.append(_missing(row))
