"""Builds the house: picks the adapter for each port, opens the doors. Called by wsgi.py, worker.py, demo/ and tests.

The only module that may know every floor. It holds no rule and no page.
"""

import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

import structlog
from cryptography.fernet import Fernet, InvalidToken
from flask import Flask
from structlog.tracebacks import ExceptionDictTransformer

from portal.delivery.drawing import Drawings
from portal.delivery.paper import Paper
from portal.delivery.sms import SmsCredentials, TwilioCarriers
from portal.delivery.smtp import SmtpMail
from portal.delivery.wording import Wording
from portal.domain.card import GatewayRefused
from portal.domain.charge import Timing
from portal.gateway.braintree import BraintreeGateways, Credentials
from portal.gateway.page_reader import HttpPageReader
from portal.jobs.queue import RedisDoorbell
from portal.storage import Database, organisation, sms_account
from portal.usecases.ports import Directory, Ports
from portal.usecases.secret import Secrets
from portal.web.command_line.install import install as install_commands
from portal.web.doors import open_doors
from portal.web.own_pages import OwnPages

TEMPLATES = Path(__file__).parent / "templates"
TRANSLATIONS = Path(__file__).parent / "translations"
QUESTION_TIMEOUT = timedelta(seconds=10)


class AppSettings(Protocol):
    """What the house needs to know of its deployment; `config.Settings` has it all."""

    @property
    def environment(self) -> str: ...
    @property
    def portal_url(self) -> str: ...
    @property
    def database_url(self) -> str: ...
    @property
    def redis_url(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def seal_key(self) -> str: ...
    @property
    def pepper(self) -> str: ...
    @property
    def pepper_version(self) -> int: ...
    @property
    def pepper_previous(self) -> str: ...
    @property
    def gateway(self) -> str: ...
    @property
    def simulator_url(self) -> str: ...
    @property
    def braintree_script_base(self) -> str: ...
    @property
    def smtp_host(self) -> str: ...
    @property
    def smtp_port(self) -> int: ...
    @property
    def smtp_username(self) -> str: ...
    @property
    def smtp_password(self) -> str: ...
    @property
    def smtp_tls(self) -> Literal["none", "starttls", "tls"]: ...
    @property
    def mail_sender(self) -> str: ...
    @property
    def sms_api_url(self) -> str: ...
    @property
    def trusted_proxies(self) -> int: ...
    @property
    def log_level(self) -> str: ...
    @property
    def gateway_timeout_page_seconds(self) -> int: ...
    @property
    def gateway_timeout_worker_seconds(self) -> int: ...
    @property
    def send_window_seconds(self) -> int: ...
    @property
    def lease_margin_seconds(self) -> int: ...
    @property
    def quarantine_seconds(self) -> int: ...
    @property
    def sweep_seconds(self) -> int: ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FernetSeal:
    """Seals small secrets with the deployment's key, so that a copy of the database alone opens none."""

    def __init__(self, key: str) -> None:
        self._fernet = Fernet(key)

    def seal(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        return self._fernet.decrypt(sealed.encode("ascii")).decode()


class DirectoriesHere:
    """Usernames and PINs are kept here for every organisation. One that brings its own gets an adapter here."""

    def of(self, organisation_id: str) -> Directory | None:
        return None


def configure_logging(level: str) -> None:
    """One JSON line for each event on standard output; values that look like secrets never reach it."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # without the variables of each frame: they hold nonces, gateway keys and what people typed
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            _redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=level, stream=sys.stderr)
    logging.getLogger("urllib3").setLevel(logging.WARNING)


_SECRET_NAMES = (
    "secret",
    "token",
    "nonce",
    "pin",
    "password",
    "private_key",
    "recipient",
    "email",
    "phone",
    "ssn",
    "username",
)


def _redact(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {
        name: "[redacted]" if any(word in name.lower() for word in _SECRET_NAMES) else value
        for name, value in event.items()
    }


def timing_of(settings: AppSettings) -> Timing:
    """The waits of the money path as the deployment sets them; shorter looks where the quarantine is shorter."""
    quarantine = timedelta(seconds=settings.quarantine_seconds)
    longest = max(quarantine, timedelta(seconds=1))
    return Timing(
        page_timeout=timedelta(seconds=settings.gateway_timeout_page_seconds),
        worker_timeout=timedelta(seconds=settings.gateway_timeout_worker_seconds),
        send_window=timedelta(seconds=settings.send_window_seconds),
        lease_margin=timedelta(seconds=settings.lease_margin_seconds),
        quarantine=quarantine,
        resolve_tries=tuple(min(wait, longest) for wait in Timing().resolve_tries),
        sweep=timedelta(seconds=settings.sweep_seconds),
    )


def peppers_of(settings: AppSettings) -> dict[int, str]:
    """The pepper in use and, while it is being changed, the one before, by version."""
    peppers = {settings.pepper_version: settings.pepper}
    if settings.pepper_previous:
        peppers[settings.pepper_version - 1] = settings.pepper_previous
    return peppers


def build_ports(settings: AppSettings) -> Ports:
    """Every adapter of one process. Opens no connection yet, so it may be called before a fork."""
    database = Database(settings.database_url, must_be_held=settings.environment == "production")
    seal = FernetSeal(settings.seal_key)

    def credentials(organisation_id: str) -> Credentials | None:
        with database.read(organisation_id) as session:
            row = organisation.gateway_account(session)
        if row is None:
            return None
        try:
            private_key = seal.open(row.private_key_sealed)
        except (InvalidToken, ValueError) as error:  # sealed with another SEAL_KEY, or no seal at all
            raise GatewayRefused("gateway_key_unopenable") from error
        return Credentials(
            environment=row.environment,
            merchant_id=row.merchant_id,
            public_key=row.public_key,
            private_key=private_key,
            merchant_account_id=row.merchant_account_id,
        )

    def sms_credentials(organisation_id: str) -> SmsCredentials | None:
        with database.read(organisation_id) as session:
            row = sms_account.sms_account(session)
        return SmsCredentials(row.account_sid, seal.open(row.auth_token_sealed), row.sender) if row else None

    return Ports(
        database=database,
        clock=SystemClock(),
        gateways=BraintreeGateways(credentials, settings.gateway, settings.simulator_url, QUESTION_TIMEOUT),
        mail=SmtpMail(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_username,
            settings.smtp_password,
            settings.smtp_tls,
            sender=settings.mail_sender,
        ),
        carriers=TwilioCarriers(sms_credentials, settings.sms_api_url),
        wording=Wording(TEMPLATES, TRANSLATIONS),
        paper=Paper(TEMPLATES, TRANSLATIONS),
        drawings=Drawings(),
        doorbell=RedisDoorbell(settings.redis_url),
        seal=seal,
        secrets=Secrets(peppers_of(settings)),
        directories=DirectoriesHere(),
        timing=timing_of(settings),
        portal_url=settings.portal_url,
        mail_domain=settings.mail_sender.rpartition("@")[2] or urlsplit(settings.portal_url).hostname or "localhost",
    )


def create_app(settings: AppSettings, ports: Ports | None = None) -> Flask:
    """The portal as a WSGI application. `ports` only where they are made elsewhere: the worker's, or a test's."""
    app = Flask("portal", root_path=str(Path(__file__).parent), static_folder=None, template_folder=str(TEMPLATES))
    open_doors(app, settings, ports or build_ports(settings))
    app.extensions["own_pages"] = OwnPages(lambda: app, HttpPageReader())
    install_commands(app)
    return app


def build_pages(settings: AppSettings, ports: Ports) -> OwnPages:
    """The portal's own pages, for a process that serves none: its clock watches them."""
    return OwnPages(lambda: create_app(settings, ports), HttpPageReader())
