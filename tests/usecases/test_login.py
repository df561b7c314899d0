"""PINs are set, changed and reset once, by whom they belong to; what opened something before opens nothing after."""

import json
import threading
from functools import partial

import pytest

from portal.domain.refusal import Refused
from portal.domain.sign_in import Way
from portal.storage import customer, message
from portal.storage import login as logins
from portal.usecases.customer_sign_in import enter_code, send_code, sign_in_customer, who_is
from portal.usecases.login import (
    Asked,
    ask_for_pin,
    change_pin,
    device_of,
    let_in,
    remember,
    set_pin_by_token,
    sign_out_everywhere,
)
from portal.usecases.organisation import set_setting
from portal.usecases.secret import Secrets
from portal.usecases.sign_in import Browser, begin
from tests.rig.house import House
from tests.rig.people import PIN, Payer, payer
from tests.usecases.test_customer_sign_in import is_in, refused

HERE = Browser("203.0.113.7", "a browser")


@pytest.fixture
def dana(house: House) -> Payer:
    return payer(house, ssn="078-05-1120")


def enter(dana: Payer, pin: str = PIN) -> str:
    asked = Asked(Way.username, dana.username)
    return sign_in_customer(dana.house.ports, dana.house.organisation_id, asked, pin, HERE, "")


def who_enters(house: House, login_id: str) -> str:
    """The secret of a new sign-in, however they came in."""
    with house.ports.database.transaction(house.organisation_id) as session:
        login, about = logins.by_id(session, login_id), customer.by_id(session, house.customer_id)
        assert login is not None
        assert about is not None
        return begin(session, about, login.epoch, Way.username, HERE, house.clock.now())


def told(house: House, event_name: str) -> list[dict[str, str]]:
    """What messages of an event hold, in the order they were promised in."""
    with house.ports.database.read(house.organisation_id) as session:
        rows = [row for row in message.of_customer(session, house.customer_id) if row.event == event_name]
    return [json.loads(house.ports.seal.open(row.sealed_facts or "")) for row in rows]


def tokens(house: House) -> list[str]:
    return [facts["link_url"].rpartition("/")[2] for facts in told(house, "pin_reset")]


def test_attack_21_of_two_who_use_a_pin_link_at_once_one_wins(house: House, dana: Payer) -> None:
    ask_for_pin(house.ports, house.organisation_id, Asked(Way.username, dana.username), HERE)
    [token] = tokens(house)
    answers: list[str] = []

    def use(pin: str) -> None:
        try:
            set_pin_by_token(house.ports, house.organisation_id, token, pin)
            answers.append(pin)
        except Refused as refusal:
            answers.append(refusal.code)

    users = [threading.Thread(target=use, args=(pin,)) for pin in ("902817", "517380", "640295")]
    for user in users:
        user.start()
    for user in users:
        user.join()
    winners = [answer for answer in answers if answer.isdigit()]
    assert (len(winners), answers.count("pin_link_over")) == (1, 2)
    assert enter(dana, winners[0])


def test_attack_14_codes_and_links_asked_for_before_everybody_is_out_open_nothing_after(
    house: House, dana: Payer
) -> None:
    asked = Asked(Way.username, dana.username)
    known = who_is(house.ports, house.organisation_id, who_enters(house, dana.login_id))
    assert known is not None

    def everywhere() -> None:
        with house.ports.database.transaction(house.organisation_id) as session:
            sign_out_everywhere(session, dana.login_id, house.clock.now())

    change = partial(change_pin, house.ports, house.organisation_id, known.login, dana.pin, "902817")
    staff = partial(let_in, house.ports, house.organisation_id, house.customer_id, by="staff", pin="517380")
    for put_out in (change, staff, everywhere, None):  # the last by a link, of which there are two
        house.clock.pass_(hours=1)
        secret = send_code(house.ports, house.organisation_id, asked, HERE)
        for _ in range(2):
            house.clock.pass_(minutes=1)
            ask_for_pin(house.ports, house.organisation_id, asked, HERE)
        code, token, used = told(house, "sign_in_code")[-1]["code"], *tokens(house)[-2:]
        if put_out is None:
            set_pin_by_token(house.ports, house.organisation_id, used, "640295")
        else:
            put_out()
        assert refused(partial(enter_code, house.ports, house.organisation_id, secret, code, HERE)) == "code_wrong"
        again = partial(set_pin_by_token, house.ports, house.organisation_id, token, "719364")
        assert refused(again) == "pin_link_over"
    house.clock.pass_(hours=1)
    secret = send_code(house.ports, house.organisation_id, asked, HERE)
    assert enter_code(house.ports, house.organisation_id, secret, told(house, "sign_in_code")[-1]["code"], HERE)


def test_attack_14_another_pin_username_or_ssn_from_staff_ends_every_sign_in_and_forgets_every_device(
    house: House, dana: Payer
) -> None:
    change = partial(let_in, house.ports, house.organisation_id, house.customer_id, by="staff")
    for changed in ({"pin": "902817"}, {"username": "dana.new"}, {"ssn": "219-09-9999"}):
        secret = who_enters(house, dana.login_id)
        with house.ports.database.transaction(house.organisation_id) as session:
            device = remember(session, dana.login_id, "Chrome, Android", 180, house.clock.now())
            assert device_of(session, device, dana.login_id, house.clock.now()) is not None
        change(**changed)
        with house.ports.database.read(house.organisation_id) as session:
            assert device_of(session, device, dana.login_id, house.clock.now()) is None
        assert not is_in(dana, secret), changed
    secret = who_enters(house, dana.login_id)
    change(username="dana.new", ssn="219-09-9999")
    assert is_in(dana, secret), "the same again changes nothing"


def test_attack_14_who_knows_the_pin_before_does_not_change_the_one_that_was_set_meanwhile(
    house: House, dana: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = who_is(house.ports, house.organisation_id, enter(dana))
    assert known is not None
    fits = Secrets.fits

    def reset_meanwhile(*given: object) -> bool:
        answer = fits(*given)  # type: ignore[arg-type]  # passed on as they came
        monkeypatch.undo()
        let_in(house.ports, house.organisation_id, house.customer_id, by="staff", pin="902817")
        return answer

    monkeypatch.setattr(Secrets, "fits", reset_meanwhile)
    assert refused(lambda: change_pin(house.ports, house.organisation_id, known.login, PIN, "517380")) == "pin_wrong"
    assert enter(dana, "902817")


def test_attack_9_a_pin_must_be_fit_when_it_is_changed(house: House, dana: Payer) -> None:
    known = who_is(house.ports, house.organisation_id, enter(dana))
    assert known is not None
    for pin, code in (("123456", "pin_weak"), ("83917", "pin_short"), ("abc", "pin_unreadable")):
        assert refused(lambda pin=pin: change_pin(house.ports, house.organisation_id, known.login, PIN, pin)) == code  # type: ignore[misc]  # a default
    with house.ports.database.transaction(house.organisation_id) as session:
        set_setting(session, "pin_length", 4, by="test", now=house.clock.now())
    change_pin(house.ports, house.organisation_id, known.login, PIN, "8351")
    assert enter(dana, "8351")
