"""What the SMS carrier posts to its customers' addresses: how texts fared, what people reply. Signed as Twilio does.

The phone hands posts over. They fail on cue: `POST /simulator/sms-callback-faults`. Like the real carrier nothing is
sent a second time by itself.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

import aiohttp

from simulator.codec import Malformed, decode
from simulator.message_faults import MessageFaults

MODES = {
    "accept": "nothing wrong: uses up a turn",
    "drop": "it is never posted",
    "delay": "it is posted `seconds` later",
    "duplicate": "it is posted twice, the same bytes",
    "disorder": "several of one text come in the wrong order",
    "bad_signature": "it is signed with another token",
}
ANSWER_SECONDS = 5


def sign(token: str, url: str, fields: Mapping[str, str]) -> str:
    """HMAC-SHA1 over the address and the fields in the order of their names, as Twilio does it."""
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), hashlib.sha1)).decode()


def message_in(body: str) -> str | None:
    """What an answer (TwiML) has the carrier text back; None without one."""
    try:
        root, fields = decode(body.encode())
    except Malformed:
        return None
    words = fields.get("Message") if root == "Response" else None
    return words if isinstance(words, str) else None


class CarrierPosts:
    """Posts on their way."""

    def __init__(self) -> None:
        self.faults = MessageFaults(MODES)
        self.errands: set[asyncio.Task[None]] = set()
        self.answers: list[dict[str, object]] = []  # what the addresses said, oldest first

    def forget(self) -> None:
        """The reset."""
        self.faults.forget()
        self.answers.clear()

    def send(
        self, token: str, url: str, posts: Sequence[dict[str, str]], person: str,
        answered: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        """Posts one after the other, about this number; `answered` hears what an answer has to be texted."""
        errand = asyncio.create_task(self._send(token, url, posts, person, answered))
        self.errands.add(errand)
        errand.add_done_callback(self.errands.discard)

    async def _send(
        self, token: str, url: str, posts: Sequence[dict[str, str]], person: str, answered: Callable[[str], None] | None
    ) -> None:
        fault = self.faults.take(person)
        mode = fault.mode if fault else "accept"
        if mode == "drop":
            return
        if fault and mode == "delay":
            await asyncio.sleep(fault.seconds)
        ordered = list(reversed(posts)) if mode == "disorder" else list(posts)
        if mode == "duplicate":
            ordered = [post for post in ordered for _ in range(2)]
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for post in ordered:
                signature = sign(token + ("x" if mode == "bad_signature" else ""), url, post)
                said: dict[str, object] = {"url": url, "fields": post, "signature": signature}
                self.answers.append(said)
                try:
                    async with session.post(url, data=post, headers={"X-Twilio-Signature": signature}) as answer:
                        body = await answer.text()
                        said |= {"status": answer.status, "body": body[:500]}
                        words = message_in(body) if answered is not None and answer.status == 200 else None
                        if answered is not None and words is not None:
                            answered(words)
                except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                    said |= {"status": 0, "body": type(error).__name__}
