"""The payment link flow as a table: which steps there are, what switches each one, and what must be done before the
next.

Read by the visit use case and the guard. Decides nothing about a balance or a card.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from portal.domain.organisation import SettingValue

TOKEN_BYTES = 24  # 192 bits: no one guesses it, and a plain digest of it is enough at rest (ASVS 6.5.2)


class Step(StrEnum):
    """A page of the flow; the value is the last part of its path."""

    contact = "contact"
    offer = "offer"
    amount = "amount"
    schedule = "schedule"
    check = "check"
    agreement = "agreement"
    result = "result"


class Purpose(StrEnum):
    """What a link is good for, and nothing else; a link of another purpose is not found (attack 36)."""

    pay = "pay"  # an account
    card = "card"  # changes the card of one schedule
    schedule = "schedule"  # shows one schedule; cancels, moves and skips its payments


class LinkState(StrEnum):
    """What a link can be used for, judged afresh each time it is opened."""

    open = "open"
    expired = "expired"
    revoked = "revoked"
    paid = "paid"


@dataclass(frozen=True, slots=True)
class Progress:
    """What one visit has done so far, as the rows say."""

    contact_seen: bool = False
    offer_decided: bool = False
    amount_and_method_chosen: bool = False
    scheduling: bool = False
    schedule_chosen: bool = False
    confirmed: bool = False
    agreed: bool = False
    offers_exist: bool = False


@dataclass(frozen=True, slots=True)
class StepRow:
    """One row of the table. `setting` switches the step (none: always there), `done` names the field of Progress
    that lets people past it, `when` the one without which it is left out. `part_of`: it is counted as that step."""

    step: Step
    setting: str | None
    done: str
    when: str | None = None
    part_of: Step | None = None


STEPS: tuple[StepRow, ...] = (
    StepRow(Step.contact, "contact_verification", "contact_seen"),
    StepRow(Step.offer, "virtual_collection", "offer_decided", when="offers_exist"),
    StepRow(Step.amount, None, "amount_and_method_chosen"),
    StepRow(Step.schedule, "schedule_payment", "schedule_chosen", when="scheduling", part_of=Step.amount),  # S1:19
    StepRow(Step.check, None, "confirmed"),
    StepRow(Step.agreement, None, "agreed"),
)


def steps_of(settings: Mapping[str, SettingValue], progress: Progress) -> list[StepRow]:
    """The steps of this visit in order, without the result."""
    return [
        row
        for row in STEPS
        if (row.setting is None or bool(settings[row.setting])) and (row.when is None or getattr(progress, row.when))
    ]


def furthest(settings: Mapping[str, SettingValue], progress: Progress) -> Step:
    """The last page that may be opened: the first whose work is not done, or the result once there is an agreement."""
    if progress.agreed:
        return Step.result
    return next(row.step for row in steps_of(settings, progress) if not getattr(progress, row.done))


def may_open(step: Step, settings: Mapping[str, SettingValue], progress: Progress) -> bool:
    """Whether a page may be opened now: a switched-off or too early one may not, and after paying only the result."""
    last = furthest(settings, progress)
    if last is Step.result or step is Step.result:
        return step is last
    order = [row.step for row in steps_of(settings, progress)]
    return step in order and order.index(step) <= order.index(last)


def place_of(step: Step, settings: Mapping[str, SettingValue], progress: Progress) -> tuple[int, int]:
    """(number, count) for "Step 2 of 5"; (0, 0) on the result page. A part has the number of what it is part of."""
    rows = steps_of(settings, progress)
    counted = {row.step: row.part_of or row.step for row in rows}
    order = [row.step for row in rows if row.part_of is None]
    return (order.index(counted[step]) + 1, len(order)) if step in counted else (0, 0)


def before(step: Step, settings: Mapping[str, SettingValue], progress: Progress) -> Step | None:
    """The page that the Back link leads to, if there is one."""
    order = [row.step for row in steps_of(settings, progress)]
    index = order.index(step) if step in order else 0
    return order[index - 1] if index > 0 else None


def new_token() -> str:
    """A new secret for a link or a visit, fit for a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """What is stored of a token, and what it is looked up by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
