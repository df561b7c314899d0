"""Texts out by Twilio's API, to ordinary numbers of the United States and Canada only; and whether a post is Twilio's.

Called by the outbox and the carrier's door through their port. The only room that knows the twilio library; keeps no
number and logs none.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from requests import RequestException, Response
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response as TwilioResponse
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from portal.delivery.text_message import SEGMENTS_MAX, segments, textable_number
from portal.domain.message import (
    AddressRefused,
    DeliveryFailed,
    DeliveryPermanent,
    DeliveryTemporary,
    RecipientStopped,
)

_ORIGIN = "https://api.twilio.com"
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)  # what the library raises on an answer not Twilio's
# Twilio's words: the number itself will not do (invalid, unreachable, not a mobile); its owner said STOP to them; and
# what else will never go (no text, region not allowed, too long).
_NO_NUMBER = frozenset({21211, 21214, 21217, 21265, 21612, 21614})
_STOPPED = 21610
_FOR_GOOD = frozenset({21408, 21602, 21617})


class TwilioSms:
    """An account with the carrier. Safe to share between threads: each send opens its own connection."""

    def __init__(self, account_sid: str, auth_token: str, api_url: str, sender: str, timeout: float = 20.0) -> None:
        """`api_url` empty is Twilio itself; any other origin answers in its place (the simulator)."""
        self._account_sid, self._auth_token, self._sender = account_sid, auth_token, sender
        self._origin = api_url.rstrip("/") or _ORIGIN
        if urlsplit(self._origin).scheme not in {"http", "https"} or not urlsplit(self._origin).hostname:
            raise ValueError("api_url is not an origin")
        self._timeout = timeout

    def send(self, to: str, body: str, reference: str, status_url: str = "") -> str:
        """The carrier's id of the text. DeliveryTemporary: try again with the same `reference`.

        `status_url` is told how it fared.

        Twilio itself knows no client reference: it goes along as Idempotency-Key for whoever honours it, and a text
        whose answer was lost may come twice; both then say the same receipt number.
        """
        number = textable_number(to)
        if not body or segments(body) > SEGMENTS_MAX or any(unicodedata.category(c)[0] == "C" for c in body):
            raise DeliveryPermanent("bad_text")
        if not reference.isascii() or not reference.isprintable() or len(reference) > 200:
            raise DeliveryPermanent("bad_reference")
        http_client = _HttpClient(self._origin, reference, self._timeout)
        try:
            client = Client(self._account_sid, self._auth_token, http_client=http_client)
            by = {"messaging_service_sid" if self._sender.startswith("MG") else "from_": self._sender}
            told = {"status_callback": status_url} if status_url else {}
            sent = client.messages.create(to=number, body=body, **by, **told)
        except TwilioRestException as refused:
            raise _refusal(refused.code, f"sms_{refused.status}_{refused.code}") from None
        except (TwilioException, RequestException, OSError, *_UNREADABLE) as problem:
            raise DeliveryTemporary(f"sms_{type(problem).__name__}") from None
        finally:
            http_client.close()
        if not sent.sid:
            raise DeliveryTemporary("sms_no_id")
        return str(sent.sid)

    def is_genuine(self, url: str, fields: Mapping[str, str], signature: str) -> bool:
        """Whether the carrier itself posted these fields to this address: signed with this account's own token."""
        if fields.get("AccountSid") != self._account_sid or not signature.isascii():
            return False
        return bool(RequestValidator(self._auth_token).validate(url, dict(fields), signature))


def _refusal(code: int, reason: str) -> DeliveryFailed:
    if code == _STOPPED:
        return RecipientStopped(reason)
    if code in _NO_NUMBER:
        return AddressRefused(reason)
    return DeliveryPermanent(reason) if code in _FOR_GOOD else DeliveryTemporary(reason)


class NoSms:
    """A deployment without a carrier: every text is set aside with its reason, none is lost silently."""

    def send(self, to: str, body: str, reference: str, status_url: str = "") -> str:
        raise DeliveryPermanent("sms_not_configured")

    def is_genuine(self, url: str, fields: Mapping[str, str], signature: str) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class SmsCredentials:
    """An organisation's account with the carrier, opened."""

    account_sid: str
    auth_token: str = field(repr=False)
    sender: str


class TwilioCarriers:
    """The carrier as each organisation knows it. Asked anew each time: a token that was changed counts at once."""

    def __init__(self, credentials: Callable[[str], SmsCredentials | None], api_url: str) -> None:
        self._credentials, self._api_url = credentials, api_url

    def of(self, organisation_id: str) -> TwilioSms | NoSms:
        """The organisation's own account, or one that sends nothing."""
        found = self._credentials(organisation_id)
        if found is None:
            return NoSms()
        return TwilioSms(found.account_sid, found.auth_token, self._api_url, found.sender)


class _HttpClient(TwilioHttpClient):  # type: ignore[misc]  # the library ships no types
    """The library's own client, with the address swapped, our reference on each request, and no log of either."""

    def __init__(self, origin: str, reference: str, timeout: float) -> None:
        super().__init__(pool_connections=True, timeout=timeout)
        self._origin, self._reference = origin, reference

    def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> TwilioResponse:
        """As the library asks, at our origin; anything but its API address is refused."""
        if not url.startswith(_ORIGIN + "/"):
            raise TwilioException("unexpected address")
        url = self._origin + url.removeprefix(_ORIGIN)
        headers = {**(headers or {}), "Idempotency-Key": self._reference}
        return super().request(method, url, params, data, headers, auth, timeout, allow_redirects)

    def log_request(self, kwargs: dict[str, object]) -> None:
        """Says nothing: the request holds a phone number."""

    def log_response(self, status_code: int, response: Response) -> None:
        """Says nothing: the answer holds a phone number."""

    def close(self) -> None:
        """Gives the connection back."""
        if self.session is not None:
            self.session.close()
