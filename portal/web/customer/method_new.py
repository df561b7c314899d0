"""Adding a card without paying: the card fields, the words it is kept under, and one button. Nothing is charged.

A card that is typed to replace another has an address of its own, which leads on to the authorization. Both end in
`/card`, as the addresses of documents with card fields do (`portal/web/fragments.py`).
"""

from dataclasses import dataclass

from flask import Response, abort, flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.agreement import save_consent
from portal.domain.refusal import Refused
from portal.storage import payment_method
from portal.usecases import own_method
from portal.web.access import organisation, ports
from portal.web.card_fields import client_token_answer, script_base
from portal.web.customer.door import path_of
from portal.web.customer.guard import Here, page_for
from portal.web.fragments import move_on, page
from portal.web.language import current
from portal.web.refusals import sentence


@dataclass(frozen=True, slots=True)
class Typing:
    """Where a card is typed: where its form goes, and back; whether an authorization to charge it comes next."""

    here: str
    back: str
    is_authorized_next: bool


@page_for("/methods/card", name="new_method")
def show(_here: Here) -> AnyResponse:
    """Where the card is typed."""
    return typed_page(_plain(), {}, 200)


@page_for("/methods/card", "POST", name="new_method_post")
def post(here: Here) -> AnyResponse:
    """Keeps it, or says why not. The card fields are outside the part that is swapped."""
    kept = keep_typed(here, _plain())
    if not isinstance(kept, str):
        return kept
    flash(_("The card is kept."))
    return move_on(path_of("methods"))


@page_for("/methods/<visit:method_id>/replace/card", name="new_method_for")
def show_for(here: Here, method_id: str) -> AnyResponse:
    """The same, for what runs on another card."""
    return typed_page(_instead(_own(here, method_id)), {}, 200)


@page_for("/methods/<visit:method_id>/replace/card", "POST", name="new_method_for_post")
def post_for(here: Here, method_id: str) -> AnyResponse:
    """Keeps it, and leads on to the authorization."""
    replaced = _own(here, method_id)
    kept = keep_typed(here, _instead(replaced))
    if not isinstance(kept, str):
        return kept
    return move_on(path_of("replace_method_with", method_id=replaced, new_id=kept))


@page_for("/methods/card/client-token", name="new_method_client_token")
def client_token(_here: Here) -> Response:
    """What the card fields need to open; asked for by their script alone."""
    return client_token_answer()


def keep_typed(here: Here, typing: Typing) -> str | AnyResponse:
    """The id of the card that was typed, kept; or the page that says why it is not."""
    nonce, ip = request.form.get("card_nonce", ""), request.remote_addr or ""
    try:
        return own_method.add(ports(), organisation().id, here.customer.id, nonce, current(), ip)
    except Refused as refused:
        if refused.code == "saving_off":
            abort(404)
        field = "card-number" if refused.code in ("card_missing", *own_method.SAID_NO) else ""
        status = 503 if refused.code == "gateway_unreachable" else 422
        return typed_page(typing, {field: sentence(refused)}, status)


def typed_page(typing: Typing, errors: dict[str, str], status: int) -> AnyResponse:
    """The card fields and one button."""
    with ports().database.read(organisation().id) as session:
        if not own_method.may_add(session):
            abort(404)
    return page(
        "customer/method_new.html",
        status,
        card=True,
        errors=errors,
        typing=typing,
        save_words=save_consent(organisation().name, current()),
        script_base=script_base(),
        client_token_path=path_of("new_method_client_token"),
    )


def _plain() -> Typing:
    return Typing(path_of("new_method_post"), path_of("methods"), is_authorized_next=False)


def _instead(replaced: str) -> Typing:
    """For what runs on another card."""
    return Typing(path_of("new_method_for_post", method_id=replaced), path_of("methods"), is_authorized_next=True)


def _own(here: Here, method_id: str) -> str:
    """The card of theirs that is to be replaced; another's is not found."""
    with ports().database.read(organisation().id) as session:
        row = payment_method.owned_by(session, method_id, here.customer.id)
    if row is None:
        abort(404)
    return row.id
