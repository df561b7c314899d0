"""What an organisation is called where somebody else may look (C20)."""

import pytest

from portal.domain.discreet_name import name_outside, tells_of_debts

PHONE = "(312) 555-0100"


@pytest.mark.parametrize(
    "name",
    [
        "Harbor Lane Receivables", "Harbour Recovery", "Pine Collections LLC", "National Debt Services",
        "Northern Credit Bureau", "Cobranzas del Sur", "Recuperadora del Valle", "ACME COLLECTORS",
    ],
)  # fmt: skip
def test_c20_a_name_that_tells_of_debts_stands_on_no_envelope(name: str) -> None:
    assert tells_of_debts(name)
    assert name_outside("", name, PHONE, discreet=True) == PHONE
    assert name_outside("Pine Office", name, PHONE, discreet=True) == "Pine Office"
    assert name_outside("Pine Office", name, PHONE, discreet=False) == name


@pytest.mark.parametrize("name", ["Harbor Lane Office", "Brewer & Sons LLP", "Accreditation House", "Willow Therapy"])
def test_c20_a_name_that_does_not_tell_may_be_used(name: str) -> None:
    """A collector may use its business name where that does not indicate what it does."""
    assert not tells_of_debts(name)
    assert name_outside("", name, PHONE, discreet=True) == name
