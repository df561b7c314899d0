"""Names, networks, how long a sign-in lasts, and what a password must be."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.domain.refusal import Refused
from portal.domain.second_factor import code_at, new_secret, step_of
from portal.domain.sign_in import (
    CODE_LIMITS,
    CUSTOMER_LIMITS,
    LASTING,
    STAFF_LIMITS,
    WARNED_BEFORE,
    Limit,
    Who,
    canonical,
    ends_at,
    is_over,
    network_of,
)
from portal.domain.staff import require_password, require_username

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "spelt"),
    [
        ("Dana", "dana"),
        ("  dana ", "dana"),
        ("ＤＡＮＡ", "dana"),
        ("STRASSE", "strasse"),
        ("straße", "strasse"),
        ("jose\u0301", "josé"),
        ("d%na_", "d%na_"),
        ("da\u200bna", ""),
        ("da\x00na", ""),
        ("\u202edana", ""),
        ("d" * 121, ""),
        ("", ""),
    ],
)
def test_attack_11_a_name_has_one_spelling_and_hidden_letters_make_it_none(typed: str, spelt: str) -> None:
    assert canonical(typed) == spelt
    assert canonical(canonical(typed)) == canonical(typed)


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("nowhere", "nowhere"),
    ],
)
def test_a_household_is_one_network(ip: str, network: str) -> None:
    assert network_of(ip) == network


def test_attack_15_a_sign_in_ends_by_idleness_and_by_age() -> None:
    minutes = timedelta(minutes=1)
    assert LASTING[Who.customer].idle == 15 * minutes
    assert LASTING[Who.customer].longest == timedelta(hours=12)
    assert LASTING[Who.staff].longest == timedelta(hours=8)
    for who in Who:
        idle, longest = LASTING[who].idle, LASTING[who].longest
        assert not is_over(who, NOW, NOW, NOW + idle - minutes)
        assert is_over(who, NOW, NOW, NOW + idle)
        assert is_over(who, NOW, NOW + longest - minutes, NOW + longest)
        assert ends_at(who, NOW, NOW) == NOW + idle
        assert ends_at(who, NOW, NOW + longest - minutes) == NOW + longest
        assert timedelta(minutes=2) <= WARNED_BEFORE < idle


@pytest.mark.parametrize("table", [STAFF_LIMITS, CUSTOMER_LIMITS, CODE_LIMITS])
def test_attack_4_every_way_in_is_limited_by_network_and_organisation_and_over_all_of_them(
    table: tuple[Limit, ...],
) -> None:
    most = {tuple(part for part in each.of if part != "code"): each.most for each in table if "name" not in each.of}
    assert most["network",] < most["deployment", "network"] < most["deployment",], "one uses up nobody else's"
    assert most["network",] < most["organisation",] < most["deployment",]
    assert [each.is_everywhere for each in table][-2:] == [True, True], "counted last, for others wait for it"


def test_no_two_limits_count_in_one_bucket() -> None:
    assert len({limit.bucket for limit in STAFF_LIMITS}) == len(STAFF_LIMITS)
    assert Limit(("name", "network"), timedelta(minutes=5), 5) in STAFF_LIMITS
    assert Limit(("name", "network"), timedelta(hours=1), 20) in STAFF_LIMITS
    assert Limit(("name", "network"), timedelta(days=1), 50) in STAFF_LIMITS


@pytest.mark.parametrize(
    "password", ["violet teapot canyon", "8Kd-0fQz-77Lw", "correct horse battery", "ñandú lejos del mar"]
)
def test_a_long_password_that_is_hard_to_guess_is_fit_whatever_its_letters(password: str) -> None:
    assert require_password(password, "dana", "Dana Whitfield") == password


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_short"),
        ("elevenchars", "password_short"),
        ("x" * 201, "password_long"),
        ("password1234", "password_weak"),
        ("aaaaaaaaaaaaaa", "password_weak"),
        ("123456789012", "password_weak"),
        ("qwertyuiop12", "password_weak"),
        ("danawhitfield", "password_weak"),
    ],
)
def test_attack_17_a_password_that_can_be_guessed_is_refused(password: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        require_password(password, "dana", "Dana Whitfield")
    assert caught.value.code == code


@pytest.mark.parametrize("username", ["ab", "Dana", "da na", "-dana", "d" * 65, "dana'", "", "dana\n"])
def test_a_username_of_staff_is_plain(username: str) -> None:
    with pytest.raises(Refused):
        require_username(username)
    assert require_username("dana.whitfield@example.com")


def test_attack_17_a_code_is_good_once_and_half_a_minute_either_way() -> None:
    secret = new_secret()
    code = code_at(secret, NOW)
    step = step_of(secret, code, NOW, 0)
    assert step is not None
    assert step_of(secret, code, NOW, step) is None
    assert step_of(secret, code, NOW + timedelta(seconds=30), 0) == step
    assert step_of(secret, code, NOW - timedelta(seconds=30), 0) == step
    assert step_of(secret, code, NOW + timedelta(seconds=60), 0) is None
    earlier = code_at(secret, NOW - timedelta(seconds=30))
    assert step_of(secret, earlier, NOW, step) is None
    assert step_of(new_secret(), code, NOW, 0) is None
    for typed in ("", "00000", "abcdef", "１２３４５６", "\ud800"):
        assert step_of(secret, typed, NOW, 0) is None
