"""The last page: the card was changed, and how each payment stands now. Says only what the rows say."""

from flask import request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.usecases import card_link, payment_status
from portal.web.access import organisation, ports
from portal.web.card_link.guard import CARD, DONE, Here, account_of, step
from portal.web.fragments import move_on, page
from portal.web.payment_status import line, words
from portal.web.personal_link import closed


@step(DONE)
def show(here: Here) -> AnyResponse:
    """What became of the payments. One being confirmed asks again by itself, and there is a link to ask by hand."""
    with ports().database.read(organisation().id) as session:
        plan = payment_status.of_schedule(session, here.seen.link.subject_id or "", here.seen.organisation)
    if plan is None:
        raise AssertionError("a card was changed for a schedule that is not there")
    waiting = request.headers.get("HX-Target") == "div#outcome"
    return page(
        "card_link/done.html",
        announce="" if waiting else _("Your card was changed"),
        seen=here.seen,
        plan=plan,
        words=words(),
        line=line,
        here=here.path(DONE),
        again=here.path("again"),
        account=account_of(here),
    )


@step(DONE, "POST", path="done/again", endpoint="again")
def again(here: Here) -> AnyResponse:
    """After a payment that failed on the new card as well: back to typing another one."""
    with ports().database.transaction(organisation().id) as session:
        if not card_link.again(session, here.visit_id, here.secret, ports().clock.now()):
            return closed()
    return move_on(here.path(CARD))
