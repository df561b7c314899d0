"""The facts of the documents we print, as plain values; amounts in cents, times aware, zones by IANA name.

Filled by use cases, put on paper by delivery. Holds at most the last four digits of a card and no expiry date
(FACTA, 15 USC 1681c(g)): there is no field for more.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime

from portal.domain.money import assert_cents

_LAST4 = re.compile(r"[0-9]{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReceiptPart:
    """What a payment paid of one service."""

    performed_on: date
    what: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """One successful payment, as its receipt states it."""

    organisation_name: str
    customer_name: str
    account_reference: str
    receipt_number: str
    confirmation: str
    amount_cents: int
    paid_at: datetime
    time_zone: str
    card_brand: str | None = None
    card_last4: str | None = None
    balance_left_cents: int | None = None
    settled: bool = False
    organisation_color: str | None = None
    help_phone: str | None = None
    help_email: str | None = None
    help_hours: str | None = None
    check_code: str | None = None
    check_url: str | None = None  # where the code is checked, for the QR picture
    parts: tuple[ReceiptPart, ...] = ()  # behind the sign-in only: a mailed receipt names no service (C50)

    def __post_init__(self) -> None:
        assert_cents(self.amount_cents)
        if self.balance_left_cents is not None:
            assert_cents(self.balance_left_cents)
        if self.card_last4 is not None and not _LAST4.fullmatch(self.card_last4):
            raise AssertionError("card_last4 is not four digits")
        if self.paid_at.tzinfo is None:
            raise AssertionError("paid_at has no time zone")
