"""Cards on file are proven, and card numbers are seen where they do not belong."""

import pytest

from portal.domain.payment_method import brand_name, holds_card_number, is_nonce, is_proven

CARD = "4111111111111111"


@pytest.mark.parametrize(
    "text",
    [CARD, "pay with 4111 1111 1111 1111 please", "4111-1111-1111-1111", "378282246310005", "1230000000000000"],
)
def test_a_card_number_is_seen_in_a_text(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{CARD} 12/27",
        "4111 1111 1111 1111 12/27 123",
        "4111-1111-1111-1111 123",
        "12/27 3782 822463 10005 0127",
        f"123 {CARD}",
        "2223 0031 2200 3222 999",
        "4111  1111   1111  1111",
        "4111\r\n1111\n1111\n1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u200b1111\u00ad1111\u20601111",
        "4111\u20131111\u20131111\u20131111",
        "4111 - 1111 - 1111 - 1111",
        "4111/1111/1111/1111",
        "4111_1111_1111_1111",
        " ".join(CARD),
        CARD.translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)}),
        CARD.translate({ord(str(digit)): chr(0x0660 + digit) for digit in range(10)}),
        CARD.translate(
            {ord(str(digit)): chr(0x2070 + digit) if digit not in (1, 2, 3) else "\u00b9" for digit in range(10)}
        ),
    ],
)
def test_c47_attack_074_a_card_number_is_seen_however_it_is_written(text: str) -> None:
    assert holds_card_number(f"Please take it from {text}, thank you")


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112", "0000000000000000", "312 555 0100", "account 12345678", "4" * 25, "", "1234 5678 Elm",
        "Call 415-555-0187, or 415-555-0188 after 5", "Sessions of 10/05/2026, 10/12/2026, 10/19/2026 and 11/02/2026",
        "150.00 + 130.00 + 115.00 + 85.00", "4111 or 1111 or 1111 or 1111",
    ],
)  # fmt: skip
def test_other_numbers_are_let_through(text: str) -> None:
    assert not holds_card_number(text)


def test_both_the_digits_and_the_zip_must_fit() -> None:
    assert is_proven("1111", "94107", "1111", "94107")
    assert is_proven("1111", "94107-1234", "1111", "941071234")
    assert not is_proven("1111", "94107", "1111", "94108")
    assert not is_proven("1111", "94107", "1112", "94107")
    assert not is_proven("1111", None, "1111", "")
    assert not is_proven("1111", "94107", "١١١١", "94107")


def test_a_nonce_is_letters_and_digits() -> None:
    assert is_nonce("tokencc_bc_abc123_x")
    assert not any(is_nonce(value) for value in ("", "short", "a b" * 10, "x" * 300, "<script>alert(1)"))


def test_a_brand_is_named_as_people_know_it() -> None:
    assert brand_name("american-express") == "American Express"
    assert brand_name("<b>") == "Card"
