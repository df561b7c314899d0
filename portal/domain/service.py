"""Services: what a line of a practice's books may hold, and how an amount is spread over several of them. Cents.

Called by the service use cases. Ships no words for any code: codes are CPT or HCPCS and their descriptions belong to
others (C54), so a practice enters its own. Knows no rows.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from portal.domain.ledger import Recipe
from portal.domain.money import assert_cents
from portal.domain.refusal import Refused

MODIFIERS_MAX = 4  # as on a claim form: 24D has four
DIAGNOSES_MAX = 4  # pointers of one line: 24E has four
UNITS_MAX = 999
DESCRIPTION_LENGTH_MAX = 120
_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{0,9}", re.ASCII)
_MODIFIER = re.compile(r"[A-Z0-9]{2}", re.ASCII)
_PLACE = re.compile(r"[0-9]{2}", re.ASCII)
_DIAGNOSIS = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./#_-]{0,39}", re.ASCII)
BILLABLE_CODE = re.compile(r"[0-9A-Z][0-9]{3}[0-9A-Z]", re.ASCII)  # the shape of a CPT or HCPCS code


class EntryKind(StrEnum):
    """What moved a service's balance. What lowers it is negative in the books."""

    fee = "fee"
    insurance = "insurance"
    adjustment = "adjustment"
    payment = "payment"
    returned = "returned"  # a payment that was given back or taken back: owed again


# What each money event of an account is to the services it is spread over.
KINDS: dict[Recipe, EntryKind] = {
    Recipe.balance_placed: EntryKind.fee,
    Recipe.balance_lowered: EntryKind.adjustment,
    Recipe.payment_taken: EntryKind.payment,
    Recipe.settlement_forgiven: EntryKind.adjustment,
    Recipe.payment_returned: EntryKind.returned,
    Recipe.payment_corrected: EntryKind.returned,
    Recipe.settlement_restored: EntryKind.adjustment,
    Recipe.return_failed: EntryKind.payment,
    Recipe.payment_lost: EntryKind.returned,
    Recipe.chargeback_lost: EntryKind.returned,
    Recipe.chargeback_restored: EntryKind.payment,
}


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One line as a practice writes it. `diagnoses` in the order of their pointers, the first is the main one."""

    performed_on: date
    provider_id: str
    code: str
    modifiers: tuple[str, ...] = ()
    units: int = 1
    place_of_service: str = "11"
    diagnoses: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code):
            raise Refused("service_code", typed=self.code[:20])
        if len(self.modifiers) > MODIFIERS_MAX or not all(_MODIFIER.fullmatch(each) for each in self.modifiers):
            raise Refused("service_modifiers", most=MODIFIERS_MAX)
        if not 1 <= self.units <= UNITS_MAX:
            raise Refused("service_units", most=UNITS_MAX)
        if not _PLACE.fullmatch(self.place_of_service):
            raise Refused("service_place")
        if len(self.diagnoses) > DIAGNOSES_MAX or len(set(self.diagnoses)) != len(self.diagnoses):
            raise Refused("service_diagnoses", most=DIAGNOSES_MAX)
        for each in self.diagnoses:
            require_diagnosis(each)
        if len(self.description) > DESCRIPTION_LENGTH_MAX or not self.description.isprintable():
            raise Refused("service_description", most=DESCRIPTION_LENGTH_MAX)


def require_diagnosis(code: str) -> str:
    """The code itself when it has the shape of ICD-10-CM, such as F41.1. Refused `diagnosis_code`."""
    if not _DIAGNOSIS.fullmatch(code):
        raise Refused("diagnosis_code", typed=code[:20])
    return code


def require_reference(reference: str) -> str:
    """The organisation's own number for something. Refused `reference_unreadable`."""
    if not _REFERENCE.fullmatch(reference):
        raise Refused("reference_unreadable", reference=reference[:40])
    return reference


@dataclass(frozen=True, slots=True)
class Figures:
    """The money of one service, each as a person reads it: what lowers the balance is shown above zero."""

    fee_cents: int
    insurance_cents: int
    adjustments_cents: int
    paid_cents: int

    @property
    def balance_cents(self) -> int:
        return self.fee_cents - self.insurance_cents - self.adjustments_cents - self.paid_cents

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.fee_cents + other.fee_cents,
            self.insurance_cents + other.insurance_cents,
            self.adjustments_cents + other.adjustments_cents,
            self.paid_cents + other.paid_cents,
        )


NOTHING = Figures(0, 0, 0, 0)


def figures(changes: Mapping[str, int]) -> Figures:
    """The figures of a service from the sum of its entries by kind, in the signs of the books."""
    return Figures(
        fee_cents=changes.get(EntryKind.fee, 0),
        insurance_cents=-changes.get(EntryKind.insurance, 0),
        adjustments_cents=-changes.get(EntryKind.adjustment, 0),
        paid_cents=-changes.get(EntryKind.payment, 0) - changes.get(EntryKind.returned, 0),
    )


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one amount that is for one service."""

    service_id: str
    amount_cents: int


def spread(amount_cents: int, room: Sequence[Share], wanted: Sequence[Share] = ()) -> list[Share]:
    """`amount_cents` over services that can take what `room` says, in its order; `wanted` is served first.

    Never more than a service can take, never more than the amount in all. What fits nowhere is left out: it belongs to
    no service.
    """
    left = assert_cents(amount_cents)
    free = {each.service_id: each.amount_cents for each in room}
    given: dict[str, int] = {}
    for want in (*wanted, *room):
        part = min(want.amount_cents, free.get(want.service_id, 0), left)
        if part <= 0:
            continue
        free[want.service_id] -= part
        given[want.service_id] = given.get(want.service_id, 0) + part
        left -= part
    return [Share(service_id, cents) for service_id, cents in given.items()]


def require_shares(shares: Sequence[Share], amount_cents: int) -> None:
    """Every share above zero, one for each service, in all exactly the amount. AssertionError: a fault of ours."""
    cents = [each.amount_cents for each in shares]
    if any(each <= 0 for each in cents) or sum(cents) != amount_cents:
        raise AssertionError(f"shares {cents} are not {amount_cents}")
    if len({each.service_id for each in shares}) != len(shares):
        raise AssertionError("a service has two shares of one amount")
