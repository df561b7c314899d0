"""A subscription that waits: reminded, closed in time, opened again, and never beyond the end of its program."""

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from portal.domain.refusal import Refused
from portal.usecases.subscription_deadline import expire, remind, reopen
from portal.usecases.subscription_order import pay_now
from tests.rig.house import House
from tests.rig.series import told
from tests.rig.subscriptions import activated, assigned, pressed, row_of
from tests.usecases.test_subscription import alarms


def test_n4_one_that_waits_is_reminded_closed_in_time_and_opened_again_by_staff(house: House) -> None:
    one = assigned(house)
    late = pressed(house, one)
    for _ in range(15):
        remind(house.ports)
        remind(house.ports)
        expire(house.ports)
        house.clock.pass_(days=1)
    assert row_of(house, one).state == "expired"
    events = Counter(told(house))
    assert (events["subscription_reminder"], events["subscription_expired"]) == (3, 1)
    assert "subscription_not_activated" in alarms(house)
    with pytest.raises(Refused, match="subscription_not_open"):
        pay_now(house.ports, house.organisation_id, house.customer_id, one, late)
    reopen(house.ports, house.organisation_id, one, None, "test")
    assert Counter(told(house))["subscription_assigned"] == 2
    first, *_ = activated(house, one)
    assert (first.status, first.amount_cents < 7_000) == ("paid", True), "the part of the month that is left"
    with pytest.raises(Refused, match="subscription_state"):
        reopen(house.ports, house.organisation_id, one, None, "test")


def test_n4_nobody_is_reminded_of_a_program_that_is_over(house: House) -> None:
    one = assigned(house, end_on=date(2026, 11, 12), activation_days=30)
    assert row_of(house, one).activate_by == datetime(2026, 11, 13, 6, tzinfo=UTC), "midnight in Chicago"
    house.clock.pass_(days=9)
    assert remind(house.ports) == 1
    house.clock.pass_(days=14)  # seven days before thirty are over
    assert remind(house.ports) == 0
    expire(house.ports)
    assert row_of(house, one).state == "expired"
