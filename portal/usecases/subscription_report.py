"""What a participant writes to their case manager: that something is wrong, or that they want to stop.

Called by the pages behind the sign-in. A request to stop is heard at once: nothing more is charged until a person
decides (Reg E 1005.10(c), 15 USC 8403). What is written stays here; the message to the case manager names nobody.
"""

from datetime import datetime, timedelta

from portal.domain.refusal import Refused
from portal.domain.subscription import PausedFor, SubscriptionState, require_report
from portal.storage import Session
from portal.storage import limit as limits
from portal.storage import subscription as subscriptions
from portal.storage.subscription import Subscription, SubscriptionReport
from portal.usecases.alarm import raise_alarm
from portal.usecases.organisation import record
from portal.usecases.ports import Ports
from portal.usecases.subscription import locked, move
from portal.usecases.subscription_promise import tell_manager

REPORTS_PER_DAY = 5
WRONG, STOP = "wrong", "stop"


def write(ports: Ports, organisation_id: str, customer_id: str, subscription_id: str, kind: str, said: str) -> None:
    """Keeps it and tells the case manager. Refused: `subscription_unknown`, `report_missing`, `report_too_long`,
    `holds_card_number`, `reports_capped`; for a stop `subscription_state`.
    """

    def work(session: Session) -> list[str]:
        now = ports.clock.now()
        if subscriptions.owned_by(session, subscription_id, customer_id) is None:
            raise Refused("subscription_unknown")
        row = locked(session, subscription_id)
        words = require_report(said)
        if kind == STOP:
            _stand_still(session, row, now)
        elif limits.count_up(session, "report", customer_id, timedelta(days=1), now) > REPORTS_PER_DAY:
            raise Refused("reports_capped")
        report = SubscriptionReport(subscription_id=row.id, customer_id=customer_id, kind=kind, said=words, made_at=now)
        session.add(report)
        session.flush()
        record(session, "customer", f"subscription_{kind}_reported", row.id, now, report_id=report.id)
        raise_alarm(session, f"subscription_{kind}", row.id, now, reference=row.reference)
        return tell_manager(session, row, report, now)

    promised = ports.database.run(organisation_id, work)
    for message_id in promised:
        ports.doorbell.ring_message(organisation_id, message_id)


def handle(session: Session, subscription_id: str, report_id: str, by: str, now: datetime) -> None:
    """Staff have answered one. Refused `report_unknown`; doing it again changes nothing."""
    report = subscriptions.report_by_id(session, report_id)
    if report is None or report.subscription_id != subscription_id:
        raise Refused("report_unknown")
    if report.handled_at is None:
        report.handled_at, report.handled_by = now, by
        record(session, by, "subscription_report_handled", subscription_id, now, report_id=report_id)


def _stand_still(session: Session, row: Subscription, now: datetime) -> None:
    """Nothing is charged from now on; what is on its way goes through."""
    if row.state == SubscriptionState.paused and row.paused_for == PausedFor.stop:
        raise Refused("subscription_state", reference=row.reference, state="stop")
    if row.state == SubscriptionState.active:
        move(row, SubscriptionState.paused)
    elif row.state != SubscriptionState.paused:
        raise Refused("subscription_state", reference=row.reference, state=row.state)
    row.paused_for = PausedFor.stop.value
    session.flush()
    record(session, "customer", "subscription_paused", row.id, now, why=PausedFor.stop.value)
