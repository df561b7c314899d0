"""What happens to a transaction after the sale: find, submit, void, refund, reverse, details, test settlement."""

from typing import Any

from simulator import behaviour
from simulator.amounts import read_amount
from simulator.codec import text, truthy
from simulator.problems import Problems, refuse
from simulator.transactions import Transaction
from simulator.wire import render
from simulator.wire.call import Call, Reply, account_of
from simulator.wire.sale import SETTLEMENT_DECLINED, answer_with
from simulator.wire.shape import read_descriptor

VOIDABLE = ("authorized", "submitted_for_settlement")
_SETTLEABLE = ("submitted_for_settlement", "settling")
NOT_GIVEN = ("voided", "settlement_declined")  # credits whose money is still there
_TEST_MOVES = {
    "settle": ("settled", "4000"),
    "settlement_confirm": ("settlement_confirmed", ""),
    "settlement_decline": ("settlement_declined", "4001"),
    "settlement_pending": ("settlement_pending", "4002"),
}


def find(call: Call) -> Reply:
    """GET one."""
    transaction = call.transaction()
    return Reply(200, "transaction", render.transaction(transaction), transaction)


def line_items(call: Call) -> Reply:
    """Kept empty: this gateway does not store line items."""
    call.transaction()
    return Reply(200, "line_items", [])


def _moved(call: Call, transaction: Transaction, status: str) -> Reply:
    call.world.move(transaction, status)
    return Reply(200, "transaction", render.transaction(transaction), transaction)


def void(call: Call) -> Reply:
    """Take back what has not settled."""
    transaction = call.transaction()
    if transaction.status not in VOIDABLE:
        raise refuse("transaction", "base", "91504")
    return _moved(call, transaction, "voided")


def submit_for_settlement(call: Call) -> Reply:
    """Capture all or a part of the authorisation."""
    transaction, problems = call.transaction(), Problems()
    if transaction.status != "authorized":
        raise refuse("transaction", "base", "91507")
    if call.params.get("amount") is not None:
        amount_cents = read_amount(call.params["amount"], "transaction", problems, "91522")
        if amount_cents > transaction.amount_cents:
            problems.add("transaction", "amount", "91522")
        problems.raise_if_any()
        transaction.amount_cents = amount_cents
    if "order_id" in call.params:
        call.world.transactions.rename_order(transaction, text(call.params["order_id"]))
    return _moved(call, transaction, "submitted_for_settlement")


def submit_for_partial_settlement(call: Call) -> Reply:
    """A child sale for a part; more may follow until the sum or `final_capture`."""
    parent, problems, world = call.transaction(), Problems(), call.world
    partial = bool(parent.partial_ids)
    open_parent = parent.status == "authorized" or (parent.status == "settlement_pending" and partial)
    if not open_parent or parent.final_capture:
        raise refuse("transaction", "base", "915103")
    amount_cents = read_amount(call.params.get("amount"), "transaction", problems, "91522")
    used = sum(
        child.amount_cents
        for id_ in parent.partial_ids
        if (child := world.transactions.find(call.merchant.id, id_)) and child.status != "voided"
    )
    if amount_cents > parent.amount_cents - used:
        problems.add("transaction", "amount", "91522")
    problems.raise_if_any()
    child = _child(call, parent, "sale", amount_cents, parent.merchant_account_id)
    child.authorized_transaction_id = parent.id
    child.code, child.text, child.kind = parent.code, parent.text, parent.kind
    world.move(child, "submitted_for_settlement", keep=False)
    world.transactions.keep(child)
    parent.partial_ids.append(child.id)
    parent.final_capture = truthy(call.params.get("final_capture"))
    world.move(parent, "settlement_pending")
    return Reply(201, "transaction", render.transaction(child), child)


def refund(call: Call) -> Reply:
    """Give back all that is left, or an amount; the refund is a credit of its own."""
    parent, problems, world = call.transaction(), Problems(), call.world
    if parent.type == "credit":
        raise refuse("transaction", "base", "91505")
    if parent.status != "settled":
        raise refuse("transaction", "base", "91574" if parent.status == "settling" else "91506")
    left_cents = parent.amount_cents - _refunded_cents(call, parent)
    if left_cents <= 0:
        raise refuse("transaction", "base", "91512")
    amount_cents = left_cents
    if call.params.get("amount") is not None:
        amount_cents = read_amount(call.params["amount"], "transaction", problems, "91521")
        if amount_cents > left_cents:
            problems.add("transaction", "amount", "91521")
    order_id = text(call.params.get("order_id"))
    if order_id and len(order_id) > 255:
        problems.add("transaction", "order_id", "91501")
    account = account_of(
        call, call.params.get("merchant_account_id") or parent.merchant_account_id, "transaction", problems
    )
    problems.raise_if_any()
    credit = _child(call, parent, "credit", amount_cents, account)
    credit.refunded_transaction_id = parent.id
    credit.order_id = order_id or parent.order_id
    credit.fails_to_settle = call.forced == SETTLEMENT_DECLINED
    forced = call.forced if call.forced and call.forced.startswith("2") else None
    answer = behaviour.declined(forced) if forced else behaviour.by_amount(amount_cents)
    credit.code, credit.text, credit.kind = "1002", behaviour.APPROVALS["1002"], "approved"
    status = "submitted_for_settlement"
    if answer.kind == "hard_declined" or answer.status == "failed":
        credit.code, credit.text, credit.kind, status = answer.code, answer.text, answer.kind, answer.status
    elif answer.kind == "soft_declined":  # captured all the same
        credit.code, credit.text = "1005", behaviour.APPROVALS["1005"]
    if not answer.approved and answer.code:
        credit.additional = f"{answer.code} : {answer.text}"
    world.move(credit, status, keep=False)
    world.transactions.keep(credit)
    if credit.success:
        parent.refund_ids.append(credit.id)
        world.transactions.keep(parent)
    return answer_with(call, credit, 201)


def reverse(call: Call) -> Reply:
    """Void while that is possible, else a full refund."""
    return void(call) if call.transaction().status in VOIDABLE else refund(call)


def update_details(call: Call) -> Reply:
    """Change amount (down), order id or descriptor before it settles."""
    transaction, problems = call.transaction(), Problems()
    if transaction.status != "submitted_for_settlement":
        raise refuse("transaction", "base", "915129")
    amount_cents = transaction.amount_cents
    if call.params.get("amount") is not None:
        amount_cents = read_amount(call.params["amount"], "transaction", problems, "91522")
        if amount_cents > transaction.amount_cents:
            problems.add("transaction", "amount", "91522")
    order_id = text(call.params.get("order_id"))
    if order_id and len(order_id) > 255:
        problems.add("transaction", "order_id", "91501")
    descriptor = read_descriptor(call, problems)
    problems.raise_if_any()
    transaction.amount_cents = amount_cents
    transaction.descriptor |= descriptor
    if "order_id" in call.params:
        call.world.transactions.rename_order(transaction, order_id)
    call.world.transactions.keep(transaction)
    return Reply(200, "transaction", render.transaction(transaction), transaction)


def settle_for_test(call: Call) -> Reply:
    """The sandbox's helpers: /settle, /settlement_confirm, /settlement_decline, /settlement_pending."""
    transaction = call.transaction()
    if transaction.status not in _SETTLEABLE:
        raise refuse("transaction", "base", "91575")
    helper = call.ids[1]
    if helper == "settle" and transaction.fails_to_settle:
        helper = "settlement_decline"
    status, transaction.settlement_code = _TEST_MOVES[helper]
    return _moved(call, transaction, status)


def _refunded_cents(call: Call, parent: Transaction) -> int:
    refunds = (call.world.transactions.find(call.merchant.id, id_) for id_ in parent.refund_ids)
    return sum(refund.amount_cents for refund in refunds if refund and refund.status not in NOT_GIVEN)


def _child(call: Call, parent: Transaction, kind: str, amount_cents: int, account: str) -> Transaction:
    copied: dict[str, Any] = {
        name: getattr(parent, name)
        for name in (
            "face",
            "order_id",
            "payment_method_token",
            "customer_id",
            "customer",
            "billing",
            "shipping",
            "descriptor",
            "custom_fields",
        )
    }
    return Transaction(
        id=call.world.ids.word(),
        merchant_id=parent.merchant_id,
        merchant_account_id=account,
        type=kind,
        amount_cents=amount_cents,
        currency=parent.currency,
        created_at=call.world.clock.now(),
        api_request_key=text(call.params.get("api_request_key")),
        **copied,
    )
