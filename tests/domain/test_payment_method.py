"""Cards on file are proven, and card numbers are seen where they do not belong."""

import pytest

from portal.domain.payment_method import brand_name, holds_card_number, is_nonce, is_proven


@pytest.mark.parametrize(
    "text", ["4111111111111111", "pay with 4111 1111 1111 1111 please", "4111-1111-1111-1111", "378282246310005"]
)
def test_a_card_number_is_seen_in_a_text(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text", ["4111111111111112", "0000000000000000", "312 555 0100", "account 12345678", "4" * 25, "", "1234 5678 Elm"]
)
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
