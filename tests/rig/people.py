"""People of a house who can sign in: staff with a password and a phone that shows codes, customers with a PIN.

Asked by tests of pages behind a sign-in. Adds them through use cases only.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from portal.domain.second_factor import STEP_SECONDS, code_at
from portal.domain.staff import Role
from portal.usecases.login import let_in
from portal.usecases.staff import add_staff
from tests.rig.house import House
from tests.rig.reader import Reader

PIN = "839174"
PASSWORD = "violet teapot canyon"


@dataclass
class Colleague:
    """Somebody of the staff."""

    house: House
    id: str
    username: str
    totp_secret: str
    password: str = PASSWORD
    last_used: datetime | None = field(default=None, repr=False)

    def code(self) -> str:
        """A code that was not used yet: waits for the next one as a person would."""
        clock = self.house.clock
        step = int(clock.at.timestamp()) // STEP_SECONDS
        if self.last_used is not None and step <= int(self.last_used.timestamp()) // STEP_SECONDS:
            clock.pass_(seconds=STEP_SECONDS)
        self.last_used = clock.at
        return code_at(self.totp_secret, clock.at)

    def sign_in(self, reader: Reader, *, password: str | None = None, code: str | None = None) -> Reader:
        """Through the page, as a person does."""
        reader.open(f"/{self.house.slug}/staff/sign-in")
        reader.fill("Username", self.username).fill("Password", self.password if password is None else password)
        return reader.fill("Code from", self.code() if code is None else code).press("Sign in")


@dataclass
class Payer:
    """A customer who can sign in."""

    house: House
    login_id: str
    username: str
    pin: str = PIN

    def sign_in(self, reader: Reader, *, pin: str | None = None, remember: bool = False) -> Reader:
        """Through the page, as a person does."""
        reader.open(f"/{self.house.slug}/sign-in/username")
        reader.fill("Username", self.username).fill("PIN", self.pin if pin is None else pin)
        if remember:
            reader.choose("Remember this device")
        return reader.press("Sign in")


def payer(house: House, customer_id: str | None = None, *, ssn: str | None = None, pin: str | None = PIN) -> Payer:
    """The house's customer, or another one, with a login."""
    username = f"dana-{uuid.uuid4().hex[:6]}"
    login_id = let_in(
        house.ports, house.organisation_id, customer_id or house.customer_id, by="test", username=username, pin=pin,
        ssn=ssn,
    )  # fmt: skip
    return Payer(house, login_id, username)


def colleague(house: House, role: Role = Role.clerk) -> Colleague:
    """A new person of the staff of a house."""
    username = f"{role.value}-{uuid.uuid4().hex[:6]}"
    added = add_staff(
        house.ports, house.organisation_id, username=username, name=f"Robin {role.value.title()}", role=role,
        password=PASSWORD, by="test",
    )  # fmt: skip
    return Colleague(house, added.staff_id, username, added.totp_secret)
