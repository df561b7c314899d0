"""What staff typed about a plan, read into a wish; whatever is wrong is named by its field, all of it at once.

Called by the console's page that makes one. Knows the fields of that page, no rows and no sentences; what an
organisation allows is asked by `portal.domain.plan.terms_of`, and `placed` says beside which field its answer belongs.
"""

from dataclasses import dataclass
from datetime import date

from portal.domain.due_date import Frequency, Rhythm
from portal.domain.money import parse_amount
from portal.domain.plan import PlanKind, PlanWish
from portal.domain.refusal import Refused
from portal.domain.schedule import Amounts, AmountsKind
from portal.domain.schedule_wish import PAYDAY, PAYDAYS, Errors, Typed, caught, number_typed, plain_cents, rhythm_typed

ALL, PART, SETTLEMENT = "all", "part", "settlement"
PAYS = (ALL, PART, SETTLEMENT)
CUTS = (AmountsKind.evenly.value, AmountsKind.fixed.value)
_FIELDS_OF = {"payday-weekly": "frequency", "often-once": "frequency"}
_CHANNELS = frozenset({"plan_no_email", "plan_no_phone", "plan_channels_wrong"})
_TOTAL = frozenset({"plan_above_balance", "plan_settles_nothing"})


@dataclass(frozen=True, slots=True)
class PlanTyped:
    """The fields of the page as they stand in it. `pays` is how much, `cut` how it becomes instalments."""

    pays: str = ALL
    total: str = ""
    down: str = ""
    cut: str = AmountsKind.evenly.value
    number: str = ""
    each: str = ""
    frequency: str = Frequency.monthly.value
    start_on: str = ""
    weekday: str = ""
    payday_on: str = ""
    first_day: str = ""
    second_day: str = ""
    channels: str = ""
    offer_days: str = ""


@dataclass(frozen=True, slots=True)
class PlanAsked:
    """What was typed, read: the wish, and for how many days it is offered."""

    wish: PlanWish
    offer_days: int


def read(typed: PlanTyped, today: date) -> tuple[PlanAsked | None, Errors]:
    """The wish and its days, or what is wrong by field."""
    errors: Errors = {}
    kind, total = _total(typed, errors)
    down = caught(errors, "down", lambda: parse_amount(typed.down)) if typed.down.strip(" $0.") else 0
    rhythm = _rhythm(typed, today, errors)
    amounts = _amounts(typed, errors)
    days = caught(errors, "offer-days", lambda: number_typed(typed.offer_days))
    if errors or rhythm is None or amounts is None or days is None:
        return None, errors
    return PlanAsked(PlanWish(kind, rhythm, amounts, total, down or 0), days), {}


def typed_of(wish: PlanWish, channels: str, offer_days: int) -> PlanTyped:
    """The fields of a wish, to be changed."""
    pays = SETTLEMENT if wish.kind is PlanKind.settlement else ALL if wish.total_cents is None else PART
    rhythm, amounts = wish.rhythm, wish.amounts
    first, second = (str(day) for day in rhythm.days) if len(rhythm.days) == 2 else ("", "")
    return PlanTyped(
        pays=pays,
        total=plain_cents(wish.total_cents) if wish.total_cents is not None else "",
        down=plain_cents(wish.down_cents) if wish.down_cents else "",
        cut=amounts.kind.value,
        number=str(amounts.number or ""),
        each=plain_cents(amounts.each_cents) if amounts.each_cents else "",
        frequency=rhythm.frequency.value,
        start_on=rhythm.start_on.isoformat(),
        weekday=str(rhythm.weekday) if rhythm.weekday is not None else "",
        payday_on=rhythm.payday_on.isoformat() if rhythm.payday_on else "",
        first_day=first,
        second_day=second,
        channels=channels,
        offer_days=str(offer_days),
    )


def placed(refused: Refused, wish: PlanWish) -> tuple[str, Refused]:
    """The field that a rule of the organisation is about, and the rule as that field has to hear it."""
    is_even = wish.amounts.kind is AmountsKind.evenly
    by_amount = "number" if is_even else "each"
    match refused.code:
        case code if code in _CHANNELS:
            return "channels", refused
        case code if code in _TOTAL:
            return "total", refused
        case "plan_offer_days_wrong":
            return "offer-days", refused
        case "plan_down_wrong":
            return "down", refused
        case "schedule_date_past":
            return "start-on", refused
        case "plan_too_long" | "schedule_too_many" | "schedule_number_wrong" | "schedule_above_balance":
            return by_amount, refused
        case "plan_sum_differs" | "split_too_small" | "amount_missing":
            return by_amount, refused
        case "amount_above_maximum":
            most = refused.facts["maximum_cents"]
            if isinstance(most, int) and wish.down_cents > most:
                return "down", refused
            return by_amount, Refused("schedule_parts_large", **refused.facts) if is_even else refused
        case "amount_below_minimum":
            least = refused.facts["minimum_cents"]
            if isinstance(least, int) and 0 < wish.down_cents < least:
                return "down", refused
            return by_amount, Refused("schedule_parts_small", minimum_cents=least) if is_even else refused
    return "", refused


def _total(typed: PlanTyped, errors: Errors) -> tuple[PlanKind, int | None]:
    if typed.pays not in PAYS:
        errors["pays-all"] = Refused("amount_choice_missing")
        return PlanKind.total, None
    if typed.pays == ALL:
        return PlanKind.total, None
    kind = PlanKind.settlement if typed.pays == SETTLEMENT else PlanKind.total
    return kind, caught(errors, "total", lambda: parse_amount(typed.total))


def _rhythm(typed: PlanTyped, today: date, errors: Errors) -> Rhythm | None:
    """A date is always asked for: an offer ends on its first one, so nothing is taken for it unasked."""
    payday = next((name for name, frequency in PAYDAYS.items() if frequency == typed.frequency), "")
    asked = Typed(
        often=PAYDAY if payday else typed.frequency,
        payday=payday,
        start_on=typed.start_on,
        weekday=typed.weekday,
        payday_on=typed.payday_on,
        first_day=typed.first_day,
        second_day=typed.second_day,
    )
    own: Errors = {}
    rhythm = rhythm_typed(asked, today, own)
    if not typed.start_on.strip():
        own["start-on"] = Refused("date_missing")
    errors.update({_FIELDS_OF.get(field, field): refused for field, refused in own.items()})
    return rhythm


def _amounts(typed: PlanTyped, errors: Errors) -> Amounts | None:
    if typed.frequency == Frequency.once:
        return Amounts(AmountsKind.evenly, 1)
    if typed.cut == AmountsKind.fixed:
        cents = caught(errors, "each", lambda: parse_amount(typed.each))
        return Amounts(AmountsKind.fixed, None, cents) if cents else None
    if typed.cut != AmountsKind.evenly:
        errors["cut-evenly"] = Refused("amount_choice_missing")
        return None
    number = caught(errors, "number", lambda: number_typed(typed.number))
    return Amounts(AmountsKind.evenly, number) if number else None
