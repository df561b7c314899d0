"""The door itself: a link is `/<slug>/card/<token>`; its visits go on under `/<slug>/change-card/<visit>`."""

from flask import Blueprint

from portal.domain.payment_link import Purpose
from portal.web.personal_link import LinkDoor, hang_landing

door = Blueprint("card_link", __name__)
CARD_LINK = LinkDoor(door, Purpose.card, word="card", visits="change-card", first="card")
hang_landing(CARD_LINK, "card_link/landing.html")
