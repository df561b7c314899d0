"""The door itself: a link is `/<slug>/scheduled/<token>`; its visits go on under `/<slug>/payments/<visit>`."""

from flask import Blueprint

from portal.domain.payment_link import Purpose
from portal.web.personal_link import LinkDoor, hang_landing

door = Blueprint("schedule_link", __name__)
SCHEDULE_LINK = LinkDoor(door, Purpose.schedule, word="scheduled", visits="payments", first="payments")
hang_landing(SCHEDULE_LINK, "schedule_link/landing.html")
