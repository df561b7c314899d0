"""Money: what people type is whole cents, or is refused before anything looks at it."""

import ast
from pathlib import Path

import pytest

from portal.domain.money import CENTS_MAX, assert_cents, parse_amount, percent_of, split_evenly
from portal.domain.refusal import Refused

PORTAL = Path(__file__).resolve().parents[2] / "portal"

ATTACK_59 = [
    "-1", "0", "0.00", "0.001", "-0", "1e3", "1E+2", "NaN", "sNaN", "nan", "Infinity", "-Infinity", "inf", "1_000",
    "0x10", "+5", "5.", ".5", "12.50\n", "\n12.50", "\t12.50", "12.50\r\n", "１２.５０", "١٢", "१२", "𝟙𝟚", "1.234,56",
    "12,50", "1" * 400, "9" * 41, "1e-400", "", " ", "   ", "12.50 13.50", "12.50,13.50", "['12.50']", "12.5", "12.505",
    "00012345678", "12345678", "12 .50", "1 2", "1,23", "1,2345", ",123", "1,,234", "12,34,567", "$$5", "5$", "$-5",
    "€5", "5 USD", "five", "5e0", "0b11", "0o7", "True", "null", "12.50\x00", "\u00a012.50", "12\u200b.50",
    "\u202e05.21", "5\u066b50", "½", "²", "(5)", "5-", "--5", "1/2", "1+1", "=5", "5%", "\\5", "'5'", "5;", "5 or 1=1",
    "NaN.00", "1.00.00", "1,234,567,890", "100,000,000.00", "10,000,000", "10000000.00",
]  # fmt: skip


@pytest.mark.parametrize("typed", ATTACK_59, ids=[repr(each)[:24] for each in ATTACK_59])
def test_attack_059_what_is_not_plainly_an_amount_is_refused(typed: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_amount(typed)
    assert refusal.value.code in {"amount_unreadable", "amount_zero", "amount_missing"}


def test_attack_059_two_readings_of_the_list_are_unambiguous_and_read_as_a_person_would() -> None:
    """Spaces around an amount and complete US thousands groups can mean one thing only, so they are read."""
    assert parse_amount(" 12.50 ") == 1_250
    assert parse_amount("1,234.56") == 123_456


@pytest.mark.parametrize(
    ("typed", "cents"),
    [("1", 100), ("0.01", 1), ("12.50", 1_250), ("$12.50", 1_250), ("$ 12", 1_200), ("1,250.50", 125_050),
     ("9999999.99", CENTS_MAX), ("9,999,999.99", CENTS_MAX), ("007", 700), ("1,000", 100_000)],
)  # fmt: skip
def test_an_amount_is_read_to_the_cent(typed: str, cents: int) -> None:
    assert parse_amount(typed) == cents


@pytest.mark.parametrize("value", [2**63 - 1, 2**63, 9223372036854775807, CENTS_MAX + 1, -1, 1.0, True, "5", None])
def test_attack_064_no_amount_outside_the_range_gets_past_the_domain(value: object) -> None:
    with pytest.raises(AssertionError):
        assert_cents(value)


@pytest.mark.parametrize("typed", ["9223372036854775807", "92233720368547758.07", "18446744073709551616"])
def test_attack_064_an_amount_beyond_64_bits_is_refused_before_the_database(typed: str) -> None:
    with pytest.raises(Refused, match="amount_unreadable"):
        parse_amount(typed)


@pytest.mark.parametrize("unit", ["1", "1,", "1.", ",", "0", " ", "$", "1,111,"])
def test_attack_089_long_near_matches_are_refused_by_their_length_before_any_pattern(unit: str) -> None:
    """The cap is the bound, so no clock is asked: a padded amount that reads well is refused for its length alone."""
    with pytest.raises(Refused):
        parse_amount(unit * 1_000_000)
    with pytest.raises(Refused):
        parse_amount((unit * 40)[:39] + "x")
    assert parse_amount(" " * 39 + "5") == 500
    with pytest.raises(Refused, match="amount_unreadable"):
        parse_amount(" " * 40 + "5")


def test_a_zero_is_told_apart_from_what_cannot_be_read() -> None:
    for typed, code in (
        ("0", "amount_zero"),
        ("0.00", "amount_zero"),
        ("", "amount_missing"),
        ("x", "amount_unreadable"),
    ):
        with pytest.raises(Refused, match=code):
            parse_amount(typed)


@pytest.mark.parametrize(("total_cents", "parts"), [(0, 1), (1, 2), (5, 0), (5, -1), (-5, 1)])
def test_what_cannot_be_split_into_amounts_above_zero_is_refused(total_cents: int, parts: int) -> None:
    with pytest.raises(Refused, match="split_too_small"):
        split_evenly(total_cents, parts)


@pytest.mark.parametrize("basis_points", [-1, 10_001])
def test_a_percentage_outside_nothing_and_all_is_refused(basis_points: int) -> None:
    with pytest.raises(Refused, match="percent_out_of_range"):
        percent_of(100, basis_points)


def test_half_a_cent_is_rounded_up() -> None:
    assert [percent_of(total, 5_000) for total in (1, 2, 3)] == [1, 1, 2]


FLOATS_THAT_ARE_NOT_MONEY = {"delivery/brand.py", "delivery/smtp.py", "delivery/sms.py", "usecases/janitor.py",
                             "usecases/failpoint.py", "jobs/queue.py"}  # fmt: skip


def test_m16_no_float_comes_near_money() -> None:
    """M16: the floors that handle amounts hold no float literal, no `float(...)` and no true division of cents."""
    found = []
    for room in ("domain", "storage", "usecases", "gateway"):
        for path in sorted((PORTAL / room).glob("*.py")):
            name = path.relative_to(PORTAL).as_posix()
            if name in FLOATS_THAT_ARE_NOT_MONEY:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                is_float = isinstance(node, ast.Constant) and type(node.value) is float
                calls_float = isinstance(node, ast.Name) and node.id == "float"
                divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
                if is_float or calls_float or divides:
                    found.append(f"{name}:{node.lineno}")
    assert found == []
