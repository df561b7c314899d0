"""A gateway key in the database that cannot be opened: nothing is charged, nothing hangs, and a person is called."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet

from portal.app import FernetSeal, build_ports
from portal.storage import audit, charge, obligation, organisation
from portal.usecases.charge import charge_obligation, claim
from portal.usecases.ports import Ports
from portal.usecases.resolve import resolve
from tests.rig.house import House

SOON = timedelta(seconds=2)


@pytest.fixture(params=["sealed with another key", "no seal at all", "not even ASCII: é"])
def locked(house: House, request: pytest.FixtureRequest) -> Ports:
    """The real adapters, as `wsgi.py` builds them, over a key that this deployment's SEAL_KEY does not open."""
    house.ports.gateways.of(house.organisation_id)  # the house itself still holds its key in memory
    with house.ports.database.transaction(house.organisation_id) as session:
        row = organisation.gateway_account(session)
        assert row is not None
        other = FernetSeal(Fernet.generate_key().decode())
        row.private_key_sealed = other.seal("key") if request.param.startswith("sealed") else request.param
    settings = SimpleNamespace(
        database_url=house.ports.database.url.render_as_string(hide_password=False), redis_url="redis://127.0.0.1:1/0",
        seal_key=Fernet.generate_key().decode(), gateway="simulator", simulator_url=house.simulator.url,
        smtp_host="127.0.0.1", smtp_port=house.simulator.smtp_port, smtp_username="", smtp_password="",
        smtp_tls="none", mail_sender="no-reply@paydoor.example", sms_api_url="", portal_url="http://127.0.0.1:8080",
        gateway_timeout_page_seconds=2, gateway_timeout_worker_seconds=2, send_window_seconds=20,
        lease_margin_seconds=120, quarantine_seconds=900, sweep_seconds=15, pepper="p" * 40, pepper_version=1,
        pepper_previous="", environment="test",
    )  # fmt: skip
    return replace(build_ports(settings), clock=house.clock, database=house.ports.database)  # type: ignore[arg-type]  # what the adapters read


def alarms(house: House) -> list[tuple[str, object]]:
    with house.ports.database.read(house.organisation_id) as session:
        return [(alarm.kind, alarm.facts["reason"]) for alarm in audit.open_alarms(session)]


REFUSED = [("gateway_refuses_us", "gateway_key_unopenable")]


def test_a_charge_ends_unsent_and_a_person_is_called(house: House, locked: Ports) -> None:
    due = house.obligation(house.account(), 2_500, card_nonce="a" * 20)
    result = charge_obligation(locked, house.organisation_id, due, SOON)
    assert (result.obligation_status, result.state) == ("declined", "not_sent")
    assert alarms(house) == REFUSED


def test_a_card_that_was_to_be_kept_ends_the_same_way(house: House, locked: Ports) -> None:
    due = house.obligation(house.account(), 2_500, card_nonce="a" * 20, keep_card_consent="Keep it")
    assert charge_obligation(locked, house.organisation_id, due, SOON).obligation_status == "declined"
    assert alarms(house) == REFUSED


def test_a_charge_already_sent_is_looked_for_again_once_the_key_is_back(house: House, locked: Ports) -> None:
    due = house.obligation(house.account(), 2_500, payment_method_id=house.card_on_file())
    claimed = claim(house.ports, house.organisation_id, due, SOON)
    house.clock.pass_(hours=1)
    resolve(locked, house.organisation_id, claimed.charge_id)
    with house.ports.database.read(house.organisation_id) as session:
        row, waiting = charge.by_id(session, claimed.charge_id), obligation.by_id(session, due)
        assert row is not None
        assert waiting is not None
        assert (row.state, waiting.status) == ("unknown", "charging")
    assert alarms(house) == REFUSED
    house.clock.pass_(hours=1)
    resolve(house.ports, house.organisation_id, claimed.charge_id)
    assert [sale["success"] for sale in house.truth()] == [True]
