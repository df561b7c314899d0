"""The step table: every combination of settings and progress has exactly one furthest page, and no way round it."""

from itertools import product

import pytest

from portal.domain.organisation import SettingValue
from portal.domain.payment_link import STEPS, Progress, Step, before, furthest, may_open, new_token, place_of, steps_of

DONE = [row.done for row in STEPS]
WAYS = list(product([False, True], repeat=len(DONE) + 5))


def situation(way: tuple[bool, ...]) -> tuple[dict[str, SettingValue], Progress]:
    flags = dict(zip(DONE, way, strict=False))
    contact, virtual, schedule, offers, scheduling = way[-5:]
    return switches(contact, virtual, schedule), Progress(**flags, offers_exist=offers, scheduling=scheduling)


def switches(contact: bool, virtual: bool, schedule: bool = False) -> dict[str, SettingValue]:
    return {"contact_verification": contact, "virtual_collection": virtual, "schedule_payment": schedule}


@pytest.mark.parametrize("step", list(Step))
def test_a_page_may_be_opened_only_when_everything_before_it_is_done(step: Step) -> None:
    for way in WAYS:
        settings, progress = situation(way)
        if not may_open(step, settings, progress):
            continue
        if step is Step.result:
            assert progress.agreed
            continue
        assert not progress.agreed
        order = steps_of(settings, progress)
        earlier = order[: [row.step for row in order].index(step)]
        assert all(getattr(progress, row.done) for row in earlier)


def test_the_furthest_page_may_always_be_opened() -> None:
    for way in WAYS:
        settings, progress = situation(way)
        assert may_open(furthest(settings, progress), settings, progress)


def test_a_switched_off_step_is_nowhere() -> None:
    settings = switches(False, False)
    progress = Progress(offers_exist=True)
    assert [row.step for row in steps_of(settings, progress)] == [Step.amount, Step.check, Step.agreement]
    assert not may_open(Step.contact, settings, progress)
    assert place_of(Step.amount, settings, progress) == (1, 3)
    assert before(Step.amount, settings, progress) is None


def test_the_offer_step_needs_an_offer() -> None:
    settings = switches(True, True)
    assert Step.offer in [row.step for row in steps_of(settings, Progress(offers_exist=True))]
    assert Step.offer not in [row.step for row in steps_of(settings, Progress(offers_exist=False))]


def test_scheduling_is_a_page_of_the_amount_step_where_it_was_chosen_and_is_allowed() -> None:
    """S1:19: in the same step, so it is counted as that step and the steps stay as many as they were."""
    chosen = Progress(contact_seen=True, amount_and_method_chosen=True, scheduling=True)
    allowed = switches(True, False, True)
    assert furthest(allowed, chosen) is Step.schedule
    assert place_of(Step.amount, allowed, chosen) == place_of(Step.schedule, allowed, chosen) == (2, 4)
    assert place_of(Step.check, allowed, chosen) == (3, 4)
    assert before(Step.check, allowed, chosen) is Step.schedule
    assert not may_open(Step.schedule, switches(True, False), chosen)
    assert not may_open(Step.schedule, allowed, Progress(contact_seen=True, amount_and_method_chosen=True))


def test_tokens_are_long_random_and_fit_for_an_address() -> None:
    tokens = {new_token() for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert all(len(token) == 32 and token.replace("-", "").replace("_", "").isalnum() for token in tokens)
