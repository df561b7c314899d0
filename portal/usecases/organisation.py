"""Organisations: making one, reading and setting its settings with history.

Called by doors, jobs and other use cases. Knows no gateway call and no message.
"""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from portal.domain.organisation import SETTINGS, Profile, setting
from portal.storage import Session, organisation
from portal.storage.audit import AuditEntry
from portal.storage.organisation import GatewayAccount, Organisation, OrganisationSetting
from portal.usecases.ports import Seal


@dataclass(frozen=True, slots=True)
class OrganisationSettings:
    """All settings of one organisation at one moment, defaults filled in."""

    values: MappingProxyType[str, Any]

    def is_on(self, name: str) -> bool:
        """A yes-or-no setting."""
        value = self.values[name]
        assert isinstance(value, bool), name  # noqa: S101 - a wrong name is a programming error
        return value

    @property
    def is_discreet(self) -> bool:
        """Whether no subject and no page before identity names a debt: a debt collector's never do (C20)."""
        return self.is_on("discreet_messages") or self.is_on("debt_collector")

    def with_(self, **values: bool | int | str) -> "OrganisationSettings":
        """The same with some set for the moment; a wrong name is a programming error."""
        assert values.keys() <= self.values.keys(), values  # noqa: S101 - see above
        return OrganisationSettings(MappingProxyType({**self.values, **values}))

    def number(self, name: str) -> int:
        """A whole number (cents, days, counts)."""
        value = self.values[name]
        assert isinstance(value, int), name  # noqa: S101 - a wrong name is a programming error
        return value

    def words(self, name: str) -> str:
        """A text."""
        value = self.values[name]
        assert isinstance(value, str), name  # noqa: S101 - a wrong name is a programming error
        return value


def settings(session: Session) -> OrganisationSettings:
    """The settings of the session's organisation; one statement for what was set, one for the profile."""
    row = organisation.by_id(session, session.info["organisation_id"])
    return settings_of(session, row)


def settings_of(session: Session, row: Organisation) -> OrganisationSettings:
    """The settings of an organisation already in hand."""
    profile = Profile(row.profile)
    values = {name: entry.default_for(profile) for name, entry in SETTINGS.items()}
    values.update({name: value for name, value in organisation.settings_set(session).items() if name in SETTINGS})
    return OrganisationSettings(MappingProxyType(values))


def set_setting(session: Session, name: str, value: object, *, by: str, now: datetime) -> None:
    """Sets one setting from now on; the old value stays in the history. Refused `setting_invalid`."""
    checked = setting(name).checked(value)
    session.add(
        OrganisationSetting(
            organisation_id=session.info["organisation_id"],
            name=name,
            seq=organisation.latest_setting_seq(session, name) + 1,
            value=checked,
            set_at=now,
            set_by=by,
        )
    )
    session.flush()
    organisation.settings_changed(session)
    record(session, by, "setting_set", session.info["organisation_id"], now, name=name, value=checked)


def set_gateway_account(
    session: Session,
    seal: Seal,
    *,
    environment: str,
    merchant_id: str,
    public_key: str,
    private_key: str,
    merchant_account_id: str,
) -> None:
    """The merchant of the organisation; the private key is sealed before it is stored."""
    row = organisation.gateway_account(session) or GatewayAccount(organisation_id=session.info["organisation_id"])
    row.environment = environment
    row.merchant_id = merchant_id
    row.public_key = public_key
    row.private_key_sealed = seal.seal(private_key)
    row.merchant_account_id = merchant_account_id
    row.stopped_at = row.stopped_reason = None
    session.add(row)


def record(session: Session, actor: str, action: str, subject_id: str, now: datetime, **facts: Any) -> None:
    """One line of the audit trail; facts are ids, states, cents and setting values."""
    session.add(
        AuditEntry(
            organisation_id=session.info["organisation_id"],
            at=now,
            actor=actor,
            action=action,
            subject_id=subject_id,
            facts=facts,
        )
    )
