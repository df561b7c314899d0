"""The recipes of the ledger: each is one pair of books, and says how it moves what is owed."""

import pytest

from portal.domain.ledger import PAIRS, Book, Recipe, receivable_change_cents


@pytest.mark.parametrize("recipe", Recipe)
def test_m5_every_recipe_is_a_pair_of_two_different_books(recipe: Recipe) -> None:
    pair = PAIRS[recipe]
    assert pair.debit in Book
    assert pair.credit in Book
    assert pair.debit is not pair.credit


CHANGES = {
    Recipe.balance_placed: 700,
    Recipe.balance_lowered: -700,
    Recipe.payment_taken: -700,
    Recipe.settlement_forgiven: -700,
    Recipe.payment_returned: 700,
    Recipe.payment_corrected: 0,
    Recipe.settlement_restored: 700,
    Recipe.return_failed: -700,
    Recipe.return_kept: 0,
    Recipe.return_made_good: 0,
    Recipe.payment_lost: 700,
    Recipe.chargeback_opened: 0,
    Recipe.chargeback_won: 0,
    Recipe.chargeback_lost: 700,
    Recipe.chargeback_restored: -700,
}


@pytest.mark.parametrize("recipe", Recipe)
def test_a_recipe_moves_what_is_owed_by_its_amount(recipe: Recipe) -> None:
    assert receivable_change_cents(recipe, 700) == CHANGES[recipe]


def test_the_list_above_has_every_recipe() -> None:
    assert set(PAIRS) == set(Recipe) == set(CHANGES)


def test_every_book_is_used() -> None:
    assert {book for pair in PAIRS.values() for book in (pair.debit, pair.credit)} == set(Book)


def test_only_a_payment_a_won_dispute_and_a_refund_that_failed_put_money_at_the_gateway() -> None:
    assert {recipe for recipe, pair in PAIRS.items() if pair.debit is Book.gateway} == {
        Recipe.payment_taken,
        Recipe.chargeback_won,
        Recipe.return_failed,
        Recipe.return_kept,
    }


def test_a_recipe_and_its_reverse_leave_nothing() -> None:
    placed, lowered = PAIRS[Recipe.balance_placed], PAIRS[Recipe.balance_lowered]
    assert (placed.debit, placed.credit) == (lowered.credit, lowered.debit)
    returned, failed = PAIRS[Recipe.payment_returned], PAIRS[Recipe.return_failed]
    assert (returned.debit, returned.credit) == (failed.credit, failed.debit)
    kept, made_good = PAIRS[Recipe.return_kept], PAIRS[Recipe.return_made_good]
    assert (kept.debit, kept.credit) == (made_good.credit, made_good.debit)
    opened, won = PAIRS[Recipe.chargeback_opened], PAIRS[Recipe.chargeback_won]
    assert (opened.debit, opened.credit) == (won.credit, won.debit)
    lost, restored = PAIRS[Recipe.chargeback_lost], PAIRS[Recipe.chargeback_restored]
    assert (lost.debit, lost.credit) == (restored.credit, restored.debit)
