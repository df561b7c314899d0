"""Customers are counted where Redis cannot lose it, are answered alike, and cannot be locked out by a stranger."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest
from sqlalchemy import event

from portal.domain.pin import WRONG_IN_ALL_MAX
from portal.domain.refusal import Refused
from portal.domain.sign_in import HOUR, Limit, Way
from portal.storage import account, audit, customer
from portal.storage import login as logins
from portal.usecases import customer_sign_in
from portal.usecases.account import add_customer
from portal.usecases.customer_sign_in import enter_code, send_code, sign_in_customer, still_stands, who_is
from portal.usecases.login import (
    Asked,
    change_pin,
    let_in,
    remember,
    sign_out_everywhere,
)
from portal.usecases.ports import Directory, DirectoryUnreachable
from portal.usecases.secret import Secrets
from portal.usecases.sign_in import Browser
from tests.rig.house import House, found
from tests.rig.people import PIN, Payer, payer

HERE = Browser("203.0.113.7", "a browser")
SSN = "078-05-1120"


@pytest.fixture
def dana(house: House) -> Payer:
    return payer(house, ssn=SSN)


def enter(
    dana: Payer, pin: str | None = None, browser: Browser = HERE, device: str = "", asked: Asked | None = None
) -> str:
    return sign_in_customer(
        dana.house.ports, dana.house.organisation_id, asked or Asked(Way.username, dana.username),
        dana.pin if pin is None else pin, browser, device,
    )  # fmt: skip


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        work()
    return caught.value.code


def is_in(dana: Payer, secret: str) -> bool:
    return who_is(dana.house.ports, dana.house.organisation_id, secret) is not None


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each PIN that was compared."""
    asked: list[int] = []
    fits = Secrets.fits

    def counted(*given: object) -> bool:
        asked.append(1)
        return fits(*given)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(Secrets, "fits", counted)
    return asked


def guess(dana: Payer, times: int, browser: Browser = HERE, device: str = "") -> None:
    for _ in range(times):
        refused(lambda: enter(dana, "000001", browser, device))


def test_attack_3_a_pin_is_tried_five_times_in_a_quarter_of_an_hour_and_twenty_times_a_day(
    dana: Payer, compared: list[int]
) -> None:
    guess(dana, 9)
    assert len(compared) == 5
    assert refused(lambda: enter(dana)) == "sign_in_wrong"
    dana.house.clock.pass_(minutes=15)
    assert enter(dana)
    compared.clear()
    for number in range(48):  # eight hours, in one day of the counters
        guess(dana, 6, Browser(f"198.51.100.{number}", ""))
        dana.house.clock.pass_(minutes=10)
    assert len(compared) <= 20
    dana.house.clock.pass_(days=1)
    assert enter(dana)


def test_attack_3_after_a_hundred_wrong_ones_only_a_new_pin_opens_it(house: House, dana: Payer) -> None:
    for number in range(WRONG_IN_ALL_MAX):
        guess(dana, 1, Browser(f"198.51.{number}.1", ""))
        house.clock.pass_(hours=6)
    assert refused(lambda: enter(dana)) == "sign_in_wrong"
    with house.ports.database.transaction(house.organisation_id) as session:
        row = logins.lock(session, dana.login_id)
        assert row is not None
        assert row.wrong_pins >= WRONG_IN_ALL_MAX
    assert let_in(house.ports, house.organisation_id, house.customer_id, by="staff", pin="902817") == dana.login_id
    house.clock.pass_(hours=6)
    assert enter(dana, "902817")


def test_attack_3_who_holds_a_sign_in_cannot_guess_the_pin_where_it_is_changed(
    house: House, dana: Payer, compared: list[int]
) -> None:
    known = who_is(house.ports, house.organisation_id, enter(dana))
    assert known is not None
    compared.clear()
    change = partial(change_pin, house.ports, house.organisation_id, known.login)
    assert {refused(lambda: change("000001", "902817")) for _ in range(9)} == {"pin_wrong"}
    assert len(compared) == 5
    assert refused(lambda: change(PIN, "902817")) == "pin_wrong", "the right one is not compared either"
    with house.ports.database.read(house.organisation_id) as session:
        row = logins.by_id(session, dana.login_id)
        assert row is not None
        assert row.wrong_pins == 5, "they count among the hundred"
    house.clock.pass_(minutes=15)
    for _ in range(6):
        assert refused(lambda: change(PIN, "123456")) == "pin_weak", "right ones are not counted"
    change(PIN, "902817")
    assert enter(dana, "902817")


def test_attack_4_one_pin_over_many_names_is_stopped_by_network_and_an_alarm_raised_for_the_organisation(
    house: House, dana: Payer, compared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(80):
        asked = Asked(Way.username, f"name-{number}")
        refused(lambda asked=asked: enter(dana, asked=asked))  # type: ignore[misc]  # a default
    assert len(compared) == 60
    monkeypatch.setattr(customer_sign_in, "CUSTOMER_LIMITS", (Limit(("organisation",), HOUR, 10),))
    house.clock.pass_(hours=1)
    for number in range(12):
        browser = Browser(f"198.51.100.{number}", "")
        refused(lambda browser=browser: enter(dana, "000001", browser))  # type: ignore[misc]  # a default
    with house.ports.database.read(house.organisation_id) as session:
        assert [row.kind for row in audit.open_alarms(session)] == ["sign_in_flood"]


def test_attack_4_one_pin_over_many_organisations_is_stopped_by_network_and_in_all(
    house: House, dana: Payer, compared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kim = payer(found(house.ports, house.simulator))
    few = (Limit(("deployment", "network"), HOUR, 3), Limit(("deployment",), HOUR, 5))
    monkeypatch.setattr(customer_sign_in, "CUSTOMER_LIMITS", few)
    for each in (dana, kim) * 4:
        assert enter(each), "right ones are not counted"
    del compared[:]
    for each in (dana, kim, dana, kim, dana):
        assert refused(partial(enter, each, "000001")) == "sign_in_wrong"
    assert len(compared) == 3, "from one network"
    for number, each in enumerate((dana, kim, dana, kim)):
        elsewhere = Browser(f"198.51.100.{number}", "")
        assert refused(partial(enter, each, "000001", elsewhere)) == "sign_in_wrong"
    assert len(compared) == 5, "from anywhere"
    for each in (dana, kim):
        with each.house.ports.database.read(each.house.organisation_id) as session:
            [alarm] = audit.open_alarms(session)
        assert (alarm.kind, alarm.facts["tries"]) == ("sign_in_flood", 6 if each is dana else 7)
    house.clock.pass_(hours=1)
    assert enter(kim)


def test_attack_5_a_stranger_who_guesses_locks_out_neither_the_known_device_nor_the_code(
    house: House, dana: Payer
) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        device = remember(session, dana.login_id, "Chrome, Android", 180, house.clock.now())
    for number in range(30):
        guess(dana, 3, Browser(f"198.51.100.{number}", ""))
    assert refused(lambda: enter(dana)) == "sign_in_wrong", "from a new place the day is used up"
    assert enter(dana, device=device)
    secret = send_code(house.ports, house.organisation_id, Asked(Way.username, dana.username), HERE)
    assert refused(lambda: enter_code(house.ports, house.organisation_id, secret, "000000", HERE)) == "code_wrong"


def test_attack_5_a_device_of_somebody_else_helps_nobody(house: House, dana: Payer) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        other = add_customer(
            session, reference="C-2", given_name="Kim", family_name="Lee", now=house.clock.now(), email="k@example.com"
        ).id
    kim = payer(house, other)
    with house.ports.database.transaction(house.organisation_id) as session:
        device = remember(session, kim.login_id, "Safari, iPhone", 180, house.clock.now())
    guess(dana, 5, device=device)
    assert refused(lambda: enter(dana, device=device)) == "sign_in_wrong"
    assert enter(kim, device=device)


def test_attack_7_fifty_guesses_at_once_are_counted_as_fifty(dana: Payer, compared: list[int]) -> None:
    guessers = [threading.Thread(target=guess, args=(dana, 1)) for _ in range(50)]
    for guesser in guessers:
        guesser.start()
    for guesser in guessers:
        guesser.join()
    assert len(compared) <= 5


def test_attack_1_and_2_the_same_is_done_for_somebody_and_for_nobody(
    house: House, dana: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time follows from work: the same statements in the same order, and one hash each."""
    said: list[str] = []
    event.listen(
        house.ports.database.writer, "before_cursor_execute", lambda *seen: said.append(seen[2].split("VALUES")[0])
    )
    fits = Secrets.fits
    monkeypatch.setattr(Secrets, "fits", lambda self, *given: (said.append("hash"), fits(self, *given))[1])
    for way, somebody, nobody in (
        (Way.username, dana.username, "nobody"),
        (Way.account, _reference(house), "NONE-1"),
        (Way.ssn, SSN, "078-05-1121"),
    ):
        work: list[list[str]] = []
        for typed in (somebody, nobody):
            said.clear()
            asked = Asked(way, typed)
            assert refused(lambda asked=asked: enter(dana, "000001", asked=asked)) == "sign_in_wrong"  # type: ignore[misc]  # a default
            work.append(list(said))
        assert work[0] == work[1], way
        assert work[0].count("hash") == 1


def _reference(house: House) -> str:
    owed = house.account()
    with house.ports.database.read(house.organisation_id) as session:
        row = account.by_id(session, owed)
        assert row is not None
        return row.reference


def test_attack_14_signing_out_everywhere_ends_all_and_what_they_opened(house: House, dana: Payer) -> None:
    secrets = [enter(dana), enter(dana)]
    known = who_is(house.ports, house.organisation_id, secrets[0])
    assert known is not None
    with house.ports.database.transaction(house.organisation_id) as session:
        assert still_stands(session, known.row.id, house.clock.now())
        sign_out_everywhere(session, dana.login_id, house.clock.now())
        assert not still_stands(session, known.row.id, house.clock.now())
    assert not any(is_in(dana, secret) for secret in secrets)


def test_attack_14_a_customer_who_is_closed_is_out_at_once(house: House, dana: Payer) -> None:
    secret = enter(dana)
    with house.ports.database.transaction(house.organisation_id) as session:
        row = customer.by_id(session, house.customer_id)
        assert row is not None
        row.is_active = False
    assert not is_in(dana, secret)
    assert refused(lambda: enter(dana)) == "sign_in_wrong"
    again = partial(let_in, house.ports, house.organisation_id, house.customer_id, by="staff", username="dana.new")
    assert refused(again) == "customer_unknown", "who was erased gets no name again"


def test_attack_108_two_people_with_one_ssn_are_nobody(house: House, dana: Payer) -> None:
    assert enter(dana, asked=Asked(Way.ssn, "078 05 1120"))
    with house.ports.database.transaction(house.organisation_id) as session:
        twin = add_customer(session, reference="C-2", given_name="Twin", family_name="Lee", now=house.clock.now()).id
    payer(house, twin, ssn=SSN)
    assert refused(lambda: enter(dana, asked=Asked(Way.ssn, SSN))) == "sign_in_wrong"


def test_attack_109_pins_and_ssns_are_kept_anew_when_the_pepper_has_changed(house: House, dana: Payer) -> None:
    both = Secrets({1: "p" * 40, 2: "q" * 40}, memory_kib=64)
    dana.house = replace(house, ports=replace(house.ports, secrets=both))
    assert enter(dana, asked=Asked(Way.ssn, SSN))
    dana.house = replace(house, ports=replace(house.ports, secrets=Secrets({2: "q" * 40}, memory_kib=64)))
    assert enter(dana, asked=Asked(Way.ssn, SSN))


def test_attack_58_one_username_at_two_organisations_is_two_people(house: House, dana: Payer) -> None:
    other = found(house.ports, house.simulator)
    let_in(other.ports, other.organisation_id, other.customer_id, by="test", username=dana.username, pin="902817")
    secret = enter(dana)
    assert who_is(house.ports, other.organisation_id, secret) is None
    assert refused(lambda: enter(dana, "902817")) == "sign_in_wrong"


@dataclass
class AppDirectory:
    """An organisation's app, which knows usernames and PINs of its own."""

    known: dict[tuple[str, str], str]
    is_up: bool = True

    def of(self, _organisation_id: str) -> Directory:
        return self

    def customer_of(self, username: str, pin: str) -> str | None:
        if not self.is_up:
            raise DirectoryUnreachable
        return self.known.get((username, pin))


def test_an_organisation_may_bring_a_directory_of_its_own(house: House, dana: Payer) -> None:
    with house.ports.database.read(house.organisation_id) as session:
        row = customer.by_id(session, house.customer_id)
        assert row is not None
    app = AppDirectory({(dana.username, "4711"): row.reference})
    dana.house = replace(house, ports=replace(house.ports, directories=app))
    assert enter(dana, "4711")
    assert refused(lambda: enter(dana, PIN)) == "sign_in_wrong", "ours does not count then"
    app.known[dana.username, "4712"] = "somebody-else"
    assert refused(lambda: enter(dana, "4712")) == "sign_in_wrong"
    app.is_up = False
    assert refused(lambda: enter(dana, "4711")) == "directory_silent"
