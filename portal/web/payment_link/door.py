"""The door itself: the blueprint every step hangs on, the landing of a link, and the addresses of the flow.

A link is `/<slug>/l/<token>`; once it is opened the token is left behind and the walk goes on under
`/<slug>/pay/<visit>`.
"""

from flask import Blueprint

from portal.domain.payment_link import Purpose, Step
from portal.web.personal_link import LinkDoor, hang_landing

door = Blueprint("payment_link", __name__)
PAYMENT_LINK = LinkDoor(door, Purpose.pay, word="l", visits="pay", first=Step.contact.value)
hang_landing(PAYMENT_LINK, "payment_link/landing.html")


def path_of(step: Step, visit_id: str) -> str:
    """The address of a step of a visit."""
    return PAYMENT_LINK.path_of(step.value, visit_id)
