"""Secrets at rest: argon2id over a pepper, bound to their row, bounded at once, the pepper changed in place."""

import threading

import pytest
from argon2 import PasswordHasher

from portal.domain.refusal import Refused
from portal.usecases import secret as room
from portal.usecases.secret import Kept, Secrets

CHEAP = {"memory_kib": 64}
OLD, NEW = "o" * 40, "n" * 40


def made(**peppers: str) -> Secrets:
    return Secrets({int(name[1:]): value for name, value in peppers.items()}, **CHEAP)  # type: ignore[arg-type]  # a number


def test_attack_109_a_pin_is_argon2id_over_a_peppered_digest() -> None:
    secrets = made(v1=OLD)
    kept = secrets.keep("pin", "org", "row", "839201")
    assert kept.hash.startswith("$argon2id$")
    assert kept.pepper_version == 1
    assert secrets.fits(kept, "pin", "org", "row", "839201")
    assert not secrets.fits(kept, "pin", "org", "row", "839202")
    # the hash alone, tried without the pepper, as whoever holds a dump would
    assert not made(v1=NEW).fits(kept, "pin", "org", "row", "839201")


@pytest.mark.parametrize("place", [("password", "org", "row"), ("pin", "other", "row"), ("pin", "org", "mine")])
def test_attack_109_a_hash_opens_nothing_in_another_row(place: tuple[str, str, str]) -> None:
    secrets = made(v1=OLD)
    kept = secrets.keep("pin", "org", "row", "839201")
    assert not secrets.fits(kept, *place, "839201")


def test_attack_109_the_pepper_is_changed_without_asking_anybody() -> None:
    kept = made(v1=OLD).keep("pin", "org", "row", "839201")
    both = made(v1=OLD, v2=NEW)
    assert both.version == 2
    assert both.fits(kept, "pin", "org", "row", "839201")
    assert both.is_stale(kept)
    again = both.keep("pin", "org", "row", "839201")
    assert not both.is_stale(again)
    only_new = made(v2=NEW)
    assert only_new.fits(again, "pin", "org", "row", "839201")
    assert not only_new.fits(kept, "pin", "org", "row", "839201")


def test_attack_108_equal_numbers_have_different_digests_in_two_organisations() -> None:
    secrets = made(v1=OLD)
    assert secrets.digest("ssn", "one", "078051120") != secrets.digest("ssn", "two", "078051120")
    assert secrets.digest("ssn", "one", "078051120") == secrets.digest("ssn", "one", "078051120")
    assert made(v1=OLD, v2=NEW).digests("ssn", "one", "078051120")[1] == secrets.digest("ssn", "one", "078051120")


def test_attack_1_nobody_is_compared_as_somebody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = made(v1=OLD)
    kept = secrets.keep("pin", "org", "row", "839201")
    asked = 0
    verify = PasswordHasher.verify

    def counted(*given: object) -> bool:
        nonlocal asked
        asked += 1
        return verify(*given)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for known in (kept, None, Kept(kept.hash, 9), Kept("nonsense", 1)):
        assert not secrets.fits(known, "pin", "org", "row", "000000")
    assert not secrets.fits(None, "pin", "org", "row", "nobody")
    assert asked == 5


def test_attack_128_so_many_are_compared_at_once_and_the_rest_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WAIT_SECONDS", 0.05)
    secrets = Secrets({1: OLD}, memory_kib=64, at_once=2)
    kept = secrets.keep("pin", "org", "row", "839201")
    inside, most, gate, lock = 0, 0, threading.Event(), threading.Lock()
    verify = PasswordHasher.verify

    def slow(*given: object) -> bool:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        gate.wait(5)
        with lock:
            inside -= 1
        return verify(*given)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(PasswordHasher, "verify", slow)
    answers: list[str] = []

    def ask() -> None:
        try:
            answers.append(str(secrets.fits(kept, "pin", "org", "row", "839201")))
        except Refused as refused:
            answers.append(refused.code)

    askers = [threading.Thread(target=ask) for _ in range(60)]
    for asker in askers:
        asker.start()
    for asker in askers[10:]:
        asker.join(0.2)
    gate.set()
    for asker in askers:
        asker.join()
    assert most == 2
    assert answers.count("True") == 2
    assert answers.count("sign_in_busy") == 58
    assert secrets.fits(kept, "pin", "org", "row", "839201")
