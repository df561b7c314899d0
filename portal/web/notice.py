"""The door for Braintree's notices: `/{slug}/notice/braintree`. Set up in their Control Panel (docs/notices.md).

The signature is checked before anything in the body is read; a genuine notice is stored and answered 200 at once, and
handled elsewhere. A refused one gets the same answer whatever is wrong with it.
"""

from flask import Blueprint, Response, request

from portal.usecases.notice import answer_challenge, receive
from portal.web.access import of_organisation, organisation, ports
from portal.web.machines import BODY_BYTES_MAX, say

notice = Blueprint("notice", __name__)

FIELDS_MAX = 8
CHALLENGE_LENGTH_MAX = 64


@notice.before_request
def small_body() -> None:
    """Refuses a big body before any of it is kept."""
    request.max_content_length = BODY_BYTES_MAX
    request.max_form_memory_size = BODY_BYTES_MAX
    request.max_form_parts = FIELDS_MAX


@notice.post("/<slug:slug>/notice/braintree")
@of_organisation
def braintree() -> Response:
    """Takes one notice in. 200 stored (or stored before), 400 not theirs to this organisation, 413 too large."""
    signatures, payloads = request.form.getlist("bt_signature"), request.form.getlist("bt_payload")
    if len(signatures) != 1 or len(payloads) != 1:
        return say(400)
    return say(200 if receive(ports(), organisation().id, signatures[0], payloads[0]) else 400)


@notice.get("/<slug:slug>/notice/braintree")
@of_organisation
def braintree_challenge() -> Response:
    """Answers Braintree's check of this address; 400 for anything that is no challenge."""
    challenges = request.args.getlist("bt_challenge")
    if len(challenges) != 1 or len(challenges[0]) > CHALLENGE_LENGTH_MAX:
        return say(400)
    answer = answer_challenge(ports(), organisation().id, challenges[0])
    return say(400) if answer is None else say(200, answer)
