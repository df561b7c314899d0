"""Retries by the class of the decline: never after a hard one, at most four tries in 21 days, on days that suit."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.domain.retry import (
    REJECTIONS,
    TRIES_MAX,
    WINDOW_DAYS,
    DeclineClass,
    Failure,
    class_of,
    nothing_sent_wait,
    retry_at,
)

ZONE, HOUR = "America/Chicago", 9
NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)  # a Monday


def soft(code: str, tries: int = 1, first_at: datetime = NOW) -> Failure:
    return Failure(code, "soft_declined", None, tries, first_at)


@pytest.mark.parametrize("code", ["2004", "2012", "2015", "2053", "2043"])
def test_m15_a_hard_decline_is_never_tried_again(code: str) -> None:
    assert retry_at(Failure(code, "hard_declined", None, 1, NOW), NOW, ZONE, HOUR) is None


@pytest.mark.parametrize("reason", sorted(REJECTIONS))
def test_a_rejection_by_the_gateway_is_not_tried_again_by_itself(reason: str) -> None:
    assert retry_at(Failure("1000", "approved", reason, 1, NOW), NOW, ZONE, HOUR) is None


def test_an_answer_that_no_table_knows_is_not_tried_again() -> None:
    assert class_of(Failure(None, None, None, 1, NOW)) is DeclineClass.never
    assert class_of(Failure("1000", "approved", "some_new_reason", 1, NOW)) is DeclineClass.never


def test_without_funds_the_next_try_is_when_people_are_paid() -> None:
    at = retry_at(soft("2001"), NOW, ZONE, HOUR)
    assert at is not None
    assert at.astimezone(ZoneInfo(ZONE)).strftime("%a %d %H") == "Fri 06 09"
    again = retry_at(soft("2001", 2), at, ZONE, HOUR)
    assert again is not None
    assert again.astimezone(ZoneInfo(ZONE)).strftime("%a %d") == "Fri 13"


def test_an_unreachable_network_is_tried_within_hours() -> None:
    assert retry_at(soft("3000"), NOW, ZONE, HOUR) == NOW + timedelta(hours=2)


@settings(deadline=None)
@given(st.sampled_from(["2000", "2001", "2046", "3000", "2599"]), st.integers(0, 5 * 365 * 24 * 60))
def test_m15_there_are_four_tries_at_most_within_21_days(code: str, minutes: int) -> None:
    first_at = NOW + timedelta(minutes=minutes)
    moments = [first_at]
    while (at := retry_at(soft(code, len(moments), first_at), moments[-1], ZONE, HOUR)) is not None:
        assert at > moments[-1]
        moments.append(at)
    assert len(moments) <= TRIES_MAX
    assert moments[-1] - first_at <= timedelta(days=WINDOW_DAYS)


def test_what_was_never_sent_waits_longer_each_time_up_to_six_hours() -> None:
    waits = [nothing_sent_wait(times) for times in range(1, 8)]
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=6)
