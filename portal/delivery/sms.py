"""Texts out by Twilio's API, to ordinary numbers in the United States and Canada only.

Called by the outbox through its port. The only room that knows the twilio library; keeps no number and logs none.
"""

import unicodedata
from urllib.parse import urlsplit

from requests import RequestException, Response
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response as TwilioResponse
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

    def send(self, to: str, body: str, reference: str) -> str:
        """The carrier's id of the text. DeliveryTemporary: try again with the same `reference`.

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
            sent = client.messages.create(to=number, from_=self._sender, body=body)
        except TwilioRestException as refused:
            raise _refusal(refused.code, f"sms_{refused.status}_{refused.code}") from None
        except (TwilioException, RequestException, OSError, *_UNREADABLE) as problem:
            raise DeliveryTemporary(f"sms_{type(problem).__name__}") from None
        finally:
            http_client.close()
        if not sent.sid:
            raise DeliveryTemporary("sms_no_id")
        return str(sent.sid)


def _refusal(code: int, reason: str) -> DeliveryFailed:
    if code == _STOPPED:
        return RecipientStopped(reason)
    if code in _NO_NUMBER:
        return AddressRefused(reason)
    return DeliveryPermanent(reason) if code in _FOR_GOOD else DeliveryTemporary(reason)


class NoSms:
    """A deployment without a carrier: every text is set aside with its reason, none is lost silently."""

    def send(self, to: str, body: str, reference: str) -> str:
        raise DeliveryPermanent("sms_not_configured")


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
