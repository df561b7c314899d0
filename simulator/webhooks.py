"""Webhooks: the gateway tells a merchant's address what happened, signed with that merchant's keys.

`world` says what happens, the levers below `/simulator/webhooks` ask for more. As at the real gateway a hook is a
snapshot, order is not kept, and it is sent again until a 2xx comes: here after seconds instead of an hour.
"""

import asyncio
import contextlib
import hashlib
import hmac
from base64 import encodebytes
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from simulator.codec import encode, read_time
from simulator.disputes import Dispute
from simulator.merchants import Merchant
from simulator.message_faults import MessageFaults
from simulator.transactions import Transaction
from simulator.wire import render
from simulator.world import World

EVENT = "webhook"
TRIES_MAX = 25  # at once, then hourly for a day
ANSWER_SECONDS = 30
HELD_SECONDS = 5.0  # how long one that is to come out of order waits for another to pass it
MODES = {
    "accept": "nothing wrong: uses up a turn",
    "drop": "it is never sent",
    "delay": "it is sent `seconds` later",
    "duplicate": "it is sent twice",
    "disorder": "it waits until the next one of this merchant has gone out, `seconds` at most",
}


@dataclass
class Hook:
    """One notification to one address and how its delivery went. `state`: waiting, delivered, dropped, given_up."""

    id: int
    merchant_id: str
    kind: str
    subject_id: str | None
    url: str
    signature: str
    payload: str
    created_at: datetime
    due_at: datetime
    state: str = "waiting"
    is_held: bool = False  # out of order: until another one has gone out
    tries: list[dict[str, Any]] = field(default_factory=list)


def sign(merchant: Merchant, text: str) -> str:
    """`public key|HMAC-SHA1 over the text`, the key being the SHA-1 of the private key."""
    key = hashlib.sha1(merchant.private_key.encode()).digest()  # noqa: S324 - the gateway's own scheme
    return f"{merchant.public_key}|{hmac.new(key, text.encode(), hashlib.sha1).hexdigest()}"


def document(kind: str, at: datetime, subject: dict[str, Any]) -> str:
    """The payload: XML in base64 with line ends, as the SDK wants it."""
    xml = encode("notification", {"timestamp": at, "kind": kind, "subject": subject})
    return encodebytes(xml).decode("ascii")


class Webhooks:
    """All hooks of the world, oldest first, and those on their way."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = MessageFaults(MODES)
        self.errands: set[asyncio.Task[None]] = set()
        self.hooks: dict[int, Hook] = {}
        for _, record in world.journal.read(EVENT):
            for moment in (record, *record["tries"]):
                moment |= {name: read_time(moment[name]) for name in ("at", "created_at", "due_at") if name in moment}
            self.hooks[record["id"]] = Hook(**record)
        for hook in self.hooks.values():
            if hook.state == "waiting":
                self._later(hook)

    def forget(self) -> None:
        """The reset."""
        self.hooks.clear()
        self.faults.forget()

    def hear(self, kind: str, transaction: Transaction, dispute: Dispute | None) -> None:
        """What the world does by itself."""
        merchant = self.world.merchants.by_id[transaction.merchant_id]
        if not merchant.webhook_url:
            return
        fault = self.faults.take(merchant.id)
        mode, seconds = (fault.mode, fault.seconds) if fault else ("accept", 0.0)
        subject_id, subject = transaction.id, {"transaction": render.transaction(transaction)}
        if dispute is not None:
            subject_id, subject = dispute.id, {"dispute": render.dispute(dispute, transaction)}
        hook = self.add(
            merchant,
            kind,
            subject_id,
            subject,
            delay_seconds=seconds if mode in ("delay", "disorder") else 0.0,
            is_held=mode == "disorder",
            state="dropped" if mode == "drop" else "waiting",
        )
        if mode == "duplicate":
            self.repeat(hook, self.world.clock.now())

    def add(
        self,
        merchant: Merchant,
        kind: str,
        subject_id: str | None,
        subject: dict[str, Any],
        *,
        delay_seconds: float = 0.0,
        is_held: bool = False,
        signature: str = "good",
        url: str = "",
        state: str = "waiting",
        sent_at: datetime | None = None,
    ) -> Hook:
        """Write one down and send it off."""
        now = self.world.clock.now()
        payload = document(kind, sent_at or now, subject)
        hook = Hook(
            id=len(self.hooks) + 1,
            merchant_id=merchant.id,
            kind=kind,
            subject_id=subject_id,
            url=url or merchant.webhook_url,
            signature=self._signed(merchant, payload, signature),
            payload=payload,
            created_at=now,
            due_at=now + timedelta(seconds=delay_seconds),
            state=state,
            is_held=is_held,
        )
        self.hooks[hook.id] = hook
        self._keep(hook)
        if state == "waiting":
            self._later(hook)
        return hook

    def repeat(self, first: Hook, due_at: datetime) -> Hook:
        """The very same bytes once more."""
        hook = Hook(**{**asdict(first), "id": len(self.hooks) + 1, "due_at": due_at, "tries": [], "state": "waiting"})
        self.hooks[hook.id] = hook
        self._keep(hook)
        self._later(hook)
        return hook

    def _signed(self, merchant: Merchant, payload: str, how: str) -> str:
        if how == "none":
            return ""
        if how == "bad":
            public, _, digest = sign(merchant, payload).partition("|")
            return f"{public}|{digest[::-1]}"
        if how == "foreign":
            merchant = next(other for other in self.world.merchants.by_id.values() if other.id != merchant.id)
        return sign(merchant, payload)

    def _keep(self, hook: Hook) -> None:
        self.world.journal.append(EVENT, asdict(hook))

    def _later(self, hook: Hook) -> None:
        if hook.due_at <= self.world.clock.now():
            self._send(hook)
        else:
            self.world.later(hook.due_at, lambda: self._send(hook))

    def _send(self, hook: Hook) -> None:
        if hook.state != "waiting" or self.hooks.get(hook.id) is not hook or hook.due_at > self.world.clock.now():
            return
        hook.due_at = self.world.clock.now() + timedelta(days=1)  # on its way: nobody else sends it
        errand = asyncio.create_task(self._deliver(hook))
        self.errands.add(errand)
        errand.add_done_callback(self.errands.discard)

    async def _deliver(self, hook: Hook) -> None:
        form = {"bt_signature": hook.signature, "bt_payload": hook.payload}
        status = 0
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError, OSError):
                async with session.post(hook.url, data=form, allow_redirects=False) as answer:
                    status = answer.status
        now = self.world.clock.now()
        hook.tries.append({"at": now, "status": status})
        if 200 <= status < 300:
            hook.state = "delivered"
        elif len(hook.tries) >= TRIES_MAX:
            hook.state = "given_up"
        else:
            merchant = self.world.merchants.by_id.get(hook.merchant_id)
            hook.due_at = now + timedelta(seconds=merchant.webhook_retry_seconds if merchant else 2)
            self._later(hook)
        self._keep(hook)
        self._let_pass(hook)

    def _let_pass(self, passed: Hook) -> None:
        """Those that waited to come out of order go now."""
        for hook in self.hooks.values():
            if hook.is_held and hook.merchant_id == passed.merchant_id and hook is not passed:
                hook.is_held, hook.due_at = False, self.world.clock.now()
                self._send(hook)

    async def challenge(self, merchant: Merchant, url: str) -> dict[str, Any]:
        """The destination check: a GET that must be answered with the challenge signed."""
        text = hashlib.sha256(self.world.ids.word(20).encode()).hexdigest()[:32]
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url, params={"bt_challenge": text}) as answer,
            ):
                said = await answer.text()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return {"passed": False, "status": 0, "answer": type(error).__name__}
        return {"passed": status == 200 and said == sign(merchant, text), "status": status, "answer": said[:200]}
