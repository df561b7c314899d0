"""Settings are read once, typed, and an unsafe mix never starts."""

import dataclasses
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config import ROOT, Settings, UnsafeSettings, development_secrets

SEAL_KEY = Fernet.generate_key().decode()
SAFE = {
    "PAYDOOR_ENVIRONMENT": "production",
    "PORTAL_URL": "https://pay.agency.test",
    "DATABASE_URL": "postgresql://paydoor:pw-of-db@db.agency.test/paydoor",
    "REDIS_URL": "redis://:pw-of-redis@redis.agency.test:6379/0",
    "SECRET_KEY": "kJ8vQ2xR5tY7uI9oP1aS3dF4gH6jK0lZ",
    "SEAL_KEY": SEAL_KEY,
    "PEPPER": "mN5bV4cX3zL2kJ1hG9fD8sA7pO6iU5yT",
    "GATEWAY": "production",
    "SMTP_HOST": "mail.agency.test",
    "MAIL_SENDER": "no-reply@agency.test",
    "SMTP_PASSWORD": "pw-of-mail",
}


def problems_with(var: Path, **changes: str) -> list[str]:
    with pytest.raises(UnsafeSettings) as refusal:
        Settings.from_environment({**SAFE, **changes}, var=var)
    return refusal.value.problems


def test_a_safe_production_starts(tmp_path: Path) -> None:
    settings = Settings.from_environment(SAFE, var=tmp_path)
    assert settings.is_production
    assert settings.database_url == "postgresql+psycopg://paydoor:pw-of-db@db.agency.test/paydoor"
    assert settings.braintree_script_base == "https://js.braintreegateway.com/web/3.144.0/js"
    assert settings.sms_api_url == ""
    assert settings.quarantine_seconds == 900
    assert not list(tmp_path.iterdir()), "production makes no secrets of its own"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing"),
        ({"SEAL_KEY": ""}, "SEAL_KEY is missing"),
        ({"PEPPER": ""}, "PEPPER is missing"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short"),
        ({"SECRET_KEY": "a" * 64}, "SECRET_KEY is too short or too plain"),
        ({"PEPPER": "kJ8vQ2xR5tY7uI9oP1aS3dF4gH6j"}, "PEPPER is too short"),
        ({"SECRET_KEY": "Change-Me-kJ8vQ2xR5tY7uI9oP1aS3dF4"}, "SECRET_KEY is a default"),
        ({"SEAL_KEY": "kJ8vQ2xR5tY7uI9oP1aS3dF4gH6jK0lZ"}, "SEAL_KEY must be a Fernet key"),
        ({"PEPPER": SAFE["SECRET_KEY"]}, "must differ"),
        ({"FLASK_DEBUG": "1"}, "FLASK_DEBUG must be off"),
        ({"FLASK_DEBUG": "yes"}, "FLASK_DEBUG must be off"),
        ({"DEBUG": "true"}, "DEBUG must be off"),
        ({"PYTHONDEVMODE": "1"}, "PYTHONDEVMODE must be off"),
        ({"LOG_LEVEL": "DEBUG"}, "LOG_LEVEL may not be DEBUG"),
        ({"GATEWAY": "simulator"}, "GATEWAY may not be simulator"),
        ({"GATEWAY": ""}, "GATEWAY may not be simulator"),
        ({"BRAINTREE_SCRIPT_BASE": "https://scripts.test/js"}, "BRAINTREE_SCRIPT_BASE must begin with"),
        ({"DATABASE_URL": "sqlite:///var/p.sqlite3", "HOSTS": "2"}, "DATABASE_URL may not be SQLite"),
        ({"REDIS_URL": ""}, "REDIS_URL is missing"),
        ({"PORTAL_URL": "http://pay.agency.test"}, "PORTAL_URL must begin with https"),
        ({"PORTAL_URL": ""}, "PORTAL_URL must begin with https"),
        ({"SMTP_HOST": ""}, "SMTP_HOST is missing"),
        ({"MAIL_SENDER": ""}, "MAIL_SENDER is missing"),
        ({"SMTP_TLS": "none"}, "SMTP_TLS may be none only"),
        ({"SMS_API_URL": "http://sms.test"}, "SMS_API_URL must begin with https"),
        ({"FAILPOINTS": "claim.after_commit=kill"}, "FAILPOINTS may be set only"),
        ({"GATEWAY_TIMEOUT_PAGE_SECONDS": "9"}, "GATEWAY_TIMEOUT_PAGE_SECONDS must be at least"),
        ({"GATEWAY_TIMEOUT_WORKER_SECONDS": "59"}, "GATEWAY_TIMEOUT_WORKER_SECONDS must be at least"),
        ({"SEND_WINDOW_SECONDS": "1"}, "SEND_WINDOW_SECONDS must be at least"),
        ({"LEASE_MARGIN_SECONDS": "119"}, "LEASE_MARGIN_SECONDS must be at least"),
        ({"QUARANTINE_SECONDS": "899"}, "QUARANTINE_SECONDS must be at least"),
        ({"SEND_WINDOW_SECONDS": "800"}, "QUARANTINE_SECONDS must be above"),
        ({"SWEEP_SECONDS": "1"}, "SWEEP_SECONDS must be at least"),
        ({"SWEEP_SECONDS": "3600"}, "SWEEP_SECONDS must be at most"),
    ],
)
def test_attack_131_production_refuses_an_unsafe_setting(changes: dict[str, str], said: str, tmp_path: Path) -> None:
    found = problems_with(tmp_path, **changes)
    assert any(said in problem for problem in found), found


def test_attack_131_every_problem_is_named_at_once_and_no_value_is_shown(tmp_path: Path) -> None:
    with pytest.raises(UnsafeSettings) as refusal:
        Settings.from_environment(
            {"PAYDOOR_ENVIRONMENT": "production", "SECRET_KEY": "hunter2", "FLASK_DEBUG": "1"}, var=tmp_path
        )
    text = str(refusal.value)
    names = ("SECRET_KEY", "PEPPER", "SEAL_KEY", "FLASK_DEBUG", "GATEWAY", "REDIS_URL", "PORTAL_URL")
    assert [name for name in names if name not in text] == []
    assert "hunter2" not in text
    assert len(text.splitlines()) == len(refusal.value.problems) + 1


def test_attack_131_production_refuses_the_secrets_of_a_desk(tmp_path: Path) -> None:
    made = development_secrets(tmp_path)
    found = problems_with(tmp_path, SECRET_KEY=made["SECRET_KEY"])
    assert any("SECRET_KEY is a default" in problem for problem in found)


def test_attack_131_a_misspelt_environment_is_refused_and_judged_as_production(tmp_path: Path) -> None:
    with pytest.raises(UnsafeSettings) as refusal:
        Settings.from_environment({"PAYDOOR_ENVIRONMENT": "Production"}, var=tmp_path)
    assert "PAYDOOR_ENVIRONMENT must be one of" in str(refusal.value)
    assert "SECRET_KEY is missing" in str(refusal.value)


@pytest.mark.parametrize("environment", ["", "development", "test"])
def test_f8_attack_131_real_money_moves_only_in_production(environment: str, tmp_path: Path) -> None:
    """A forgotten PAYDOOR_ENVIRONMENT must not take real cards with a desk's rules."""
    problems = problems_with(tmp_path, PAYDOOR_ENVIRONMENT=environment)
    assert problems == [
        "GATEWAY may be production only where PAYDOOR_ENVIRONMENT is production: it moves real money.",
    ]


@pytest.mark.parametrize("environment", ["development", "production"])
def test_failpoints_are_accepted_only_in_tests(environment: str, tmp_path: Path) -> None:
    found = problems_with(tmp_path, PAYDOOR_ENVIRONMENT=environment, FAILPOINTS="claim.after_commit=kill")
    assert any("FAILPOINTS" in problem for problem in found)
    armed = {"PAYDOOR_ENVIRONMENT": "test", "FAILPOINTS": "claim.after_commit=kill", "QUARANTINE_SECONDS": "0"}
    assert Settings.from_environment(armed, var=tmp_path).failpoints == "claim.after_commit=kill"


def test_sqlite_on_one_host_is_fit_for_production(tmp_path: Path) -> None:
    settings = Settings.from_environment({**SAFE, "DATABASE_URL": "sqlite:///data/p.sqlite3"}, var=tmp_path)
    assert settings.database_url == f"sqlite:///{ROOT}/data/p.sqlite3", "a relative path has one meaning"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOSTS", "0"),
        ("HOSTS", "two"),
        ("TRUSTED_PROXIES", "-1"),
        ("SMTP_PORT", "٢٥"),
        ("QUARANTINE_SECONDS", "15.5"),
        ("GATEWAY", "braintree"),
        ("SMTP_TLS", "ssl"),
        ("LOG_LEVEL", "verbose"),
        ("PORTAL_URL", "pay.agency.test"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "[::"),
        ("HOSTS", "9" * 5_000),
        ("SMTP_PORT", "70000"),
        ("PORTAL_URL", "https://[::"),
        ("PORTAL_URL", "https://pay.agency.test/sub"),
        ("PORTAL_URL", "https://somebody:pw@pay.agency.test"),
        ("MAIL_SENDER", "no-reply"),
        ("MAIL_SENDER", "Paydoor <no-reply@agency.test>"),
        ("MAIL_SENDER", "a@agency.test\nBcc: b@agency.test"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite:///file:x?mode=memory&uri=true"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_everywhere(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeSettings) as refusal:
        Settings.from_environment({name: value}, var=tmp_path)
    assert name in str(refusal.value)


def test_a_desk_needs_no_setting_and_keeps_its_secrets(tmp_path: Path) -> None:
    first = Settings.from_environment({}, var=tmp_path)
    second = Settings.from_environment({}, var=tmp_path)
    assert (first.secret_key, first.seal_key, first.pepper) == (
        second.secret_key,
        second.seal_key,
        second.pepper,
    )
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert first.gateway == "simulator"
    assert first.braintree_script_base == "http://127.0.0.1:8099/web/3.144.0/js"
    assert first.sms_api_url == first.simulator_url


def test_processes_that_start_together_agree_on_the_secrets(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(development_secrets, [tmp_path / "var"] * 16))
    assert all(each == made[0] for each in made)
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["secrets.json"]


def test_the_scripts_of_the_card_page_follow_the_gateway(tmp_path: Path) -> None:
    sandbox = Settings.from_environment({"GATEWAY": "sandbox"}, var=tmp_path)
    assert sandbox.braintree_script_base.startswith("https://js.braintreegateway.com/web/")
    moved = Settings.from_environment({"SIMULATOR_URL": "http://127.0.0.1:9000/"}, var=tmp_path)
    assert moved.braintree_script_base == "http://127.0.0.1:9000/web/3.144.0/js"


def test_no_secret_is_in_the_repr(tmp_path: Path) -> None:
    shown = repr(Settings.from_environment(SAFE, var=tmp_path))
    for name in ("SECRET_KEY", "SEAL_KEY", "PEPPER"):
        assert SAFE[name] not in shown
    assert "pw-of" not in shown


def test_settings_cannot_be_changed_after_the_start(tmp_path: Path) -> None:
    settings = Settings.from_environment(SAFE, var=tmp_path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.hosts = 2  # type: ignore[misc]  # that it refuses is what is tested
