"""Where disputed money is in each status, and the entries that lead there from anywhere."""

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.dispute import AGAINST_US, UNDECIDED, DisputeFacts, DisputeStatus, Place, moves, place_of
from portal.domain.ledger import Recipe

CENTS = st.integers(min_value=0, max_value=10_000)


def facts(status: str, amount_cents: int = 1_000, won_cents: int = 0, kind: str = "chargeback") -> DisputeFacts:
    return DisputeFacts(
        gateway_id="d", sale_gateway_id="s", sale_order_id="o",
        status=status, kind=kind, amount_cents=amount_cents, won_cents=won_cents,
        currency="USD", reason="fraud", reason_code="83", case_number="c", opened_on=date(2026, 11, 2),
        reply_by_on=None,
    )  # fmt: skip


def posted(place: Place, wanted: Place) -> Place:
    """Where the entries lead, one after the other; none may take from an empty book."""
    held_cents, lost_cents = place.held_cents, place.lost_cents
    for move in moves(place, wanted):
        assert move.amount_cents > 0
        held_cents += {
            Recipe.chargeback_opened: move.amount_cents,
            Recipe.chargeback_won: -move.amount_cents,
            Recipe.chargeback_lost: -move.amount_cents,
            Recipe.chargeback_restored: move.amount_cents,
        }[move.recipe]
        lost_cents += {Recipe.chargeback_lost: move.amount_cents, Recipe.chargeback_restored: -move.amount_cents}.get(
            move.recipe, 0
        )
        assert held_cents >= 0
        assert lost_cents >= 0
    return Place(held_cents, lost_cents)


@pytest.mark.parametrize("status", DisputeStatus)
def test_every_status_has_a_place(status: DisputeStatus) -> None:
    place = place_of(facts(status))
    assert (
        place
        == {
            **dict.fromkeys(UNDECIDED, Place(held_cents=1_000)),
            **dict.fromkeys(AGAINST_US, Place(lost_cents=1_000)),
            DisputeStatus.won: Place(),
        }[status]
    )


def test_what_is_won_only_in_part_leaves_the_rest_lost() -> None:
    assert place_of(facts("won", won_cents=600)) == Place(lost_cents=400)
    assert place_of(facts("won", won_cents=0)) == Place()  # the gateway names no part: all of it came back


@pytest.mark.parametrize("status", DisputeStatus)
def test_a_question_for_papers_moves_no_money(status: DisputeStatus) -> None:
    assert place_of(facts(status, kind="retrieval")) == Place()


@pytest.mark.parametrize(("first", "then"), list(product(DisputeStatus, repeat=2)))
def test_any_status_after_any_other_ends_in_its_place_and_twice_is_once(first: str, then: str) -> None:
    start = posted(Place(), place_of(facts(first)))
    end = posted(start, place_of(facts(then)))
    assert end == place_of(facts(then))
    assert moves(end, place_of(facts(then))) == []


@given(CENTS, CENTS, CENTS, CENTS)
def test_from_any_place_to_any_other(held: int, lost: int, wanted_held: int, wanted_lost: int) -> None:
    wanted = Place(wanted_held, wanted_lost)
    assert posted(Place(held, lost), wanted) == wanted
