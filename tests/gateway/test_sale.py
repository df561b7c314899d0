"""Each thing a wire can do to a sale, through the real SDK, and what we call it (docs/charge.md, table of faults)."""

import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import braintree
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rq.timeouts import JobTimeoutException
from urllib3 import HTTPSConnectionPool
from urllib3.exceptions import SSLError

from portal.domain.charge import Outcome, OutcomeKind, checked_against
from portal.gateway.braintree import BraintreeGateways, Credentials
from portal.gateway.reading import outcome_of_exception
from portal.gateway.wire import WiredConfiguration
from tests.gateway.conftest import SOON, Desk

K = OutcomeKind
NOTHING, TAKEN = 0, 1
NOBODY = Credentials("simulator", "nobody", "public", "private", "nobody_usd")

# fault, what we call it, what the gateway's truth says it took
TABLE: list[tuple[str, OutcomeKind, int]] = [
    ("reset_before", K.unknown, NOTHING), ("reset_after", K.unknown, TAKEN),
    ("hang_before", K.unknown, NOTHING), ("hang_after", K.unknown, TAKEN),
    *((f"status_{status}_before", K.unknown, NOTHING) for status in (408, 500, 502, 503, 504)),
    *((f"status_{status}_after", K.unknown, TAKEN) for status in (408, 500, 502, 503, 504)),
    ("cut_xml", K.unknown, TAKEN), ("cut_body", K.unknown, TAKEN), ("html_200", K.unknown, TAKEN),
    ("empty_200", K.unknown, TAKEN), ("foreign_root_200", K.unknown, TAKEN),
    ("throttled_429", K.not_sent, NOTHING), ("unauthorized_401", K.not_sent, NOTHING),
    ("forbidden_403", K.not_sent, NOTHING), ("upgrade_426", K.not_sent, NOTHING),
    ("error_915230", K.review, NOTHING), ("error_915231", K.key_refused, NOTHING), ("error_915232", K.review, NOTHING),
    ("error_915233", K.unknown, NOTHING), ("error_915234", K.unknown, NOTHING), ("error_915235", K.unknown, NOTHING),
    ("decline_soft", K.declined, NOTHING), ("decline_hard", K.declined, NOTHING),
    ("gateway_rejected_fraud", K.declined, NOTHING), ("gateway_rejected_duplicate", K.unknown, NOTHING),
    ("authorizing_then_settled", K.unknown, TAKEN),
    ("wrong_amount", K.review, TAKEN), ("wrong_currency", K.review, TAKEN), ("wrong_order_id", K.review, TAKEN),
    ("partial_authorization", K.review, TAKEN),
    ("slow", K.succeeded, TAKEN), ("ok", K.succeeded, TAKEN),
]  # fmt: skip
STOPPING = {"unauthorized_401", "forbidden_403", "upgrade_426"}


@pytest.mark.parametrize(("fault", "kind", "taken"), TABLE, ids=[row[0] for row in TABLE])
def test_a_fault_is_called_what_it_is(desk: Desk, fault: str, kind: OutcomeKind, taken: int) -> None:
    request = desk.request()
    desk.world.faults(fault, order_id=request.order_id, operation="sale")
    outcome = desk.gateway.sale(request, timedelta(seconds=2 if fault == "slow" else 0.6))
    judged = checked_against(outcome, request.amount_cents, request.currency, request.order_id)
    assert judged.kind is kind, outcome
    assert outcome.stop_organisation is (fault in STOPPING)
    if fault != "authorizing_then_settled":  # its success comes by itself, later
        assert len(desk.taken()) == taken
    if kind is K.unknown:
        assert judged.reason or judged.status == "authorizing"


def test_every_fault_of_a_sale_that_the_simulator_knows_stands_in_the_table() -> None:
    from simulator.faults import KINDS

    elsewhere = {"late", "stale_keepalive", "search_lag", "settlement_declined"}  # no answer to a sale
    assert set(KINDS) - {row[0] for row in TABLE} == elsewhere


def test_a_success_says_what_was_taken(desk: Desk) -> None:
    request = desk.request(amount_cents=123_456)
    outcome = desk.gateway.sale(request, SOON)
    [sale] = desk.taken()
    assert outcome.kind is K.succeeded
    assert (outcome.gateway_id, outcome.status) == (sale["id"], "submitted_for_settlement")
    assert (outcome.amount_cents, outcome.currency, outcome.order_id) == (123_456, "USD", request.order_id)
    assert (outcome.processor_code, outcome.processor_type) == ("1000", "approved")


@pytest.mark.parametrize("amount_cents", [1, 9, 10, 99, 100, 101, 1_005, 199_999, 999_999_999])
def test_m16_an_amount_arrives_to_the_cent(desk: Desk, amount_cents: int) -> None:
    assert desk.gateway.sale(desk.request(amount_cents=amount_cents), SOON).amount_cents == amount_cents
    assert [row["amount_cents"] for row in desk.taken()] == [amount_cents]


@pytest.mark.parametrize(("fault", "type_"), [("decline_soft", "soft_declined"), ("decline_hard", "hard_declined")])
def test_a_decline_keeps_its_code_and_how_hard_it_is(desk: Desk, fault: str, type_: str) -> None:
    desk.world.faults(fault, merchant=desk.own)
    outcome = desk.gateway.sale(desk.request(), SOON)
    assert outcome.processor_type == type_
    assert outcome.processor_code in {"2001", "2004"}
    assert outcome.gateway_id


def test_the_same_key_and_request_are_one_sale(desk: Desk) -> None:
    request = desk.request()
    first, again = desk.gateway.sale(request, SOON), desk.gateway.sale(request, SOON)
    assert first.gateway_id == again.gateway_id
    assert len(desk.taken()) == 1


def test_a_merchant_that_may_not_use_keys_says_so_and_takes_nothing(desk: Desk) -> None:
    desk.world.merchant(desk.own, api_request_key_allowed=False)
    request = desk.request()
    assert desk.gateway.sale(request, SOON).kind is K.key_refused
    assert desk.taken() == []
    unkeyed = desk.request(is_keyed=False)
    assert desk.gateway.sale(unkeyed, SOON).kind is K.succeeded


def test_a_sale_we_gave_up_on_that_lands_later_was_unknown_and_is_found(desk: Desk) -> None:
    request = desk.request()
    desk.world.faults("late", order_id=request.order_id, seconds=0.3)
    assert desk.gateway.sale(request, timedelta(milliseconds=200)).kind is K.unknown
    desk.world.shift_clock(10)
    assert [hit.kind for hit in desk.gateway.search(request.order_id)] == [K.succeeded]


def test_a_connection_that_died_while_idle_is_unknown_and_not_retried_below_us(desk: Desk) -> None:
    assert desk.gateway.sale(desk.request(), SOON).kind is K.succeeded
    first, second = desk.request(), desk.request()
    desk.world.faults("stale_keepalive", merchant=desk.own, operation="sale", times=2)
    kinds = {desk.gateway.sale(first, SOON).kind, desk.gateway.sale(second, SOON).kind}
    assert K.unknown in kinds
    for request in (first, second):
        posts = desk.world.requests(order_id=request.order_id, operation="sale")
        assert len(posts) <= 1


# --- attack 68: nonces that are not this customer's to use -------------------------------------------------------


def test_attack_068_a_nonce_pays_once(desk: Desk) -> None:
    nonce = desk.nonce()
    assert desk.gateway.sale(desk.request(nonce=nonce), SOON).kind is K.succeeded
    again = desk.gateway.sale(desk.request(nonce=nonce), SOON)
    assert again.kind is K.unknown  # an earlier request of ours may have used it: a search tells
    assert len(desk.taken()) == 1


def test_attack_068_a_nonce_of_another_merchant_pays_nothing(desk: Desk) -> None:
    other = desk.merchant()
    outcome = desk.gateway.sale(desk.request(nonce=desk.nonce(organisation_id=other)), SOON)
    assert outcome.kind in {K.not_sent, K.declined}
    assert desk.taken() == []
    assert desk.truth(other) == []


@pytest.mark.parametrize("nonce", ["tokencc_made_up_by_somebody", "x", "fake-made-up-nonce", "' OR 1=1", "a" * 400])
def test_attack_068_an_unknown_nonce_pays_nothing(desk: Desk, nonce: str) -> None:
    assert desk.gateway.sale(desk.request(nonce=nonce), SOON).kind in {K.not_sent, K.declined}
    assert desk.taken() == []


def test_attack_069_a_token_of_another_merchant_pays_nothing(desk: Desk) -> None:
    other = Desk(desk.world)
    outcome = desk.gateway.sale(desk.request(token=other.kept()), SOON)
    assert outcome.kind in {K.not_sent, K.declined}
    assert desk.taken() == other.taken() == []


# --- real sockets: what happens when there is nobody to talk to ---------------------------------------------------


def sale_at(url: str, desk: Desk, timeout: timedelta = timedelta(milliseconds=300)) -> Outcome:
    gateways = BraintreeGateways(lambda _: NOBODY, "simulator", url, SOON)
    return gateways.of("any").sale(desk.request(), timeout)


def test_a_refused_connection_was_not_sent(desk: Desk) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    outcome = sale_at(f"http://127.0.0.1:{port}", desk)
    assert (outcome.kind, outcome.reason) == (K.not_sent, "never_left:NewConnectionError")


def test_a_name_that_does_not_resolve_was_not_sent(desk: Desk) -> None:
    outcome = sale_at("http://gateway.invalid:80", desk)
    assert (outcome.kind, outcome.reason) == (K.not_sent, "never_left:NameResolutionError")


def test_a_connection_that_is_never_made_was_not_sent(desk: Desk) -> None:
    """A listener whose queue is full lets nobody in: a connect timeout, not a read timeout."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        outcome = sale_at(f"http://127.0.0.1:{full.getsockname()[1]}", desk)
        for each in waiting:
            each.close()
    assert (outcome.kind, outcome.reason) == (K.not_sent, "never_left:ConnectTimeoutError")


def test_a_server_that_takes_the_request_and_says_nothing_leaves_it_unknown(desk: Desk) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        outcome = sale_at(f"http://127.0.0.1:{silent.getsockname()[1]}", desk)
    assert (outcome.kind, outcome.reason) == (K.unknown, "ReadTimeoutError")


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 201 Created\r\n", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n<x>",
     b"HTTP/1.1 201 Created\r\nContent-Type: application/xml\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
     b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
     b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n",
     b"HTTP/1.1 201 Created\r\nContent-Length: 27\r\n\r\n<transaction></transaction>",
     b"HTTP/1.1 201 Created\r\nContent-Length: 34\r\n\r\n<transaction><id>x</id></transaction>",
     b"HTTP/1.1 422 No\r\nContent-Length: 41\r\n\r\n<api-error-response></api-error-response>"],
)  # fmt: skip
def test_an_answer_that_says_nothing_usable_leaves_it_unknown(desk: Desk, answer: bytes) -> None:
    """Whatever a broken gateway or a proxy before it writes: a sale never raises and never guesses."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                connection.recv(65_536)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        outcome = sale_at(f"http://127.0.0.1:{server.getsockname()[1]}", desk)
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)
    assert outcome.kind is K.unknown, outcome
    assert outcome.stop_organisation is False


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[int]:
    """A TLS server with a certificate nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
                context.wrap_socket(connection, server_side=True).close()
            except ssl.SSLError:
                continue
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def asked_over_tls(port: int) -> Outcome:
    """What a sale would be called that went to this port as to the real gateway: with certificates checked."""

    class OverTls(WiredConfiguration):
        def base_url(self) -> str:
            return f"https://127.0.0.1:{port}"

    config = OverTls(environment="sandbox", merchant_id="m", public_key="p", private_key="k", timeout=5)
    with pytest.raises(SSLError) as caught:
        config.http().post("/merchants/m/transactions", {"transaction": {"amount": "1.00"}})
    return outcome_of_exception(caught.value)


def test_a_certificate_that_is_not_trusted_was_not_sent(tls_port: int) -> None:
    """The request goes out only after the handshake; other TLS errors may come in the middle of an answer."""
    outcome = asked_over_tls(tls_port)
    assert (outcome.kind, outcome.reason) == (K.not_sent, "never_left:SSLError")


def test_any_other_tls_trouble_stays_unknown() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    plain = threading.Thread(target=lambda: server.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    plain.start()
    outcome = asked_over_tls(server.getsockname()[1])
    plain.join(5)
    server.close()
    assert outcome.kind is K.unknown


def test_the_real_gateways_are_asked_over_tls_that_trusts_the_sdks_own_certificates() -> None:
    for environment in (braintree.Environment.Production, braintree.Environment.Sandbox):
        config = WiredConfiguration(environment=environment, merchant_id="m", public_key="p", private_key="k")
        pool = config.http()._connections()
        assert isinstance(pool, HTTPSConnectionPool)
        assert (pool.host, pool.port, pool.cert_reqs) == (environment.server, int(environment.port), ssl.CERT_REQUIRED)
        assert pool.ca_certs == environment.ssl_certificate
        assert Path(pool.ca_certs).read_text().count("BEGIN CERTIFICATE") > 10


def test_a_proxy_of_the_environment_is_used_for_the_gateway(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    request = desk.request()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    gateways = BraintreeGateways(lambda _: NOBODY, "simulator", "http://gateway.example:80", SOON)
    outcome = gateways.of("any").sale(request, SOON)
    assert (outcome.kind, outcome.reason) == (K.not_sent, "never_left:ProxyError")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert Desk(desk.world).gateway.sale(request, SOON).kind is K.not_sent  # asked directly: another's card


def test_a_job_that_is_told_to_stop_in_the_middle_of_a_call_leaves_it_unknown(desk: Desk) -> None:
    """RQ raises its timeout at any line, also between the gateway's taking the money and our reading of it."""
    request = desk.request()
    desk.world.faults("hang_after", order_id=request.order_id)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise JobTimeoutException("out of time")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.4)
    try:
        outcome = desk.gateway.sale(request, timedelta(seconds=5))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert (outcome.kind, outcome.reason) == (K.unknown, "JobTimeoutException")
    assert len(desk.taken()) == 1
