"""Each organisation has its own merchant, keys and nothing of another's; and keys are told to nobody."""

import io
import logging
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from datetime import timedelta

import pytest
import structlog

from portal.app import configure_logging
from portal.domain.card import GatewayRefused
from portal.domain.charge import OutcomeKind
from portal.gateway.braintree import BraintreeGateways, Credentials
from portal.storage import Database
from tests.gateway.conftest import SOON, Desk


def test_m13_a_thousand_charges_of_five_organisations_in_sixteen_threads_go_to_the_right_merchant(desk: Desk) -> None:
    """M13: the organisations take turns, so that each thread goes from the keys of one to those of the next."""
    desks = [Desk(desk.world) for _ in range(5)]
    known = {each.own: each.known[each.own] for each in desks}
    shared = BraintreeGateways(known.get, "simulator", desk.world.url, SOON)
    tokens = {each.own: each.kept() for each in desks}
    orders = [(each.own, f"{each.own}-{uuid.uuid4().hex}-1") for _ in range(200) for each in desks]

    def charge(order: tuple[str, str]) -> tuple[str, OutcomeKind]:
        organisation_id, order_id = order
        request = desk.request(order_id=order_id, token=tokens[organisation_id])
        return order_id, shared.of(organisation_id).sale(request, timedelta(seconds=20)).kind

    with ThreadPoolExecutor(16) as pool:
        outcomes = dict(pool.map(charge, orders))
    assert len(outcomes) == 1_000
    assert set(outcomes.values()) == {OutcomeKind.succeeded}
    for each in desks:
        sales = each.taken()
        assert {str(sale["order_id"]) for sale in sales} == {order for owner, order in orders if owner == each.own}
        assert {sale["merchant_account_id"] for sale in sales} == {f"{each.own}_usd"}


def test_a_gateway_is_made_once_however_many_ask_at_once(desk: Desk) -> None:
    gateways = BraintreeGateways(desk.known.get, "simulator", desk.world.url, SOON)
    with ThreadPoolExecutor(8) as pool:
        assert len({id(made) for made in pool.map(lambda _: gateways.of(desk.own), range(64))}) == 1


def test_an_organisation_without_a_merchant_cannot_charge(desk: Desk) -> None:
    with pytest.raises(GatewayRefused, match="no_gateway_account"):
        desk.gateways.of("unknown")


@pytest.mark.parametrize("environment", ["sandbox", "production", ""])
def test_f8_keys_of_another_environment_are_never_used(desk: Desk, environment: str) -> None:
    """F8: sandbox keys in a production database, or the reverse."""
    keys = Credentials(environment, desk.own, "public", "private", "account")
    gateways = BraintreeGateways(lambda _: keys, "simulator", desk.world.url, SOON)
    with pytest.raises(GatewayRefused, match="gateway_of_another_environment"):
        gateways.of("any")


def test_changed_keys_are_used_after_the_old_ones_are_forgotten(desk: Desk) -> None:
    assert desk.gateway.client_token()
    desk.world.merchant(desk.own, public_key="new_public", private_key="new_private")
    with pytest.raises(GatewayRefused):
        desk.gateway.client_token()
    desk.known[desk.own] = Credentials("simulator", desk.own, "new_public", "new_private", f"{desk.own}_usd")
    desk.gateways.forget(desk.own)
    assert desk.gateway.client_token()


def test_keys_changed_in_another_process_are_read_again_once_the_old_ones_are_refused(desk: Desk) -> None:
    """A worker must not need a restart after staff changed the keys in the portal."""
    assert desk.gateway.client_token()
    desk.world.merchant(desk.own, public_key="new_public", private_key="new_private")
    desk.known[desk.own] = Credentials("simulator", desk.own, "new_public", "new_private", f"{desk.own}_usd")
    with pytest.raises(GatewayRefused):
        desk.gateway.client_token()
    assert desk.gateway.client_token()


def test_attack_112_keys_are_in_no_repr(desk: Desk) -> None:
    secret = f"{desk.own}_private_key"
    desk.gateway.client_token()
    sdk = desk.gateway._for(SOON)  # what a debugger or an error report would print
    for thing in (
        desk.known[desk.own],
        desk.gateway,
        desk.gateways,
        sdk,
        sdk.config,
        sdk.transaction,
        vars(sdk).keys(),
    ):
        assert secret not in repr(thing)
        assert secret not in str(thing)


def test_attack_112_keys_and_nonces_are_in_no_log_whatever_goes_wrong(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    configure_logging("DEBUG")
    secret, nonce = f"{desk.own}_private_key", desk.nonce()
    printed = io.StringIO()
    with caplog.at_level(logging.DEBUG), redirect_stdout(printed):
        log = structlog.wrap_logger(structlog.WriteLogger(printed), processors=structlog.get_config()["processors"])
        for fault in ("ok", "unauthorized_401", "reset_before", "cut_xml", "status_500_before"):
            desk.world.faults(fault, merchant=desk.own, operation="any")
            try:
                desk.gateway.sale(desk.request(nonce=nonce), SOON)
                desk.gateway.search("x")
                raise RuntimeError("logged as well")
            except Exception as error:
                log.error("failed", exc_info=error)
                logging.getLogger("test").exception("failed")
                printed.write("".join(traceback.format_exception(error)))
            desk.world.clear_faults()
    written = caplog.text + printed.getvalue()
    assert "failed" in written
    for word in (secret, nonce, "4111111111111111"):
        assert word not in written


def test_attack_110_what_was_typed_is_not_in_the_text_of_a_database_error(sqlite_url: str) -> None:
    from portal.storage.audit import Alarm
    from tests.storage.conftest import NOW, tenant

    database = Database(sqlite_url)
    ours = tenant(database, "ours")
    with ours.transaction() as session:
        session.add(Alarm(kind="canary-4111111111111111", subject_id="s", facts=None, raised_at=NOW))
        with pytest.raises(Exception, match="NOT NULL") as caught:
            session.flush()
        session.rollback()
    assert "canary" not in str(caught.value)
    database.dispose()
