"""Reading what was typed about a schedule: whatever it is, it is a wish the organisation allows or errors by field."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.due_date import Frequency, WeekendRule
from portal.domain.schedule import AmountsKind, Limits, Wish, wish_of
from portal.domain.schedule_wish import OFTEN, PAYDAYS, Typed, dates_of, read, typed_of, with_each_chosen

TODAY = date(2026, 11, 23)
LIMITS = Limits(True, 730, 60, 500, 1_000_000, 50_000)
FIELDS = ("often", "start_on", "first_day", "second_day", "payday", "weekday", "payday_on", "once", "once_amount",
          "amounts", "number", "each")  # fmt: skip

days = st.integers(0, 200).map(lambda number: (TODAY + timedelta(days=number)).isoformat())
sensible = st.fixed_dictionaries(
    {
        "often": st.sampled_from(OFTEN),
        "start_on": days,
        "first_day": st.integers(1, 14).map(str),
        "second_day": st.integers(25, 31).map(str),
        "payday": st.sampled_from(sorted(PAYDAYS)),
        "weekday": st.integers(0, 6).map(str),
        "payday_on": days,
        "once": st.sampled_from(("whole", "other")),
        "once_amount": st.integers(5, 500).map(str),
        "amounts": st.sampled_from([kind.value for kind in AmountsKind]),
        "number": st.integers(1, 20).map(str),
        "each": st.integers(5, 25).map(lambda dollars: f"${dollars}.50"),
    }
)


def read_now(typed: Typed) -> Wish | None:
    return read(typed, LIMITS, WeekendRule.after, TODAY)[0]


@given(sensible)
def test_what_was_read_and_kept_is_shown_again_as_it_was_typed(values: dict[str, str]) -> None:
    wish = read_now(Typed(**values))
    if wish is None:
        return
    assert wish_of(wish.plain()) == wish
    assert read_now(typed_of(wish)) == wish


@given(sensible)
def test_a_wish_never_comes_with_errors_nor_beyond_what_is_owed(values: dict[str, str]) -> None:
    wish, listed, errors = read(Typed(**values), LIMITS, WeekendRule.after, TODAY)
    assert (wish is None) == bool(errors)
    assert bool(listed) == (wish is not None)
    assert sum(each.amount_cents for each in listed) <= LIMITS.payable_cents
    assert all(TODAY <= each.due_on <= LIMITS.latest_on(TODAY) for each in listed)


@given(sensible)
def test_amounts_chosen_one_by_one_begin_as_they_were(values: dict[str, str]) -> None:
    typed = Typed(**values)
    wish, listed, _ = read(typed, LIMITS, WeekendRule.after, TODAY)
    if wish is None:
        return
    _, again, errors = read(with_each_chosen(typed_of(wish), listed), LIMITS, WeekendRule.after, TODAY)
    assert errors == {}
    assert again == listed


@given(
    st.fixed_dictionaries({name: st.text(max_size=30) for name in FIELDS}), st.lists(st.text(max_size=20), max_size=9)
)
def test_attack_076_any_text_is_read_or_refused_and_nothing_breaks(values: dict[str, str], chosen: list[str]) -> None:
    typed = Typed(**values, chosen=tuple(chosen))  # type: ignore[arg-type]  # each value is a text
    wish, _, errors = read(typed, LIMITS, WeekendRule.after, TODAY)
    assert (wish is None) == bool(errors)
    dates_of(typed, LIMITS.number_max, WeekendRule.after, TODAY)


@given(sensible, st.sampled_from(FIELDS), st.text(max_size=30))
def test_attack_076_one_field_of_nonsense_is_named_or_not_asked_for(
    values: dict[str, str], field: str, text: str
) -> None:
    wish, _, errors = read(Typed(**values | {field: text}), LIMITS, WeekendRule.after, TODAY)
    assert (wish is None) == bool(errors)


@pytest.mark.parametrize("written", ["2026-12-07", "12/7/2026", "12/07/2026", " 12/07/2026 "])
def test_dates_are_read_as_browsers_and_as_people_write_them(written: str) -> None:
    wish = read_now(Typed(often="once", start_on=written))
    assert wish is not None
    assert (wish.rhythm.frequency, wish.rhythm.start_on) == (Frequency.once, date(2026, 12, 7))


@pytest.mark.parametrize("written", ["7.12.2026", "2026-13-01", "2027-02-29", "12/7/26", "tomorrow", "٢٠٢٦-١٢-٠٧"])
def test_dates_that_could_mean_anything_are_refused(written: str) -> None:
    _, _, errors = read(Typed(often="once", start_on=written), LIMITS, WeekendRule.after, TODAY)
    assert {field: refused.code for field, refused in errors.items()} == {"start-on": "date_unreadable"}


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"amounts": "evenly", "number": "60", "often": "monthly"}, "number", "schedule_too_late"),
        ({"amounts": "fixed", "each": "1"}, "each", "schedule_too_many"),
        ({"amounts": "fixed", "each": "300", "number": "3"}, "number", "schedule_above_balance"),
        ({"amounts": "fixed", "each": "4", "number": "2"}, "each", "amount_below_minimum"),
        ({"amounts": "evenly", "number": "61"}, "number", "schedule_too_many"),
        ({"amounts": "chosen", "number": "2", "chosen": ("400", "4")}, "amount-2", "amount_below_minimum"),
    ],
)
def test_a_rule_of_the_organisation_is_said_at_the_field_it_is_about(
    values: dict[str, object], field: str, code: str
) -> None:
    typed = Typed(**{"often": "weekly", "start_on": "2026-11-24"} | values)  # type: ignore[arg-type]  # as named
    _, _, errors = read(typed, LIMITS, WeekendRule.after, TODAY)
    assert {name: refused.code for name, refused in errors.items()} == {field: code}
