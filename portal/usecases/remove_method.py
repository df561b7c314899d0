"""Taking a card off file: first here, so that nothing is charged to it any more, then at the gateway.

Called by the customers' door. When the gateway is silent the card is gone here all the same, and an alarm says that it
is still kept there.
"""

from portal.domain.card import GatewayRefused, GatewayUnreachable
from portal.domain.refusal import Refused
from portal.storage import Session, account, customer, obligation, payment_method
from portal.usecases.alarm import raise_alarm
from portal.usecases.organisation import record
from portal.usecases.overview import Need, needs_of
from portal.usecases.ports import Ports


def remove_method(ports: Ports, organisation_id: str, customer_id: str, method_id: str) -> None:
    """Removes a card of a customer, under the locks of all their accounts, which whoever uses a card holds one of.

    Refused `method_unknown`; `method_needed` while a live schedule will charge it, `method_needed_by_autopay`;
    `method_in_use` while a payment with it is being made.
    """
    now = ports.clock.now()

    def work(session: Session) -> str:
        owned = [each.id for each in account.lock_all(session, customer_id)]
        row = payment_method.owned_by(session, method_id, customer_id)
        about = customer.by_id(session, customer_id)
        if row is None or about is None:
            raise Refused("method_unknown")
        needs = needs_of(session, about, method_id)
        if needs:
            raise Refused("method_needed" if Need.scheduled in needs else "method_needed_by_autopay")
        if obligation.any_open_with(session, owned, method_id):
            raise Refused("method_in_use")
        row.removed_at = now
        record(session, f"customer:{customer_id}", "method_removed", method_id, now)
        return row.token

    token = ports.database.run(organisation_id, work)
    try:
        ports.gateways.of(organisation_id).forget_card(token)
    except (GatewayUnreachable, GatewayRefused):
        with ports.database.transaction(organisation_id) as session:
            raise_alarm(session, "card_still_kept", method_id, now)
