"""What each entry of the ledger is called on a statement."""

import pytest

from portal.domain.ledger import Recipe, receivable_change_cents
from portal.domain.service import EntryKind
from portal.domain.statement import StatementLine, line_of


@pytest.mark.parametrize("recipe", Recipe)
def test_every_recipe_has_a_name_on_a_statement(recipe: Recipe) -> None:
    assert line_of(recipe, None) in StatementLine


def test_what_moved_a_service_is_called_after_it() -> None:
    assert line_of(Recipe.balance_placed, EntryKind.fee) is StatementLine.service
    assert line_of(Recipe.balance_lowered, EntryKind.insurance) is StatementLine.insurance
    assert line_of(Recipe.payment_taken, EntryKind.payment) is StatementLine.payment
    assert receivable_change_cents(Recipe.payment_corrected, 5) == 0, "and is left out: it moved nothing that is owed"
