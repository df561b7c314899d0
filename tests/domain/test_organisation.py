"""The settings of an organisation, as rows: defaults by profile, what fits and what is refused."""

import pytest

from portal.domain.organisation import SETTINGS, Profile, setting
from portal.domain.refusal import Refused

NUMBERS = [row for row in SETTINGS.values() if row.kind is int]
SWITCHES = [row for row in SETTINGS.values() if row.kind is bool]
WORDS = [row for row in SETTINGS.values() if row.kind is str]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_default_of_every_profile_fits_its_own_row(name: str) -> None:
    for profile in Profile:
        default = setting(name).default_for(profile)
        assert setting(name).checked(default) == default


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_says_what_it_does(name: str) -> None:
    row = setting(name)
    assert row.name == name
    assert row.label
    assert row.sentence.endswith(".")


def test_a_debt_collector_starts_discreet_and_with_offers_and_others_do_not() -> None:
    for name in ("mask_contact", "virtual_collection", "discreet_messages"):
        assert [setting(name).default_for(profile) for profile in Profile] == [False, True, False]


@pytest.mark.parametrize("name", ["contact_verification", "allow_skip_offer", "save_card", "charging_enabled"])
def test_what_every_organisation_starts_with(name: str) -> None:
    assert {setting(name).default_for(profile) for profile in Profile} == {True}


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row.name)
def test_a_number_fits_from_its_minimum_to_its_maximum_and_not_one_beyond(row: object) -> None:
    row = setting(row.name)  # type: ignore[attr-defined]  # a row of the table
    assert row.checked(row.minimum) == row.minimum
    assert row.checked(row.maximum) == row.maximum
    for value in (row.minimum - 1, row.maximum + 1, 2**63, -(2**63)):
        with pytest.raises(Refused, match="setting_invalid"):
            row.checked(value)


@pytest.mark.parametrize("value", [True, False, "5", 5.0, float("nan"), None, [5], "", b"5"])
def test_a_number_is_a_number_and_a_yes_is_not_one(value: object) -> None:
    for row in NUMBERS:
        with pytest.raises(Refused, match="setting_invalid"):
            row.checked(value)


@pytest.mark.parametrize("value", [0, 1, "true", "yes", None, "", 1.0])
def test_a_switch_is_on_or_off_and_nothing_that_looks_like_it(value: object) -> None:
    for row in SWITCHES:
        with pytest.raises(Refused, match="setting_invalid"):
            row.checked(value)


def test_words_fit_up_to_their_length() -> None:
    for row in WORDS:
        if row.choices:
            assert [row.checked(each) for each in row.choices] == list(row.choices)
            continue
        if row.pattern:
            assert row.checked(row.default) == row.default
            for value in ("x", f"{row.default} ", f"{row.default}\n"):
                with pytest.raises(Refused, match="setting_invalid"):
                    row.checked(value)
            continue
        if row.fits:
            assert row.checked("") == ""
            with pytest.raises(Refused, match="setting_invalid"):
                row.checked("x" * row.length_max)
            continue
        assert row.checked("x" * row.length_max)
        for value in ("x" * (row.length_max + 1), 5, None, b"x"):
            with pytest.raises(Refused, match="setting_invalid"):
                row.checked(value)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [("practice_ein", "12-3456789", "12-345678"), ("practice_npi", "1234567893", "1234567890")],
)
def test_a_number_that_authorities_gave_is_checked_before_it_is_printed(name: str, right: str, wrong: str) -> None:
    assert setting(name).checked(right) == right
    with pytest.raises(Refused, match="setting_invalid"):
        setting(name).checked(wrong)


def test_a_refusal_names_the_setting_and_not_the_value() -> None:
    with pytest.raises(Refused) as refusal:
        setting("link_days").checked("sesame")
    assert dict(refusal.value.facts) == {"name": "link_days"}
    assert "sesame" not in str(refusal.value)


def test_a_setting_that_does_not_exist_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        setting("virtual_colection")


def test_minimum_and_maximum_payment_leave_room_between_them() -> None:
    for profile in Profile:
        assert setting("minimum_payment_cents").default_for(profile) < setting("maximum_payment_cents").default_for(
            profile
        )
