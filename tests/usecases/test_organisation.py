"""An organisation's settings with their history, its gateway keys sealed, its trail of who did what."""

import json

import pytest
from sqlalchemy import text

from portal.domain.organisation import SETTINGS, Profile
from portal.domain.refusal import Refused
from portal.storage import organisation
from portal.storage.audit import AuditEntry
from portal.storage.organisation import OrganisationSetting
from portal.usecases.account import found_organisation
from portal.usecases.charge import charge_obligation
from portal.usecases.organisation import record, set_gateway_account, settings
from tests.rig.above import above
from tests.rig.house import House, found
from tests.usecases.test_sweep import SOON


@pytest.mark.parametrize("profile", Profile)
def test_an_organisation_starts_with_the_defaults_of_its_profile(house: House, profile: Profile) -> None:
    organisation_id = found_organisation(
        house.ports.database, slug=f"new-{profile.value}", name="New", profile=profile, brand_colour="#0b5394",
        timezone="UTC", support_email="help@example.com", support_phone="+13125550100", postal_address="1 Street",
        now=house.clock.now(),
    )  # fmt: skip
    with house.ports.database.read(organisation_id) as session:
        assert dict(settings(session).values) == {name: row.default_for(profile) for name, row in SETTINGS.items()}


def test_the_latest_value_counts_and_every_earlier_one_is_kept(house: House) -> None:
    for days in (10, 20, 15):
        house.set("link_days", days)
    with house.ports.database.read(house.organisation_id) as session:
        assert settings(session).number("link_days") == 15
        rows = session.query(OrganisationSetting).filter_by(name="link_days").order_by(OrganisationSetting.seq).all()
        assert [(row.seq, row.value, row.set_by) for row in rows] == [(1, 10, "test"), (2, 20, "test"), (3, 15, "test")]
        trail = session.query(AuditEntry).filter_by(action="setting_set").all()
        assert sorted(entry.facts["value"] for entry in trail) == [10, 15, 20]


def test_what_does_not_fit_is_not_set(house: House) -> None:
    for name, value in (("link_days", 0), ("link_days", "30"), ("charging_enabled", 1), ("support_hours", "x" * 121)):
        with pytest.raises(Refused, match="setting_invalid"):
            house.set(name, value)
    with house.ports.database.read(house.organisation_id) as session:
        assert organisation.settings_set(session) == {}


def test_a_setting_that_no_longer_exists_is_ignored(house: House) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        session.add(
            OrganisationSetting(name="gone", seq=1, value="x", set_at=house.clock.now(), set_by="an older version")
        )
    with house.ports.database.read(house.organisation_id) as session:
        assert "gone" not in settings(session).values


def test_a_setting_of_one_organisation_says_nothing_about_another(house: House) -> None:
    neighbour = found(house.ports, house.simulator)
    house.set("charging_enabled", False)
    for each, expected in ((house, "declined"), (neighbour, "paid")):
        due = each.obligation(each.account(), 1_000, payment_method_id=each.card_on_file())
        assert charge_obligation(each.ports, each.organisation_id, due, SOON).obligation_status == expected


def test_the_settings_cannot_be_changed_in_hand(house: House) -> None:
    with house.ports.database.read(house.organisation_id) as session:
        values = settings(session).values
    with pytest.raises(TypeError):
        values["charging_enabled"] = True  # type: ignore[index]  # that is the point


def test_a_private_key_is_stored_sealed_only(house: House) -> None:
    secret = f"{house.merchant_id}_private_key"
    with above(house.ports.database).connect() as connection:
        kept = connection.execute(text("SELECT * FROM gateway_account")).mappings().all()
    assert secret not in json.dumps([dict(row) for row in kept], default=str)
    assert house.ports.seal.open(kept[0]["private_key_sealed"]) == secret


def test_new_keys_replace_the_old_ones_and_end_a_stop(house: House) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        row = organisation.gateway_account(session)
        assert row is not None
        row.stopped_at, row.stopped_reason = house.clock.now(), "AuthenticationError"
    with house.ports.database.transaction(house.organisation_id) as session:
        set_gateway_account(
            session, house.ports.seal, environment="simulator", merchant_id="m2", public_key="p2", private_key="s2",
            merchant_account_id="a2",
        )  # fmt: skip
    with house.ports.database.read(house.organisation_id) as session:
        row = organisation.gateway_account(session)
        assert row is not None
        assert (row.merchant_id, row.stopped_at, row.stopped_reason) == ("m2", None, None)


def test_a_line_of_the_trail_says_who_did_what_when(house: House) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        record(session, "staff:ada", "looked", "subject", house.clock.now(), cents=5)
    with house.ports.database.read(house.organisation_id) as session:
        entry = session.query(AuditEntry).filter_by(action="looked").one()
        assert (entry.actor, entry.subject_id, entry.facts, entry.at) == (
            "staff:ada", "subject", {"cents": 5}, house.clock.now(),
        )  # fmt: skip
