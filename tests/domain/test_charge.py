"""One charge: the table of moves, what outcomes mean, and what an echo must agree with."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from portal.domain.charge import (
    DEFINITE_FAILURES,
    LEGAL_MOVES,
    OPEN_STATES,
    TERMINAL_STATES,
    Actor,
    ChargeState,
    Outcome,
    OutcomeKind,
    Timing,
    checked_against,
    is_legal,
    order_id_of,
    require_legal,
    state_of,
)
from portal.domain.refusal import Refused
from portal.storage.rows import new_id

S, A = ChargeState, Actor

# Written down a second time, by hand, from the protocol's table: a move added by mistake differs from it.
BY_HAND = {
    ("-", "sending", "claim"),
    ("-", "succeeded", "gateway"),
    *(("sending", to, who) for to in ("succeeded", "declined", "review", "unknown") for who in ("sender", "janitor")),
    ("sending", "not_sent", "sender"),
    *(("unknown", to, who) for to in ("succeeded", "declined", "review") for who in ("sender", "janitor")),
    ("unknown", "sending", "janitor"),
    *(("unknown", "never_received", who) for who in ("janitor", "staff")),
    *(("review", to, who) for to in ("succeeded", "declined") for who in ("staff", "janitor", "sender")),
    ("review", "never_received", "staff"),
}
EVERY_MOVE = list(product([None, *ChargeState], ChargeState, Actor))


@pytest.mark.parametrize(("before", "after", "actor"), EVERY_MOVE)
def test_every_move_is_legal_exactly_when_it_is_listed(
    before: ChargeState | None, after: ChargeState, actor: Actor
) -> None:
    listed = (before.value if before else "-", after.value, actor.value) in BY_HAND
    assert is_legal(before, after, actor) is listed
    if listed:
        require_legal(before, after, actor)
    else:
        with pytest.raises(Refused, match="charge_move_illegal"):
            require_legal(before, after, actor)


def test_the_states_are_all_either_open_or_over() -> None:
    assert set(ChargeState) == OPEN_STATES | TERMINAL_STATES
    assert not OPEN_STATES & TERMINAL_STATES
    assert DEFINITE_FAILURES | {S.succeeded} == TERMINAL_STATES


def test_nothing_moves_out_of_an_ending() -> None:
    assert not [move for move in LEGAL_MOVES if move[0] in TERMINAL_STATES]


def test_every_open_state_has_a_way_to_an_ending() -> None:
    """M4: nothing is open for ever by the table itself."""
    for state in OPEN_STATES:
        assert {after for before, after in LEGAL_MOVES if before is state} & TERMINAL_STATES


def test_nobody_but_a_claim_sends_a_new_charge_and_only_the_janitor_sends_again() -> None:
    made = {after: who for (before, after), who in LEGAL_MOVES.items() if before is None}
    assert made == {S.sending: {A.claim}, S.succeeded: {A.gateway}}  # the gateway's own retry, taken in as it is
    assert [who for (_, after), who in LEGAL_MOVES.items() if after is S.sending] == [{A.claim}, {A.janitor}]


def test_a_sender_alone_may_say_that_nothing_was_sent() -> None:
    assert [(move, who) for move, who in LEGAL_MOVES.items() if move[1] is S.not_sent] == [
        ((S.sending, S.not_sent), {A.sender})
    ]


@pytest.mark.parametrize("kind", OutcomeKind)
def test_every_outcome_has_a_state_and_a_sender_may_make_that_move(kind: OutcomeKind) -> None:
    after = state_of(Outcome(kind))
    assert is_legal(S.sending, after, A.sender)


OURS = (2_500, "USD", "order-1")
SUCCESS = Outcome(OutcomeKind.succeeded, gateway_id="g", amount_cents=2_500, currency="USD", order_id="order-1")


def test_an_echo_that_agrees_stays_as_it_is() -> None:
    assert checked_against(SUCCESS, *OURS) is SUCCESS


@pytest.mark.parametrize(
    "change",
    [{"amount_cents": 2_501}, {"amount_cents": 2_499}, {"amount_cents": None}, {"amount_cents": -1},
     {"currency": "EUR"}, {"currency": None}, {"currency": "usd"},
     {"order_id": "order-2"}, {"order_id": None}, {"order_id": "ORDER-1"}],
)  # fmt: skip
def test_a_success_that_echoes_something_else_is_for_a_person_to_look_at(change: dict[str, object]) -> None:
    """M10."""
    checked = checked_against(replace(SUCCESS, **change), *OURS)  # type: ignore[arg-type]  # names fields
    assert checked.kind is OutcomeKind.review
    assert checked.reason == "echo_differs"
    assert checked.gateway_id == "g"
    assert state_of(checked) is S.review


@pytest.mark.parametrize("kind", [kind for kind in OutcomeKind if kind is not OutcomeKind.succeeded])
def test_only_a_success_is_held_to_its_echo(kind: OutcomeKind) -> None:
    outcome = Outcome(kind, amount_cents=1, currency="EUR", order_id="x")
    assert checked_against(outcome, *OURS) is outcome


def test_an_order_id_is_the_same_each_time_fits_the_gateway_and_names_one_attempt() -> None:
    organisation_id, obligation_id = new_id(), new_id()
    names = [order_id_of(organisation_id, obligation_id, n) for n in range(1, 1_000)]
    assert names == [order_id_of(organisation_id, obligation_id, n) for n in range(1, 1_000)]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 255


def test_a_lease_outlives_the_window_and_the_timeout() -> None:
    timing = Timing()
    for timeout in (timing.page_timeout, timing.worker_timeout):
        assert timing.lease(timeout) > timeout + timing.send_window
    assert timing.quarantine > timing.worker_timeout + timing.send_window
    assert timing.resend_horizon < timedelta(days=30)
    assert list(timing.resolve_tries) == sorted(timing.resolve_tries)
