"""Settings of this deployment: from the environment, typed, read once, and refused as a whole when unsafe.

Called by wsgi.py, worker.py, migrations/ and demo/; portal/ is handed the result and never imports this.
docs/settings.md explains each one (a test compares the two). An organisation's settings are rows, not these.
"""

import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

from cryptography.fernet import Fernet

Environment = Literal["development", "test", "production"]
Gateway = Literal["simulator", "sandbox", "production"]
SmtpTls = Literal["none", "starttls", "tls"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

ROOT = Path(__file__).resolve().parent
VAR = ROOT / "var"
REAL_SCRIPTS = "https://js.braintreegateway.com/"
SECRET_LENGTH_MIN = 32
# Below these a slow gateway could be asked twice for one payment (docs/charge.md).
SECONDS_MIN = {
    "gateway_timeout_page_seconds": 10,
    "gateway_timeout_worker_seconds": 60,
    "send_window_seconds": 5,
    "lease_margin_seconds": 120,
    "quarantine_seconds": 900,
    "sweep_seconds": 5,
}
# a host's name, its number, or an IPv6 number in brackets; then perhaps a port
ADDRESS = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
MAIL_ADDRESS = re.compile(r"[^\s@<>,;:\"\\()\[\]]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
PLACEHOLDERS = (
    "changeme",
    "change-me",
    "secret",
    "default",
    "example",
    "password",
    "development",
    "insecure",
)


class UnsafeSettings(RuntimeError):
    """The settings cannot be used. `problems` holds a sentence for each thing wrong, never a value."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("Refused to start:\n" + "\n".join(f"  - {problem}" for problem in problems))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of a deployment. Secrets, and addresses that may hold a password, are not in its repr.

    A setting's name in the environment is its name here in capitals; `environment` is PAYDOOR_ENVIRONMENT.
    """

    environment: Environment
    portal_url: str  # where people reach the portal
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)

    secret_key: str = field(repr=False)  # signs the CSRF secret
    seal_key: str = field(repr=False)  # seals the gateway keys in the database
    pepper: str = field(repr=False)  # keyed digests of what is short enough to guess
    pepper_version: int  # goes up by one when the pepper is changed
    pepper_previous: str = field(repr=False)  # the one before, while it is being changed; empty otherwise

    gateway: Gateway
    simulator_url: str
    braintree_script_base: str  # where the card page loads its scripts

    smtp_host: str
    smtp_port: int
    smtp_username: str  # empty: no login
    smtp_password: str = field(repr=False)
    smtp_tls: SmtpTls
    mail_sender: str  # the address mail comes from; the organisation's name stands before it

    sms_api_url: str  # empty: the real carrier; who sends is in the organisations' own accounts

    trusted_proxies: int
    hosts: int
    log_level: LogLevel
    failpoints: str

    gateway_timeout_page_seconds: int
    gateway_timeout_worker_seconds: int
    send_window_seconds: int
    lease_margin_seconds: int
    quarantine_seconds: int
    sweep_seconds: int

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, *, var: Path = VAR) -> "Settings":
        """Read every setting, or raise UnsafeSettings with all that is wrong at once."""
        return _read(cls, environ, var)

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @classmethod
    def names(cls) -> frozenset[str]:
        """Every name that is read from the environment."""
        capitals = {each.name.upper() for each in fields(cls)}
        return frozenset(capitals - {"ENVIRONMENT"} | {"PAYDOOR_ENVIRONMENT"})


def _read(cls: type[Settings], environ: Mapping[str, str], var: Path) -> Settings:
    problems: list[str] = []

    def text(name: str, default: str = "") -> str:
        return environ.get(name, default).strip() or default

    def choice(name: str, allowed: tuple[str, ...], default: str) -> Any:
        value = text(name, default)
        if value not in allowed:
            problems.append(f"{name} must be one of {', '.join(allowed)}.")
            return default
        return value

    def number(name: str, default: int, least: int) -> int:
        value = text(name, str(default))
        if not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) or int(value) < least:
            problems.append(f"{name} must be a whole number of 9 digits at most, at least {least}.")
            return default
        return int(value)

    # A misspelt environment must not quietly become development: it is judged as production.
    environment = cast(Environment, choice("PAYDOOR_ENVIRONMENT", get_args(Environment), "development"))
    strict = environment == "production" or text("PAYDOOR_ENVIRONMENT", "development") != environment
    made = {} if strict else development_secrets(var)
    gateway = cast(Gateway, choice("GATEWAY", get_args(Gateway), "simulator"))
    simulator_url = text("SIMULATOR_URL", "http://127.0.0.1:8099").rstrip("/")
    script_bases = {"simulator": f"{simulator_url}/web/3.144.0/js"}
    real_carrier = "" if strict else simulator_url

    settings = cls(
        environment=environment,
        portal_url=text("PORTAL_URL", "http://127.0.0.1:8080").rstrip("/"),
        database_url=_database_url(text("DATABASE_URL", f"sqlite:///{var / 'paydoor.sqlite3'}")),
        redis_url=text("REDIS_URL", "" if strict else "redis://127.0.0.1:8379/0"),
        secret_key=text("SECRET_KEY", made.get("SECRET_KEY", "")),
        seal_key=text("SEAL_KEY", made.get("SEAL_KEY", "")),
        pepper=text("PEPPER", made.get("PEPPER", "")),
        pepper_version=number("PEPPER_VERSION", 1, 1),
        pepper_previous=text("PEPPER_PREVIOUS"),
        gateway=gateway,
        simulator_url=simulator_url,
        braintree_script_base=text(
            "BRAINTREE_SCRIPT_BASE", script_bases.get(gateway, f"{REAL_SCRIPTS}web/3.144.0/js")
        ).rstrip("/"),
        smtp_host=text("SMTP_HOST", "" if strict else "127.0.0.1"),
        smtp_port=number("SMTP_PORT", 587 if strict else 8025, 1),
        smtp_username=text("SMTP_USERNAME"),
        smtp_password=text("SMTP_PASSWORD"),
        smtp_tls=cast(SmtpTls, choice("SMTP_TLS", get_args(SmtpTls), "starttls" if strict else "none")),
        mail_sender=text("MAIL_SENDER", "" if strict else "no-reply@paydoor.example"),
        sms_api_url=environ.get("SMS_API_URL", real_carrier).strip().rstrip("/"),
        trusted_proxies=number("TRUSTED_PROXIES", 0, 0),
        hosts=number("HOSTS", 1, 1),
        log_level=cast(LogLevel, choice("LOG_LEVEL", get_args(LogLevel), "INFO")),
        failpoints=text("FAILPOINTS"),
        gateway_timeout_page_seconds=number("GATEWAY_TIMEOUT_PAGE_SECONDS", 25, 1),
        gateway_timeout_worker_seconds=number("GATEWAY_TIMEOUT_WORKER_SECONDS", 65, 1),
        send_window_seconds=number("SEND_WINDOW_SECONDS", 20, 1),
        lease_margin_seconds=number("LEASE_MARGIN_SECONDS", 120, 0),
        quarantine_seconds=number("QUARANTINE_SECONDS", 900, 0),
        sweep_seconds=number("SWEEP_SECONDS", 15, 1),
    )
    problems += _malformed(settings)
    if settings.gateway == "production" and not strict:
        problems.append("GATEWAY may be production only where PAYDOOR_ENVIRONMENT is production: it moves real money.")
    if settings.failpoints and environment != "test":
        problems.append("FAILPOINTS may be set only where PAYDOOR_ENVIRONMENT is test.")
    if strict:
        for rule in PRODUCTION_RULES:
            problems += rule(settings, environ, var)
    if problems:
        raise UnsafeSettings(problems)
    return settings


def _malformed(settings: Settings) -> list[str]:
    problems = []
    for name, value in (("PORTAL_URL", settings.portal_url), ("SIMULATOR_URL", settings.simulator_url)):
        if not ADDRESS.fullmatch(value):
            problems.append(f"{name} must be an address like http://127.0.0.1:8080, with no path, query or password.")
    if _scheme(settings.database_url) not in {"sqlite", "postgresql+psycopg"}:
        problems.append("DATABASE_URL must begin with sqlite:/// or postgresql://.")
    if re.fullmatch(r"sqlite:/*(.*:memory:.*|.*mode=memory.*)?", settings.database_url):
        problems.append("DATABASE_URL must name a file: what is only in memory is gone, and no other program sees it.")
    if settings.redis_url and _scheme(settings.redis_url) not in {"redis", "rediss", "unix"}:
        problems.append("REDIS_URL must begin with redis://, rediss:// or unix://.")
    if settings.seal_key and not _is_fernet_key(settings.seal_key):
        problems.append("SEAL_KEY must be a Fernet key: 32 random bytes in URL-safe base64.")
    if settings.pepper_previous and settings.pepper_version == 1:
        problems.append("PEPPER_PREVIOUS goes with a PEPPER_VERSION above 1.")
    if settings.mail_sender and not MAIL_ADDRESS.fullmatch(settings.mail_sender):
        problems.append("MAIL_SENDER must be one address like no-reply@example.com, without a name.")
    if settings.smtp_port > 65_535:
        problems.append("SMTP_PORT must be at most 65535.")
    # A claim whose sender may still be writing must never be sent again.
    busy_seconds = (
        max(settings.gateway_timeout_worker_seconds, settings.gateway_timeout_page_seconds)
        + settings.send_window_seconds
        + settings.lease_margin_seconds
    )
    if settings.environment != "test" and settings.quarantine_seconds <= busy_seconds:
        problems.append(
            "QUARANTINE_SECONDS must be above gateway timeout + SEND_WINDOW_SECONDS + LEASE_MARGIN_SECONDS."
        )
    return problems


Rule = Callable[[Settings, Mapping[str, str], Path], list[str]]


def _secrets_are_secret(settings: Settings, _environ: Mapping[str, str], var: Path) -> list[str]:
    problems = []
    from_desk = set(_stored_secrets(var).values())
    values = {"SECRET_KEY": settings.secret_key, "SEAL_KEY": settings.seal_key, "PEPPER": settings.pepper}
    for name, value in values.items():
        if not value:
            problems.append(f"{name} is missing.")
        elif len(value) < SECRET_LENGTH_MIN or len(set(value)) < 10:
            problems.append(f"{name} is too short or too plain: give it {SECRET_LENGTH_MIN} random characters.")
        elif value in from_desk or any(word in value.lower() for word in PLACEHOLDERS):
            problems.append(f"{name} is a default or a placeholder: make one of your own.")
    given = [value for value in (*values.values(), settings.pepper_previous) if value]
    if len(set(given)) < len(given):
        problems.append("SECRET_KEY, SEAL_KEY, PEPPER and PEPPER_PREVIOUS must differ from one another.")
    return problems


def _debug_is_off(settings: Settings, environ: Mapping[str, str], _var: Path) -> list[str]:
    problems = []
    off = {"", "0", "false", "no", "off"}
    problems += [
        f"{name} must be off in production."
        for name in ("FLASK_DEBUG", "DEBUG", "PYTHONDEVMODE", "WERKZEUG_DEBUG_PIN")
        if environ.get(name, "").strip().lower() not in off
    ]
    if settings.log_level == "DEBUG":
        problems.append("LOG_LEVEL may not be DEBUG in production: libraries log bodies then.")
    return problems


def _money_is_real(settings: Settings, _environ: Mapping[str, str], _var: Path) -> list[str]:
    problems = []
    if settings.gateway == "simulator":
        problems.append("GATEWAY may not be simulator in production.")
    elif not settings.braintree_script_base.startswith(REAL_SCRIPTS):
        problems.append(f"BRAINTREE_SCRIPT_BASE must begin with {REAL_SCRIPTS} in production.")
    return problems


def _parts_are_fit(settings: Settings, _environ: Mapping[str, str], _var: Path) -> list[str]:
    problems = []
    if settings.database_url.startswith("sqlite") and settings.hosts > 1:
        problems.append("DATABASE_URL may not be SQLite when HOSTS is above 1.")
    if not settings.redis_url:
        problems.append("REDIS_URL is missing.")
    if _scheme(settings.portal_url) != "https":
        problems.append("PORTAL_URL must begin with https:// in production.")
    if not settings.mail_sender:
        problems.append("MAIL_SENDER is missing.")
    if not settings.smtp_host:
        problems.append("SMTP_HOST is missing.")
    elif settings.smtp_tls == "none" and settings.smtp_host not in {"127.0.0.1", "::1", "localhost"}:
        problems.append("SMTP_TLS may be none only for a mail server on this machine.")
    if settings.sms_api_url and _scheme(settings.sms_api_url) != "https":
        problems.append("SMS_API_URL must begin with https:// in production.")
    return problems


def _times_are_safe(settings: Settings, _environ: Mapping[str, str], _var: Path) -> list[str]:
    problems = [
        f"{name.upper()} must be at least {floor} in production."
        for name, floor in SECONDS_MIN.items()
        if getattr(settings, name) < floor
    ]
    if settings.sweep_seconds > 60:
        problems.append("SWEEP_SECONDS must be at most 60 in production.")
    return problems


PRODUCTION_RULES: tuple[Rule, ...] = (
    _secrets_are_secret,
    _debug_is_off,
    _money_is_real,
    _parts_are_fit,
    _times_are_safe,
)


def development_secrets(var: Path) -> dict[str, str]:
    """Secrets of this desk: made once, kept for the next start, readable by their owner alone."""
    path = var / "secrets.json"
    stored = _stored_secrets(var)
    if stored:
        return stored
    var.mkdir(parents=True, exist_ok=True)
    made = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SEAL_KEY": Fernet.generate_key().decode(),
        "PEPPER": secrets.token_urlsafe(48),
    }
    # Several processes may start at once: whoever links first wins, the others read what it wrote.
    handle, draft = tempfile.mkstemp(dir=var, prefix=".secrets-")
    with os.fdopen(handle, "w") as stream:
        json.dump(made, stream)
    try:
        os.link(draft, path)
    except FileExistsError:
        return _stored_secrets(var)
    finally:
        Path(draft).unlink()
    return made


def _stored_secrets(var: Path) -> dict[str, str]:
    try:
        stored: dict[str, str] = json.loads((var / "secrets.json").read_text())
    except FileNotFoundError:
        return {}
    return stored


def _database_url(url: str) -> str:
    """One spelling for the driver; a relative SQLite path counts from the root of the project."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    path = url.removeprefix("sqlite:///")
    if path != url and path and not path.startswith(("/", ":")):
        return f"sqlite:///{ROOT / path}"
    return url


def _scheme(address: str) -> str:
    """What stands before `://`; of anything, also of what is no address."""
    return address.partition("://")[0]


def _is_fernet_key(value: str) -> bool:
    try:
        Fernet(value)
    except ValueError:
        return False
    return True
