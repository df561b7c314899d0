"""Staff sign in with three things at once, are counted, and are out the moment they should be."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import event

from portal.domain.refusal import Refused
from portal.domain.second_factor import code_at
from portal.domain.staff import Role
from portal.storage import Database, audit
from portal.storage import staff as staff_rows
from portal.usecases.secret import Secrets
from portal.usecases.sign_in import Browser, end
from portal.usecases.staff import (
    Added,
    SignedIn,
    Typed,
    add_staff,
    change_password,
    is_proved,
    prove,
    set_active,
    set_password,
    set_role,
    set_second_factor,
    sign_in_staff,
    who_is,
)
from tests.rig.house import House, found
from tests.rig.people import PASSWORD, Colleague, colleague

HERE = Browser("203.0.113.7", "a browser")
AWAY = Browser("198.51.100.9", "another browser")


@pytest.fixture
def robin(house: House) -> Colleague:
    return colleague(house)


def enter(robin: Colleague, browser: Browser = HERE, **wrong: str) -> str:
    typed = {"username": robin.username, "password": robin.password, "code": ""} | wrong
    if "code" not in wrong:
        typed["code"] = robin.code()
    return sign_in_staff(robin.house.ports, robin.house.organisation_id, Typed(**typed), browser)


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        work()
    return caught.value.code


def here(robin: Colleague, secret: str) -> SignedIn:
    known = who_is(robin.house.ports, robin.house.organisation_id, secret)
    assert known is not None
    return known


def is_in(robin: Colleague, secret: str) -> bool:
    return who_is(robin.house.ports, robin.house.organisation_id, secret) is not None


def test_somebody_with_all_three_is_in(robin: Colleague) -> None:
    secret = enter(robin, username=f" {robin.username.upper()} ")
    known = here(robin, secret)
    assert (known.staff.id, known.row.way) == (robin.id, "password")
    assert secret not in known.row.secret_sha256


def test_attack_17_a_code_is_taken_once(robin: Colleague) -> None:
    code = robin.code()
    enter(robin, code=code)
    assert refused(lambda: enter(robin, code=code)) == "sign_in_wrong"
    enter(robin)


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "not the password at all"},
        {"password": ""},
        {"password": "x" * 10_000},
        {"username": "nobody-of-ours"},
        {"username": "%"},
        {"username": ""},
        {"username": "x" * 10_000},
        {"code": "000000"},
        {"code": ""},
        {"code": "１２３４５６"},
        {"code": "1" * 10_000},
    ],
)
def test_attack_1_whatever_is_wrong_the_answer_is_one(robin: Colleague, wrong: dict[str, str]) -> None:
    assert refused(lambda: enter(robin, **wrong)) == "sign_in_wrong"


def test_attack_1_the_same_is_done_for_somebody_and_for_nobody(
    house: House, robin: Colleague, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time follows from work: the same statements in the same order, and one hash each."""
    said: list[str] = []
    event.listen(house.ports.database.writer, "before_cursor_execute", lambda *seen: said.append(seen[2]))
    fits = Secrets.fits
    monkeypatch.setattr(Secrets, "fits", lambda self, *given: (said.append("hash"), fits(self, *given))[1])
    work: list[list[str]] = []
    for wrong in ({"password": "wrong wrong wrong"}, {"username": "nobody"}, {"username": "no-one-else"}):
        said.clear()
        assert refused(lambda wrong=wrong: enter(robin, **wrong)) == "sign_in_wrong"  # type: ignore[misc]  # a default
        work.append(list(said))
    assert work[0] == work[1] == work[2]
    assert work[0].count("hash") == 1


def test_attack_17_after_five_wrong_ones_even_the_right_one_waits_five_minutes(robin: Colleague) -> None:
    for _ in range(5):
        assert refused(lambda: enter(robin, code="000000")) == "sign_in_wrong"
    assert refused(lambda: enter(robin)) == "sign_in_wrong"
    robin.house.clock.pass_(minutes=5)
    assert enter(robin)


def test_attack_17_twenty_an_hour_and_fifty_a_day(robin: Colleague) -> None:
    assert [_evaluated_in_an_hour(robin) for _ in range(4)] == [20, 20, 10, 0]


def _evaluated_in_an_hour(robin: Colleague) -> int:
    """How many guesses were compared of somebody who tries ten times every five minutes."""
    asked = 0
    fits = Secrets.fits

    def counted(*given: object) -> bool:
        nonlocal asked
        asked += 1
        return fits(*given)  # type: ignore[arg-type]  # passed on as they came

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Secrets, "fits", counted)
        for _ in range(12):
            for _ in range(10):
                refused(lambda: enter(robin, password="wrong wrong wrong", code="000000"))
            robin.house.clock.pass_(minutes=5)
    return asked


def test_attack_5_whoever_guesses_from_elsewhere_does_not_lock_its_owner_out(robin: Colleague) -> None:
    for _ in range(12):
        refused(lambda: enter(robin, AWAY, code="000000"))
    assert enter(robin)


def test_attack_7_fifty_guesses_at_once_are_counted_as_fifty(house: House, robin: Colleague) -> None:
    asked: list[int] = []
    fits = Secrets.fits

    def counted(*given: object) -> bool:
        asked.append(1)
        return fits(*given)  # type: ignore[arg-type]  # passed on as they came

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Secrets, "fits", counted)
        guessers = [
            threading.Thread(target=lambda: refused(lambda: enter(robin, password="wrong wrong wrong", code="000000")))
            for _ in range(50)
        ]
        for guesser in guessers:
            guesser.start()
        for guesser in guessers:
            guesser.join()
    assert len(asked) <= 5


def test_attack_4_one_password_over_many_names_is_stopped_and_an_alarm_raised(house: House, robin: Colleague) -> None:
    asked = 0
    with pytest.MonkeyPatch.context() as patch:
        fits = Secrets.fits

        def counted(*given: object) -> bool:
            nonlocal asked
            asked += 1
            return fits(*given)  # type: ignore[arg-type]  # passed on as they came

        patch.setattr(Secrets, "fits", counted)
        for number in range(80):
            refused(lambda number=number: enter(robin, username=f"name-{number}", code="000000"))  # type: ignore[misc]  # a default
        assert asked == 60
        for number in range(560):
            browser = Browser(f"198.51.{number // 250}.{number % 250}", "")
            typed = Typed(f"name-{number}", "x", "0")
            refused(
                lambda typed=typed, browser=browser: sign_in_staff(house.ports, house.organisation_id, typed, browser)
            )  # type: ignore[misc]  # defaults
    with house.ports.database.read(house.organisation_id) as session:
        assert [row.kind for row in audit.open_alarms(session)] == ["sign_in_flood"]


def test_attack_14_signing_out_a_new_password_another_role_and_disabling_end_it(house: House, robin: Colleague) -> None:
    ports, own, now = house.ports, house.organisation_id, house.clock.now

    def out() -> None:
        sign_in_id = here(robin, secrets[0]).row.id
        with ports.database.transaction(own) as session:
            end(session, sign_in_id, now())

    def in_transaction(work: Callable[..., object], *given: object) -> Callable[[], None]:
        def done() -> None:
            with ports.database.transaction(own) as session:
                work(session, robin.id, *given, by="test", now=now())

        return done

    secrets = [enter(robin), enter(robin)]
    out()
    assert [is_in(robin, secret) for secret in secrets] == [False, True]
    for act in (
        lambda: set_password(ports, own, robin.id, "another long teapot", by="test"),
        in_transaction(set_role, Role.auditor),
        in_transaction(set_active, False),
        lambda: setattr(robin, "totp_secret", set_second_factor(ports, own, robin.id, by="test")),
    ):
        with ports.database.transaction(own) as session:
            row = staff_rows.lock(session, robin.id)
            assert row is not None
            row.is_active = True
        secrets = [enter(robin), enter(robin)]
        assert all(is_in(robin, secret) for secret in secrets)
        act()
        robin.password = "another long teapot"
        assert not any(is_in(robin, secret) for secret in secrets)
        house.clock.pass_(minutes=6)


def test_a_disabled_person_is_answered_like_nobody(house: House, robin: Colleague) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        set_active(session, robin.id, False, by="test", now=house.clock.now())
    assert refused(lambda: enter(robin)) == "sign_in_wrong"


def test_attack_15_a_stolen_cookie_ends_after_half_an_hour_of_nothing_and_after_eight_hours(robin: Colleague) -> None:
    clock = robin.house.clock
    secret = enter(robin)
    clock.pass_(minutes=29)
    assert is_in(robin, secret)
    clock.pass_(minutes=30)
    assert not is_in(robin, secret)
    secret = enter(robin)
    for _ in range(23):
        clock.pass_(minutes=20)
        assert is_in(robin, secret)
    clock.pass_(minutes=20)
    assert not is_in(robin, secret)


def test_attack_16_a_changed_cookie_is_nobodys(robin: Colleague) -> None:
    secret = enter(robin)
    for other in ("", secret[:-1], secret + "A", secret.swapcase(), "x" * 5_000, "\ud800"):
        assert not is_in(robin, other)


def test_attack_18_proof_is_asked_again_after_ten_minutes_and_five_wrong_ones_end_it(robin: Colleague) -> None:
    ports, own, clock = robin.house.ports, robin.house.organisation_id, robin.house.clock
    secret = enter(robin)
    assert is_proved(here(robin, secret), clock.now())
    clock.pass_(minutes=10)
    assert not is_proved(here(robin, secret), clock.now())
    prove(ports, own, here(robin, secret), robin.code())
    assert is_proved(here(robin, secret), clock.now())
    used = code_at(robin.totp_secret, clock.at)
    for number in range(5):
        code = refused(lambda: prove(ports, own, here(robin, secret), used))
        assert code == ("sign_in_over" if number == 4 else "proof_code_wrong")
    assert not is_in(robin, secret)


def test_an_old_password_is_asked_for_before_a_new_one_is_taken(robin: Colleague) -> None:
    ports, own = robin.house.ports, robin.house.organisation_id
    known = here(robin, enter(robin))
    assert (
        refused(lambda: change_password(ports, own, known, "wrong wrong wrong", "a new teapot canyon"))
        == "password_wrong"
    )
    assert refused(lambda: change_password(ports, own, known, PASSWORD, "short")) == "password_short"
    change_password(ports, own, known, PASSWORD, "a new teapot canyon")
    robin.password = "a new teapot canyon"
    assert enter(robin)


def test_a_password_is_kept_anew_when_the_pepper_has_changed(
    house: House, robin: Colleague, database: Database
) -> None:
    old = robin.house.ports
    robin.house.ports = replace(old, secrets=Secrets({1: "p" * 40, 2: "q" * 40}, memory_kib=64))
    enter(robin)
    with database.read(house.organisation_id) as session:
        row = staff_rows.by_id(session, robin.id)
        assert row is not None
        assert row.pepper_version == 2
    robin.house.ports = replace(old, secrets=Secrets({2: "q" * 40}, memory_kib=64))
    assert enter(robin)


def test_attack_58_the_same_username_may_work_at_two_organisations(house: House, robin: Colleague) -> None:
    other = found(house.ports, house.simulator)
    added = _named(other, robin.username)
    twin = Colleague(other, added.staff_id, robin.username, added.totp_secret)
    assert refused(lambda: enter(robin, code=twin.code())) == "sign_in_wrong"
    secret = enter(robin)
    assert who_is(house.ports, other.organisation_id, secret) is None
    assert refused(lambda: _named(house, robin.username)) == "username_taken"


def _named(house: House, username: str) -> Added:
    return add_staff(
        house.ports, house.organisation_id, username=username, name="Robin Two", role=Role.admin, password=PASSWORD,
        by="test",
    )  # fmt: skip


def test_the_trail_names_who_came_and_went(house: House, robin: Colleague) -> None:
    secret = enter(robin)
    sign_in_id = here(robin, secret).row.id
    house.clock.pass_(seconds=1)
    with house.ports.database.transaction(house.organisation_id) as session:
        end(session, sign_in_id, house.clock.now())
    with house.ports.database.read(house.organisation_id) as session:
        rows = audit.about(session, sign_in_id)
    assert [(row.action, row.actor) for row in rows] == [
        ("signed_in", f"staff:{robin.id}"),
        ("signed_out", f"staff:{robin.id}"),
    ]
