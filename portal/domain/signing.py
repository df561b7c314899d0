"""Signing a plan as a table: which pages there are, what must be done before the next; and what counts as a signature.

Read by the signing use cases and the agreement's guard. Knows no rows; decides nothing about money.
"""

import hmac
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from portal.domain.payment_method import digits, holds_card_number
from portal.domain.refusal import Refused

NAME_LENGTH_MAX = 120
IDENTITY_TRIES_PER_HOUR = 5
ZIP = re.compile(r"[0-9]{5}([0-9]{4})?", re.ASCII)
LAST4 = re.compile(r"[0-9]{4}", re.ASCII)
ENDS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, bidi marks, zero width, lone surrogates


class SignStep(StrEnum):
    """A page of the flow; the value is the last part of its path."""

    identity = "identity"
    details = "details"
    card = "card"
    terms = "terms"
    sign = "sign"
    done = "done"


class SignWay(StrEnum):
    """The ways to sign, each complete alone (W28)."""

    typed = "typed"
    drawn = "drawn"
    pressed = "pressed"


@dataclass(frozen=True, slots=True)
class SignProgress:
    """What one signing has done so far, as the rows say."""

    identity_asked: bool = False
    identity_proven: bool = False
    started: bool = False
    card_chosen: bool = False
    consented: bool = False
    signed: bool = False


# Each page in order, and the field of SignProgress that lets people past it.
SIGN_STEPS: tuple[tuple[SignStep, str], ...] = (
    (SignStep.identity, "identity_proven"),
    (SignStep.details, "started"),
    (SignStep.card, "card_chosen"),
    (SignStep.terms, "consented"),
    (SignStep.sign, "signed"),
)


def sign_steps(progress: SignProgress) -> list[SignStep]:
    """The pages of this signing in order, without the last one."""
    return [step for step, _ in SIGN_STEPS if step is not SignStep.identity or progress.identity_asked]


def furthest_step(progress: SignProgress) -> SignStep:
    """The last page that may be opened. Who has not said who they are sees nothing else, not even what was signed."""
    if progress.identity_asked and not progress.identity_proven:
        return SignStep.identity
    if progress.signed:
        return SignStep.done
    done = dict(SIGN_STEPS)
    return next(step for step in sign_steps(progress) if not getattr(progress, done[step]))


def may_open_step(step: SignStep, progress: SignProgress) -> bool:
    """Whether a page may be opened now: never a too early one, and after signing only the last."""
    last = furthest_step(progress)
    if SignStep.done in (step, last):
        return step is last
    order = sign_steps(progress)
    return step in order and order.index(step) <= order.index(last)


def step_place(step: SignStep, progress: SignProgress) -> tuple[int, int]:
    """(number, count) for "Step 2 of 5"; (0, 0) on the last page."""
    order = sign_steps(progress)
    return (order.index(step) + 1, len(order)) if step in order else (0, 0)


def step_before(step: SignStep, progress: SignProgress) -> SignStep | None:
    """The page that the Back link leads to; never back to the question who it is."""
    order = [each for each in sign_steps(progress) if each is not SignStep.identity]
    index = order.index(step) if step in order else 0
    return order[index - 1] if index > 0 else None


def typed_name(typed: str) -> str:
    """A name as it was typed, spaces tidied. Refused when it is empty, too long, or holds what nobody can read.

    A name is not compared with the one on file: people sign as they sign (15 USC 7006(5)).
    """
    if len(typed) > NAME_LENGTH_MAX:
        raise Refused("sign_name_too_long", length_max=NAME_LENGTH_MAX)
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    if not name:
        raise Refused("sign_name_missing")
    if any(unicodedata.category(sign) in ENDS for sign in name):
        raise Refused("sign_name_unreadable")
    if holds_card_number(name):
        raise Refused("holds_card_number")
    if sum(unicodedata.category(sign).startswith("L") for sign in name) < 2:
        raise Refused("sign_name_missing")
    return name


def knows(method: str, on_file: str, typed: str) -> bool:
    """Whether what was typed is the ZIP code (five digits of it), or the last four digits of the phone, on file."""
    said, known = digits(typed.strip()), re.sub(r"[^0-9]", "", on_file)
    if method == "zip":
        return bool(ZIP.fullmatch(said)) and len(known) >= 5 and hmac.compare_digest(said[:5], known[:5])
    return bool(LAST4.fullmatch(said)) and len(known) >= 4 and hmac.compare_digest(said, known[-4:])
