"""One charge: its states, the legal moves between them as a table, and what the gateway's answers mean.

A charge is one attempt at the gateway for one obligation. Use cases move it through `portal.usecases.charge`;
nothing else changes a state. This file decides nothing about time or rows.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from portal.domain.refusal import Refused


class ChargeState(StrEnum):
    """Where one attempt stands. `unknown` is not a failure: the gateway may have taken the money."""

    sending = "sending"
    succeeded = "succeeded"
    declined = "declined"
    not_sent = "not_sent"
    unknown = "unknown"
    never_received = "never_received"
    review = "review"


class Actor(StrEnum):
    """Who may move a charge."""

    claim = "claim"
    sender = "sender"
    janitor = "janitor"
    staff = "staff"
    gateway = "gateway"  # the gateway by itself, without being asked


_S, _A = ChargeState, Actor

# from, to -> who may make the move. Every write of a state is checked against this table.
LEGAL_MOVES: dict[tuple[ChargeState | None, ChargeState], frozenset[Actor]] = {
    (None, _S.sending): frozenset({_A.claim}),
    (None, _S.succeeded): frozenset({_A.gateway}),  # its own retry of a decline, taken in as a payment
    (_S.sending, _S.succeeded): frozenset({_A.sender, _A.janitor}),
    (_S.sending, _S.declined): frozenset({_A.sender, _A.janitor}),
    (_S.sending, _S.not_sent): frozenset({_A.sender}),  # never by a resend: the first request may yet be there
    (_S.sending, _S.review): frozenset({_A.sender, _A.janitor}),
    (_S.sending, _S.unknown): frozenset({_A.sender, _A.janitor}),
    (_S.unknown, _S.succeeded): frozenset({_A.sender, _A.janitor}),
    (_S.unknown, _S.declined): frozenset({_A.sender, _A.janitor}),
    (_S.unknown, _S.sending): frozenset({_A.janitor}),
    (_S.unknown, _S.never_received): frozenset({_A.janitor, _A.staff}),
    (_S.unknown, _S.review): frozenset({_A.sender, _A.janitor}),
    (_S.review, _S.succeeded): frozenset({_A.staff, _A.janitor, _A.sender}),  # a sender that was frozen meanwhile
    (_S.review, _S.declined): frozenset({_A.staff, _A.janitor, _A.sender}),
    (_S.review, _S.never_received): frozenset({_A.staff}),
}

# A live or successful attempt blocks the next one; the same list stands in the partial unique index of storage.
DEFINITE_FAILURES = frozenset({_S.declined, _S.never_received, _S.not_sent})
OPEN_STATES = frozenset({_S.sending, _S.unknown, _S.review})
TERMINAL_STATES = frozenset({_S.succeeded, *DEFINITE_FAILURES})


def is_legal(before: ChargeState | None, after: ChargeState, actor: Actor) -> bool:
    """Whether the table allows this move to this actor."""
    return actor in LEGAL_MOVES.get((before, after), frozenset())


def require_legal(before: ChargeState | None, after: ChargeState, actor: Actor) -> None:
    """Refused `charge_move_illegal` unless the table allows the move."""
    if not is_legal(before, after, actor):
        raise Refused("charge_move_illegal", before=str(before), after=str(after), actor=str(actor))


class OutcomeKind(StrEnum):
    """What one call told us. Only `unknown` leaves open whether money moved."""

    succeeded = "succeeded"
    declined = "declined"
    not_sent = "not_sent"  # the request never left, or was refused before processing: nothing happened
    unknown = "unknown"
    review = "review"  # the gateway took something that is not what we asked for: a person looks
    key_refused = "key_refused"  # this merchant may not use idempotency keys (915231): nothing happened


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer of the gateway in our words. Amounts in cents; `detail` is for staff and logs, never for payers."""

    kind: OutcomeKind
    gateway_id: str | None = None
    status: str | None = None
    amount_cents: int | None = None
    currency: str | None = None
    order_id: str | None = None
    processor_code: str | None = None
    processor_type: str | None = None  # approved | soft_declined | hard_declined
    reason: str | None = None  # gateway rejection reason, validation code, exception class
    detail: str | None = None
    is_to_be_retried: bool = False  # a decline that the gateway means to try again by itself: that must be turned off
    stop_organisation: bool = False  # 401, 403, 426: every further call would fail the same way


_STATE_OF_OUTCOME = {
    OutcomeKind.succeeded: ChargeState.succeeded,
    OutcomeKind.declined: ChargeState.declined,
    OutcomeKind.not_sent: ChargeState.not_sent,
    OutcomeKind.key_refused: ChargeState.not_sent,
    OutcomeKind.unknown: ChargeState.unknown,
    OutcomeKind.review: ChargeState.review,
}


def state_of(outcome: Outcome) -> ChargeState:
    """The state an outcome puts a charge in."""
    return _STATE_OF_OUTCOME[outcome.kind]


def order_id_of(organisation_id: str, obligation_id: str, n: int) -> str:
    """The name of attempt `n` at the gateway, also its idempotency key: deterministic, so a lost row re-creates it.

    32 hex + 32 hex + number: 67 characters and more, within the gateway's 255.
    """
    return f"{organisation_id}-{obligation_id}-{n}"


def checked_against(outcome: Outcome, amount_cents: int, currency: str, order_id: str) -> Outcome:
    """The outcome, turned to `review` when a success echoes another amount, currency or order than ours."""
    if outcome.kind is not OutcomeKind.succeeded:
        return outcome
    ours = (amount_cents, currency, order_id)
    theirs = (outcome.amount_cents, outcome.currency, outcome.order_id)
    if ours == theirs:
        return outcome
    return Outcome(
        kind=OutcomeKind.review,
        gateway_id=outcome.gateway_id,
        status=outcome.status,
        amount_cents=outcome.amount_cents,
        currency=outcome.currency,
        order_id=outcome.order_id,
        processor_code=outcome.processor_code,
        processor_type=outcome.processor_type,
        reason="echo_differs",
        detail=f"asked {ours}, answered {theirs}",
    )


@dataclass(frozen=True, slots=True)
class Timing:
    """Every wait of the money path, in one place; `config.py` fills it and refuses unsafe values in production."""

    page_timeout: timedelta = timedelta(seconds=25)
    worker_timeout: timedelta = timedelta(seconds=65)
    send_window: timedelta = timedelta(seconds=20)
    lease_margin: timedelta = timedelta(seconds=120)
    quarantine: timedelta = timedelta(minutes=15)
    resend_horizon: timedelta = timedelta(days=29)  # the gateway remembers a key for 30 days
    unkeyed_wait: timedelta = timedelta(hours=24)
    resolve_tries: tuple[timedelta, ...] = (
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(seconds=90),
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(days=1),
    )
    sweep: timedelta = timedelta(seconds=15)

    def lease(self, timeout: timedelta) -> timedelta:
        """How long a claim stands before the janitor may doubt it."""
        return timeout + self.send_window + self.lease_margin
