"""Money, tried on generated amounts: nothing is lost, nothing appears, and what is shown reads back."""

import re

from hypothesis import given
from hypothesis import strategies as st

from portal.domain.money import CENTS_MAX, parse_amount, percent_of, split_evenly
from portal.domain.refusal import Refused

CENTS = st.integers(min_value=1, max_value=CENTS_MAX)


@given(CENTS)
def test_m16_an_amount_shown_in_any_of_its_ways_reads_back_to_the_same_cents(cents: int) -> None:
    plain = f"{cents // 100}.{cents % 100:02d}"
    grouped = f"{cents // 100:,}.{cents % 100:02d}"
    for shown in (plain, grouped, f"${plain}", f"$ {grouped}", f"  {plain} "):
        assert parse_amount(shown) == cents
    if cents % 100 == 0:
        assert parse_amount(str(cents // 100)) == cents


@given(st.text(max_size=60))
def test_whatever_is_typed_is_cents_in_range_or_a_refusal_and_never_another_error(typed: str) -> None:
    try:
        cents = parse_amount(typed)
    except Refused:
        return
    assert 0 < cents <= CENTS_MAX
    assert re.fullmatch(r" *\$? *[0-9,]+(\.[0-9]{2})? *", typed, re.ASCII)


@given(st.from_regex(r"[0-9$., eE+\-_xNa]{1,45}", fullmatch=True))
def test_what_nearly_is_an_amount_is_never_read_as_another_one(typed: str) -> None:
    try:
        cents = parse_amount(typed)
    except Refused:
        return
    digits = typed.replace(",", "").replace("$", "").replace(" ", "")
    whole, _, fraction = digits.partition(".")
    assert cents == int(whole) * 100 + int(fraction or "0")
    assert len(fraction) in {0, 2}


@given(CENTS, st.integers(min_value=1, max_value=600))
def test_m9_parts_sum_to_the_total_each_is_above_zero_and_only_the_last_differs(total_cents: int, parts: int) -> None:
    """M9."""
    if total_cents < parts:
        return
    amounts = split_evenly(total_cents, parts)
    assert len(amounts) == parts
    assert sum(amounts) == total_cents
    assert min(amounts) > 0
    assert len(set(amounts[:-1])) <= 1
    assert amounts[0] <= amounts[-1] < amounts[0] + parts


@given(CENTS, st.integers(min_value=0, max_value=10_000))
def test_a_percentage_is_within_half_a_cent_of_the_exact_one_and_never_above_the_whole(
    total_cents: int, basis_points: int
) -> None:
    part = percent_of(total_cents, basis_points)
    assert 0 <= part <= total_cents
    assert abs(part * 10_000 - total_cents * basis_points) <= 5_000
    assert percent_of(total_cents, 10_000) == total_cents
    assert percent_of(total_cents, 0) == 0


@given(CENTS, st.integers(min_value=0, max_value=9_999))
def test_a_larger_percentage_is_never_less(total_cents: int, basis_points: int) -> None:
    assert percent_of(total_cents, basis_points) <= percent_of(total_cents, basis_points + 1)
