"""Sending a receipt, or what was scheduled, once more, because the customer asked on the result page.

Called by doors; capped (attack 129).
"""

from datetime import timedelta

from portal.domain.refusal import Refused
from portal.storage import customer as customers
from portal.storage import limit as limits
from portal.storage import message as messages
from portal.storage import schedule as schedules
from portal.usecases.paper_copy import is_on_paper
from portal.usecases.ports import Ports
from portal.usecases.promise import promise

PER_RECEIPT_AND_DAY = 3
DAY = timedelta(days=1)


def send_again(ports: Ports, organisation_id: str, receipt_id: str) -> None:
    """Promises the receipt again to the address on file.

    Refused `receipt_no_address`, `receipt_on_paper` (C14: it is printed and posted once), `receipt_capped`.
    """
    now = ports.clock.now()
    with ports.database.transaction(organisation_id) as session:
        row = messages.receipt_by_id(session, receipt_id)
        payer = customers.by_id(session, row.customer_id) if row is not None else None
        if row is None or payer is None or not payer.email:
            raise Refused("receipt_no_address")
        if is_on_paper(session, payer.id):
            raise Refused("receipt_on_paper")
        number = limits.count_up(session, "receipt_again", row.id, DAY, now)
        if number > PER_RECEIPT_AND_DAY:
            raise Refused("receipt_capped")
        # the number is in the key, so this is a new message and not a repeat of the first
        key = f"receipt:{row.charge_id}:again:{now:%Y%m%d}:{number}"
        message_id = promise(session, "receipt", "email", payer, payer.email, row.id, key, now, is_answer=True)
    ports.doorbell.ring_message(organisation_id, message_id)


def send_schedule_again(ports: Ports, organisation_id: str, visit_id: str) -> None:
    """Promises the list of payments and the authorization of a visit again (C2). Refused as `send_again`."""
    now = ports.clock.now()
    with ports.database.transaction(organisation_id) as session:
        plan = schedules.of_visit(session, visit_id)
        payer = customers.by_id(session, plan.customer_id) if plan is not None else None
        if plan is None or payer is None or not payer.email:
            raise Refused("receipt_no_address")
        if is_on_paper(session, payer.id):
            raise Refused("receipt_on_paper")
        number = limits.count_up(session, "schedule_again", plan.id, DAY, now)
        if number > PER_RECEIPT_AND_DAY:
            raise Refused("receipt_capped")
        key = f"schedule_made:{plan.id}:again:{now:%Y%m%d}:{number}"
        message_id = promise(
            session, "schedule_made", "email", payer, payer.email, plan.id, key, now, locale=plan.locale
        )
    ports.doorbell.ring_message(organisation_id, message_id)
