"""How the SDK reaches the network here: urllib3's connections and expat, in place of requests and minidom.

Used by `portal.gateway.braintree` through `Configuration.http`, which the SDK asks for each call. The SDK makes the
parameters and reads the answer; between the two, this file costs a quarter of what the SDK's own way costs. A call is
sent once: no retry, no redirect, and whatever goes wrong is raised.
"""

import base64
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import braintree
from braintree.util.http import Http
from braintree.util.xml_util import XmlUtil
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, Timeout

from portal.gateway.answer import read

IDLE_SECONDS_MAX = 60  # the SDK's own limit: an older connection may have died unseen
Connections = HTTPConnectionPool | HTTPSConnectionPool


class WiredConfiguration(braintree.Configuration):  # type: ignore[misc]  # the SDK has no types
    """The SDK's configuration with our wire in it."""

    def __init__(self, **settings: Any) -> None:
        self._wire: Wire | None = None
        super().__init__(**settings)
        self._wire = Wire(self)

    def http(self) -> Any:
        """What each call of the SDK goes through."""
        return self._wire or super().http()  # the SDK asks once while it is being made


class Wire:
    """The four verbs the SDK uses for what we ask of it. Thread-safe: each thread has a connection of its own."""

    def __init__(self, config: WiredConfiguration) -> None:
        self._base_url = config.base_url()
        self._headers = _headers(config)
        self._timeout = Timeout(connect=config.timeout, read=config.timeout)
        self._trust = config.environment.ssl_certificate
        self._own = threading.local()

    def get(self, path: str) -> dict[str, Any]:
        return self._ask("GET", path, None)

    def post(self, path: str, params: Any = None) -> dict[str, Any]:
        return self._ask("POST", path, params)

    def put(self, path: str, params: Any = None) -> dict[str, Any]:
        return self._ask("PUT", path, params)

    def delete(self, path: str) -> dict[str, Any]:
        return self._ask("DELETE", path, None)

    def _ask(self, verb: str, path: str, params: Any) -> dict[str, Any]:
        answer = self._connections().urlopen(
            verb,
            path if path.startswith("/") else urlsplit(path).path,
            body=XmlUtil.xml_from_dict(params).encode() if params else b"",
            headers=self._headers,
            retries=False,
            redirect=False,
            timeout=self._timeout,
        )
        if Http.is_error_status(answer.status):
            Http.raise_exception_from_status(answer.status)
        return read(answer.data) if answer.data.strip() else {}

    def _connections(self) -> Connections:
        """This thread's connection, or a new one when it has been idle for too long."""
        now = time.monotonic()
        held: Connections | None = getattr(self._own, "connections", None)
        if held is not None and now - self._own.used_at > IDLE_SECONDS_MAX:
            held.close()
            held = None
        if held is None:
            held = self._own.connections = _opened(self._base_url, self._trust)
        self._own.used_at = now
        return held


def _opened(base_url: str, trust: str | None) -> Connections:
    address = urlsplit(base_url)
    options: dict[str, Any] = {"maxsize": 1, "block": False}
    if address.scheme == "https":
        options |= {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": trust}
    proxy = getproxies().get(address.scheme)
    manager = (
        ProxyManager(proxy, **options)
        if proxy and not proxy_bypass(address.netloc.rpartition("@")[2])
        else PoolManager(**options)
    )
    return manager.connection_from_host(address.hostname, address.port, address.scheme)


def _headers(config: WiredConfiguration) -> dict[str, str]:
    """As the SDK sends them."""
    keys = f"{config.public_key}:{config.private_key}".encode("ascii")
    return {
        "Accept": "application/xml",
        "Accept-Encoding": "gzip",
        "Authorization": f"Basic {base64.b64encode(keys).decode('ascii')}",
        "Content-type": Http.ContentType.Xml,
        "User-Agent": f"Braintree Python {braintree.version.Version}",
        "X-ApiVersion": config.api_version(),
    }
