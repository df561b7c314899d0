"""The demo's subscriptions: one that waits for its participant, and one that runs and whose second month was declined.

Called by demo/seed.py. Made through the same use cases as staff's and a participant's own; the one that runs began a
month ago by a clock that is behind. The decline is the simulator's, told to fail once.
"""

import json
import os
import urllib.request
from dataclasses import replace
from datetime import date, timedelta

from demo.schedule import Behind
from portal.domain.due_date import local_date
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import subscription as subscriptions
from portal.usecases.charge import charge_obligation
from portal.usecases.ports import Ports
from portal.usecases.subscription import Assignment, Manager, assign, set_program
from portal.usecases.subscription_deadline import announce
from portal.usecases.subscription_order import Pressed, agreement_shown, due_now, look, pay_now

SEED = "demo"
PROGRAM = "Location monitoring"
FEATURES = {"GPS device": 9_000, "Check-in app": 2_500}
SHARES = {"GPS device": 4_500, "Check-in app": 2_500}  # the county pays the other half of the device
MANAGER = Manager("Noor Haddad", "noor.haddad@northfield.example", "+1 312 555 0117")
MONTHS = 14
DAYS_AGO = 32


def assign_one(ports: Ports, organisation_id: str, customer_id: str) -> str:
    """A program of fourteen months that begins today, told to its participant; its id."""
    with ports.database.transaction(organisation_id) as session:
        now = ports.clock.now()
        zone = organisations.by_id(session, organisation_id).timezone
        program = set_program(session, PROGRAM, FEATURES, SEED, now)
        today = local_date(now, zone)
        order = Assignment(
            customer_id=customer_id,
            program_id=program.id,
            start_on=today,
            end_on=_after(today, MONTHS) - timedelta(days=1),
            manager=MANAGER,
            shares=SHARES,
        )
        row = assign(session, order, SEED, now)
        announce(session, row, now)
        return row.id


def run_one(ports: Ports, organisation_id: str, customer_id: str, payment_method_id: str, merchant_id: str) -> None:
    """One that was activated a month ago; the bank declines its second month now."""
    then = replace(ports, clock=Behind(ports.clock.now() - timedelta(days=DAYS_AGO)))
    one = assign_one(then, organisation_id, customer_id)
    with then.database.read(organisation_id) as session:
        seen = look(session, one, customer_id, then.clock.now())
        if seen is None:
            raise RuntimeError("the demo's subscription is not there")
        digest = agreement_shown(seen, "en").digest
    pressed = Pressed(payment_method_id, "", True, seen.version, digest, "en", "203.0.113.20", "demo")
    pay_now(then, organisation_id, customer_id, one, pressed)
    with then.database.read(organisation_id) as session:
        seen = look(session, one, customer_id, then.clock.now())
        first = due_now(seen) if seen else None
    charge_obligation(then, organisation_id, first or "", then.timing.page_timeout)
    with ports.database.read(organisation_id) as session:
        row = subscriptions.by_id(session, one)
        payments = obligations.of_subject(session, row.schedule_id or "") if row else []
    _decline_once(merchant_id)
    charge_obligation(ports, organisation_id, payments[1].id, ports.timing.page_timeout)


def _decline_once(merchant_id: str) -> None:
    wish = json.dumps({"fault": "decline_hard", "merchant": merchant_id, "operation": "sale"}).encode()
    url = f"{os.environ['SIMULATOR_URL']}/simulator/faults"
    request = urllib.request.Request(url, wish, {"Content-Type": "application/json"})  # noqa: S310 - our own simulator
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - see above
        return


def _after(day: date, months: int) -> date:
    """The same day some months later, at most the 28th."""
    year, month = divmod(day.month - 1 + months, 12)
    return date(day.year + year, month + 1, min(day.day, 28))
