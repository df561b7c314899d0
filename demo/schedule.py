"""The demo's scheduled payments: one schedule that has been running for two weeks, with a payment in each status.

Called by demo/seed.py. Made through the same use cases as a customer's own, by a clock that is behind; what has fallen
due since is charged now.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from portal.domain.due_date import Frequency, Rhythm, local_date
from portal.domain.schedule import Amounts, AmountsKind, Wish
from portal.storage import account as accounts
from portal.storage import obligation as obligations
from portal.storage import organisation as organisations
from portal.storage import payment_method as methods
from portal.usecases.charge import charge_obligation
from portal.usecases.ports import Ports
from portal.usecases.schedule import Order, agreement_shown, card_on_file, make, quote
from portal.usecases.schedule_change import skip

WEEKS_AGO = 2
# Paid; declined, because $2,001.00 stands for insufficient funds at the simulator; to come; skipped; to come.
AMOUNTS_CENTS = (8_500, 200_100, 8_500, 8_500, 8_500)
SKIPPED = 4


@dataclass(frozen=True)
class Behind:
    """A clock that shows an earlier moment."""

    at: datetime

    def now(self) -> datetime:
        return self.at


def schedule_running(ports: Ports, organisation_id: str, account_id: str, payment_method_id: str) -> str:
    """Makes the schedule, charges what fell due since, skips a payment to come; returns the schedule's id."""
    then = ports.clock.now() - timedelta(weeks=WEEKS_AGO)
    order = _order(ports, organisation_id, account_id, payment_method_id, then)
    made = make(replace(ports, clock=Behind(then)), organisation_id, order)
    with ports.database.read(organisation_id) as session:
        payments = obligations.of_subject(session, made.schedule_id)
    for due in payments:
        if due.due_at <= ports.clock.now():
            charge_obligation(ports, organisation_id, due.id, ports.timing.page_timeout)
    skip(ports, organisation_id, payments[SKIPPED - 1].id, "customer")
    return made.schedule_id


def _order(ports: Ports, organisation_id: str, account_id: str, payment_method_id: str, then: datetime) -> Order:
    """What the customer saw and agreed to then."""
    with ports.database.read(organisation_id) as session:
        owed_on, method = accounts.by_id(session, account_id), None
        if owed_on is not None:
            method = methods.owned_by(session, payment_method_id, owed_on.customer_id)
        if owed_on is None or method is None:
            raise RuntimeError("the demo's scheduled payments have no account or no card")
        zone = organisations.by_id(session, organisation_id).timezone
        wish = Wish(
            Rhythm(Frequency.weekly, local_date(then, zone)),
            Amounts(AmountsKind.chosen, chosen_cents=AMOUNTS_CENTS),
        )
        card = card_on_file(method)
        found = quote(session, owed_on, wish, card, then)
        text = agreement_shown(session, owed_on, found, card, "en", then)
    return Order(
        account_id=account_id,
        wish=wish,
        card=card,
        locale="en",
        quote_version=found.version,
        shown_digest=text.digest,
        ip="203.0.113.20",
        user_agent="demo",
    )
