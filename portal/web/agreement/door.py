"""The door itself: an offer is `/<slug>/agreement/<token>`; its signings go on under `/<slug>/sign/<signing>/...`."""

from flask import Blueprint, url_for

from portal.web.access import organisation
from portal.web.personal_link import SLUG

door = Blueprint("agreement", __name__)

LINK = f"{SLUG}/agreement/<token:token>"
SIGNING = f"{SLUG}/sign/<visit:visit_id>"


def path_of(endpoint: str, signing_id: str) -> str:
    """The address of a page of a signing."""
    return url_for(f"agreement.{endpoint}", slug=organisation().slug, visit_id=signing_id)


def cookie_path(signing_id: str) -> str:
    """A signing's cookie is sent to its own pages and nowhere else."""
    return f"/{organisation().slug}/sign/{signing_id}"
