"""The step table: every combination of settings and progress has exactly one furthest page, and no way round it."""

from itertools import product

import pytest

from portal.domain.organisation import SettingValue
from portal.domain.payment_link import STEPS, Progress, Step, before, furthest, may_open, new_token, place_of, steps_of

DONE = [row.done for row in STEPS]
WAYS = list(product([False, True], repeat=len(DONE) + 3))


def situation(way: tuple[bool, ...]) -> tuple[dict[str, SettingValue], Progress]:
    flags = dict(zip(DONE, way, strict=False))
    settings: dict[str, SettingValue] = {"contact_verification": way[-3], "virtual_collection": way[-2]}
    return settings, Progress(**flags, offers_exist=way[-1])


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
    settings: dict[str, SettingValue] = {"contact_verification": False, "virtual_collection": False}
    progress = Progress(offers_exist=True)
    assert [row.step for row in steps_of(settings, progress)] == [Step.amount, Step.check, Step.agreement]
    assert not may_open(Step.contact, settings, progress)
    assert place_of(Step.amount, settings, progress) == (1, 3)
    assert before(Step.amount, settings, progress) is None


def test_the_offer_step_needs_an_offer() -> None:
    settings: dict[str, SettingValue] = {"contact_verification": True, "virtual_collection": True}
    assert Step.offer in [row.step for row in steps_of(settings, Progress(offers_exist=True))]
    assert Step.offer not in [row.step for row in steps_of(settings, Progress(offers_exist=False))]


def test_tokens_are_long_random_and_fit_for_an_address() -> None:
    tokens = {new_token() for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert all(len(token) == 32 and token.replace("-", "").replace("_", "").isalnum() for token in tokens)
