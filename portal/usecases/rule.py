"""Asks the rules: what keeps an obligation from being charged now, and until when.

The claim takes the first answer, `explain` all of them. Reads only; changes nothing and sends nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from portal.domain.charge import DEFINITE_FAILURES
from portal.domain.rule import RULES, Rule
from portal.storage import Session, charge, hold, organisation, payment_method
from portal.storage.account import Account
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.storage.payment_method import PaymentMethod
from portal.usecases.ledger import free_cents
from portal.usecases.organisation import OrganisationSettings, settings


@dataclass(frozen=True, slots=True)
class Standing:
    """A rule that stands. `until`: when it falls by itself, where that is known; `facts` fill its sentence."""

    rule: Rule
    until: datetime | None = None
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What it says, for staff."""
        return self.rule.sentence.format(**self.facts)


@dataclass
class Case:
    """One obligation before its rules. What a rule looks at is read when it is first looked at."""

    session: Session
    due: Obligation
    owed_on: Account
    now: datetime

    @cached_property
    def settings(self) -> OrganisationSettings:
        return settings(self.session)

    @cached_property
    def attempts(self) -> list[Charge]:
        return charge.of_obligation(self.session, self.due.id)

    @cached_property
    def method(self) -> PaymentMethod | None:
        """The customer's own card on file that it is to be paid with, if it still is there (M12)."""
        if self.due.payment_method_id is None:
            return None
        return payment_method.owned_by(self.session, self.due.payment_method_id, self.due.customer_id)

    @property
    def held_cents(self) -> int:
        """What the charge keeps others from paying: its amount, and what is forgiven with it."""
        return self.due.amount_cents + self.due.forgiven_cents

    def standing(self) -> Iterator[Standing]:
        """Every rule that stands against charging it now, in the order of the table."""
        for check in CHECKS:
            found = check(self)
            if found is None:
                continue
            yield found
            if found.rule.code == "obligation_not_due":
                return  # it is not waiting for anything, so nothing else keeps it

    def first_standing(self) -> Standing | None:
        """The rule that decides."""
        return next(self.standing(), None)


def _not_due(case: Case) -> Standing | None:
    if case.due.status == "due":
        return None
    return Standing(RULES["obligation_not_due"], facts={"status": case.due.status})


def _early(case: Case) -> Standing | None:
    if case.due.due_at <= case.now:
        return None
    return Standing(RULES["obligation_early"], case.due.due_at, {"due_at": case.due.due_at})


def _live(case: Case) -> Standing | None:
    live = [attempt for attempt in case.attempts if attempt.state not in DEFINITE_FAILURES]
    return Standing(RULES["charge_live"], live[0].lease_until) if live else None


def _held(case: Case) -> Standing | None:
    held = hold.standing(case.session)
    return Standing(RULES["charging_held"], facts={"reason": held.reason}) if held else None


def _switched_off(case: Case) -> Standing | None:
    return None if case.settings.is_on("charging_enabled") else Standing(RULES["charging_off"])


def _organisation_closed(case: Case) -> Standing | None:
    is_active = organisation.by_id(case.session, case.due.organisation_id).is_active
    return None if is_active else Standing(RULES["organisation_closed"])


def _account_not_open(case: Case) -> Standing | None:
    if case.owed_on.status == "open":
        return None
    return Standing(RULES["account_not_open"], facts={"status": case.owed_on.status})


def _balance_too_low(case: Case) -> Standing | None:
    free = free_cents(case.session, case.owed_on)
    return Standing(RULES["balance_too_low"], facts={"free_cents": free}) if case.held_cents > free else None


def _method_gone(case: Case) -> Standing | None:
    return Standing(RULES["method_gone"]) if case.method is None and case.due.card_nonce is None else None


CHECKS: tuple[Callable[[Case], Standing | None], ...] = (
    _not_due,
    _early,
    _live,
    _held,
    _switched_off,
    _organisation_closed,
    _account_not_open,
    _balance_too_low,
    _method_gone,
)
