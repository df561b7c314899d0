"""The payment link, walked as a person without script walks it, on both databases and against the real SDK."""

from tests.web.conftest import Portal


def test_a_person_pays_the_whole_balance_with_a_new_card(portal: Portal) -> None:
    reader = portal.reader().open(portal.link())
    assert reader.heading == "Your secure page"
    assert "500.00" not in reader.html
    reader.press("Continue")
    assert reader.step == "contact"
    reader.press("Yes, continue")
    assert reader.step == "amount"
    portal.card(reader)
    assert reader.step == "check", reader.errors()
    assert reader.rows()["You pay now"] == "$500.00"
    assert "1111" in reader.rows()["Pay with"]
    reader.press("Confirm and continue")
    assert reader.step == "agreement"
    reader.choose("I have read this").press("Pay $500.00")
    assert reader.step == "result"
    assert reader.heading == "Payment received"
    assert portal.balance() == 0
    assert [row["amount_cents"] for row in portal.house.truth()] == [50_000]
