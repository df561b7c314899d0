"""The carrier's door: texts that people send (`/{slug}/sms/reply`), and how ours fared (`/{slug}/sms/status/...`).

Set up in Twilio's console (docs/text_messages.md). Twilio signs each post with the organisation's own token; that is
checked before anything in it is believed. What the answer to a text in holds is texted: nothing, but for whom we know
only by this text.
"""

from flask import Blueprint, Response, make_response, request
from markupsafe import escape

from portal.usecases import inbound_text, text_status
from portal.web.access import of_organisation, organisation, ports
from portal.web.machines import BODY_BYTES_MAX, say

carrier = Blueprint("carrier", __name__)

FIELDS_MAX = 60  # Twilio sends about twenty, more with add-ons
SIGNATURE_HEADER = "X-Twilio-Signature"
ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response>{}</Response>'


@carrier.before_request
def small_body() -> None:
    """Refuses a big body before any of it is kept."""
    request.max_content_length = BODY_BYTES_MAX
    request.max_form_memory_size = BODY_BYTES_MAX
    request.max_form_parts = FIELDS_MAX


@carrier.post("/<slug:slug>/sms/reply")
@of_organisation
def reply() -> Response:
    """Takes one text in. 200 kept (or kept before), 400 not theirs to this organisation."""
    fields = _fields()
    said = inbound_text.receive(ports(), organisation().id, fields, _signature()) if fields is not None else None
    if said is None:
        return say(400)
    response = make_response(ANSWER.format(f"<Message>{escape(said)}</Message>" if said else ""))
    response.headers["Content-Type"] = "text/xml; charset=utf-8"
    response.headers["Cache-Control"] = "no-store"
    return response


@carrier.post("/<slug:slug>/sms/status/<visit:message_id>")
@of_organisation
def status(message_id: str) -> Response:
    """Takes one status in. 200 heard, 400 not theirs to this organisation."""
    fields = _fields()
    heard = fields is not None and text_status.hear(ports(), organisation().id, message_id, fields, _signature())
    return say(200 if heard else 400)


def _fields() -> dict[str, str] | None:
    """The fields of the post; none when one comes twice, or holds what no database can store."""
    if any(len(values) != 1 for _, values in request.form.lists()) or len(request.form) > FIELDS_MAX:
        return None
    fields = {name: str(value) for name, value in request.form.items()}
    return None if any("\x00" in value for value in fields.values()) else fields


def _signature() -> str:
    return request.headers.get(SIGNATURE_HEADER, "")[:200]
