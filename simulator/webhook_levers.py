"""The levers of webhooks and disputes: ask for a hook, read the log, make delivery go wrong, open and move disputes.

Only tests and developers call them. What a hook is and how it travels is in `webhooks`.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from simulator.amounts import dollars
from simulator.disputes import KINDS, STATUSES
from simulator.merchants import Merchant
from simulator.transactions import Transaction
from simulator.webhooks import HELD_SECONDS, Hook, Webhooks
from simulator.wire import render
from simulator.world import World

TRANSACTION_KINDS = frozenset(
    {
        "transaction_settled",
        "transaction_settlement_declined",
        "transaction_disbursed",
        "transaction_retried",
        "transaction_reviewed",
        "refund_failed",
    }
)
SIGNATURES = frozenset({"good", "bad", "foreign", "none"})
WEBHOOKS = web.AppKey("webhooks", Webhooks)


class _Bad(ValueError):
    """A lever was pulled wrongly."""


def _subject(world: World, asked: dict[str, Any]) -> tuple[Merchant, str | None, dict[str, Any]]:
    """Whose hook it is, what it is about, and that as XML."""
    kind = str(asked.get("kind", ""))
    if asked.get("dispute_id"):
        for transaction in world.transactions.all:
            for dispute in transaction.disputes:
                if dispute.id == asked["dispute_id"]:
                    merchant = world.merchants.by_id[transaction.merchant_id]
                    return merchant, dispute.id, {"dispute": render.dispute(dispute, transaction)}
        raise _Bad("no such dispute")
    if asked.get("transaction_id"):
        transaction = _transaction(world, str(asked["transaction_id"]))
        if kind == "transaction_disbursed" and transaction.disbursed_at is None:
            transaction.disbursed_at = world.clock.now()
            world.transactions.keep(transaction)
        merchant = world.merchants.by_id[transaction.merchant_id]
        return merchant, transaction.id, {"transaction": render.transaction(transaction)}
    merchant_asked = world.merchants.by_id.get(str(asked.get("merchant", "")))
    if merchant_asked is None:
        raise _Bad("transaction_id, dispute_id or a known merchant is required")
    if kind == "check":
        return merchant_asked, None, {"check": True}
    if kind.startswith("disbursement"):
        return merchant_asked, None, {"disbursement": _disbursement(world, merchant_asked)}
    if isinstance(asked.get("subject"), dict):
        return merchant_asked, None, asked["subject"]
    raise _Bad("this kind needs a transaction_id, a dispute_id or a subject")


def _transaction(world: World, transaction_id: str) -> Transaction:
    for transaction in world.transactions.all:
        if transaction.id == transaction_id:
            return transaction
    raise _Bad("no such transaction")


def _disbursement(world: World, merchant: Merchant) -> dict[str, Any]:
    settled = [item for item in world.transactions.of(merchant.id) if item.status == "settled" and item.disbursed_at]
    return {
        "id": world.ids.word(12),
        "transaction_ids": [item.id for item in settled],
        "success": True,
        "retry": False,
        "merchant_account": {
            "id": merchant.accounts[0],
            "currency_iso_code": merchant.currency,
            "sub_merchant_account": False,
            "status": "active",
        },
        "amount": dollars(sum(item.amount_cents for item in settled)),
        "disbursement_date": world.clock.now().date(),
        "disbursement_type": "credit",
        "exception_message": None,
        "follow_up_action": None,
    }


def _ask(hooks: Webhooks, world: World, asked: dict[str, Any]) -> list[Hook]:
    if not asked.get("kind"):
        raise _Bad("kind is required")
    if asked.get("signature", "good") not in SIGNATURES:
        raise _Bad(f"signature is one of {', '.join(sorted(SIGNATURES))}")
    if asked["kind"] in TRANSACTION_KINDS and "transaction_id" not in asked and "subject" not in asked:
        raise _Bad("transaction_id is required")
    merchant, subject_id, subject = _subject(world, asked)
    url = str(asked.get("url") or merchant.webhook_url)
    if not url:
        raise _Bad(f"{merchant.id} has no webhook_url")
    is_held, now = bool(asked.get("reorder")), world.clock.now()
    delay_seconds = float(asked.get("delay_seconds", HELD_SECONDS if is_held else 0))
    first = hooks.add(
        merchant,
        str(asked["kind"]),
        subject_id,
        subject,
        delay_seconds=delay_seconds,
        is_held=is_held,
        signature=str(asked.get("signature", "good")),
        url=url,
        sent_at=now - timedelta(seconds=float(asked.get("age_seconds", 0))),
    )
    due_at = now + timedelta(seconds=delay_seconds)
    return [first, *(hooks.repeat(first, due_at) for _ in range(int(asked.get("times", 1)) - 1))]


Act = Callable[[web.Request, dict[str, Any]], Awaitable[object]]


def _lever(act: Act, status: int = 201) -> Callable[[web.Request], Awaitable[web.Response]]:
    """JSON in, JSON out, 400 with a sentence when it was pulled wrongly."""

    async def handler(request: web.Request) -> web.Response:
        try:
            body = await request.read()
            asked = json.loads(body) if body.strip() else {}
            if not isinstance(asked, dict):
                raise _Bad("a JSON object is expected")
            return _json(await act(request, asked), status)
        except (_Bad, TypeError, ValueError) as error:
            return _json({"error": str(error)}, 400)

    return handler


def _json(content: object, status: int = 200) -> web.Response:
    def plain(value: object) -> object:
        return value.isoformat() if isinstance(value, datetime) else vars(value)

    return web.Response(text=json.dumps(content, default=plain), status=status, content_type="application/json")


def routes(world: World) -> list[web.AbstractRouteDef]:
    """The addresses of this room."""

    async def ask(request: web.Request, asked: dict[str, Any]) -> object:
        return {"hooks": [asdict(hook) for hook in _ask(request.app[WEBHOOKS], world, asked)]}

    async def listed(request: web.Request) -> web.Response:
        wanted = request.query.get("merchant")
        hooks = request.app[WEBHOOKS].hooks.values()
        return _json({"hooks": [asdict(hook) for hook in hooks if wanted in (None, hook.merchant_id)]})

    async def challenge(request: web.Request, asked: dict[str, Any]) -> object:
        merchant = world.merchants.by_id.get(str(asked.get("merchant", "")))
        if merchant is None:
            raise _Bad("no such merchant")
        return await request.app[WEBHOOKS].challenge(merchant, str(asked.get("url") or merchant.webhook_url))

    async def open_dispute(request: web.Request, asked: dict[str, Any]) -> object:
        known = {"amount_cents": int, "kind": str, "reason": str, "reason_code": str, "original_dispute_id": str}
        fields = {name: known[name](value) for name, value in asked.items() if name in known}
        if fields.get("kind", "chargeback") not in KINDS:
            raise _Bad(f"kind is one of {', '.join(sorted(KINDS))}")
        return world.open_dispute(_transaction(world, str(asked.get("transaction_id"))), **fields)

    async def move_dispute(request: web.Request, asked: dict[str, Any]) -> object:
        if asked.get("status") not in STATUSES:
            raise _Bad(f"status is one of {', '.join(sorted(STATUSES))}")
        for transaction in world.transactions.all:
            for dispute in transaction.disputes:
                if dispute.id == request.match_info["id"]:
                    won_cents = asked.get("won_cents")
                    world.move_dispute(
                        transaction, dispute, asked["status"], None if won_cents is None else int(won_cents)
                    )
                    return dispute
        raise _Bad("no such dispute")

    async def retry(request: web.Request, asked: dict[str, Any]) -> object:
        declined = _transaction(world, request.match_info["id"])
        if declined.success:
            raise _Bad("only a declined sale is retried")
        return world.retry(declined)

    def faults(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            answered: web.Response = await getattr(request.app[WEBHOOKS].faults, name)(request)
            return answered

        return answer

    return [
        web.post("/simulator/webhooks", _lever(ask)),
        web.get("/simulator/webhooks", listed),
        web.post("/simulator/webhooks/challenge", _lever(challenge, 200)),
        web.post("/simulator/webhook-faults", faults("add")),
        web.get("/simulator/webhook-faults", faults("show")),
        web.delete("/simulator/webhook-faults", faults("clear")),
        web.post("/simulator/disputes", _lever(open_dispute)),
        web.post("/simulator/disputes/{id}", _lever(move_dispute, 200)),
        web.post("/simulator/transactions/{id}/retry", _lever(retry)),
    ]


async def start(world: World, app: web.Application) -> None:
    """Listen to the world, and go on with what was not delivered before."""
    hooks = app[WEBHOOKS] = Webhooks(world)
    world.listeners.append(hooks.hear)
    world.on_reset.append(hooks.forget)
