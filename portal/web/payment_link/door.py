"""The door itself: the blueprint every step hangs on, and the addresses of the flow.

A link is `/<slug>/l/<token>`; once it is opened the token is left behind and the walk goes on under
`/<slug>/pay/<visit>`.
"""

from flask import Blueprint, url_for

from portal.domain.payment_link import Step
from portal.web.access import organisation

door = Blueprint("payment_link", __name__)

SLUG = "/<slug:slug>"
LINK = f"{SLUG}/l/<token:token>"
VISIT = f"{SLUG}/pay/<visit:visit_id>"


def path_of(step: Step, visit_id: str) -> str:
    """The address of a step of a visit."""
    return url_for(f"payment_link.{step.value}", slug=organisation().slug, visit_id=visit_id)


def cookie_path(visit_id: str) -> str:
    """A visit's cookie is sent to its own pages and nowhere else, so two visits in one browser never mix."""
    return f"/{organisation().slug}/pay/{visit_id}"
