"""What happens in one history: which process dies where, what the gateway does, who races whom. Chosen from a seed.

Read by every other file of the rig. Places to die and faults go round in turn, so that all of them come together;
the rest is drawn. The same seed and number make the same history.
"""

from dataclasses import asdict, dataclass, replace
from random import Random

ENGINES = ("sqlite", "postgres")
ACTIONS = ("kill", "stop", "raise")

# Where a process that charges or delivers may die, and where one that sweeps may.
CHARGER_POINTS = (
    "claim.before_commit",
    "claim.after_commit",
    "send.before_guard",
    "send.before_write",
    "send.after_reply",
    "apply.before_commit",
    "apply.after_commit",
    "keep.after_reply",
    "outbox.before_send",
    "outbox.after_send",
    "outbox.after_mark",
)
CUSTOMER_POINTS = ("agree.before_commit", "agree.after_commit")
JANITOR_POINTS = ("sweep.after_lease", "sweep.after_search", "sweep.before_resend", "sweep.after_burn")
IN_TRANSACTION = frozenset({"claim.before_commit", "apply.before_commit", "agree.before_commit"})

LOST_BEFORE = (
    *(f"status_{status}_before" for status in (500, 502, 503, 504, 408)),
    "reset_before",
    "hang_before",
    "error_915233",
    "error_915235",
)
LOST_AFTER = (
    *(f"status_{status}_after" for status in (500, 502, 503, 504, 408)),
    "reset_after",
    "hang_after",
    "stale_keepalive",
    "cut_xml",
    "cut_body",
    "html_200",
    "empty_200",
    "foreign_root_200",
    "error_915235_after",
    "authorizing_then_settled",
)
LATE = ("late_gateway", "late_network")
ECHOES = ("wrong_amount", "wrong_order_id", "wrong_currency", "partial_authorization")
TO_A_PERSON = (*ECHOES, "gateway_rejected_duplicate", "error_915230", "error_915232")
DEFINITE = (
    "decline_soft",
    "decline_hard",
    "gateway_rejected_fraud",
    "throttled_429",
    "unauthorized_401",
    "forbidden_403",
    "upgrade_426",
    "refused_connection",
)
FAULTS = ("ok", "slow", *LOST_BEFORE, *LOST_AFTER, *LATE, *TO_A_PERSON, *DEFINITE, "error_915231", "error_915234")

# What may go wrong with the questions of the janitor and of keeping or burning a card: (operation, fault, times).
QUESTION_FAULTS = (
    *(("search", fault, times) for fault in ("status_500_before", "html_200", "empty_200", "hang_after")
      for times in (1, 3)),
    *(("payment_method", fault, 1) for fault in ("reset_before", "reset_after", "status_503_after", "html_200",
                                                 "empty_200", "unauthorized_401")),
    ("customer", "reset_after", 1),
)  # fmt: skip
MAIL_FAULTS = ("accept_then_drop", "temporary_4xx")


@dataclass(frozen=True, slots=True)
class History:
    """One history. Everything that is drawn stands here; nothing is drawn while it is played."""

    number: int
    seed: int
    engine: str
    way: str = "claim"  # claim: ours; naive: read, call, write; checkout: ours, from the press of Agree
    merchant: str = "keyed"  # keyed | unkeyed (duplicate checking on) | keys_refused (and we do not know yet)
    card: str = "token"  # token: on file | nonce: typed | kept: typed, to be kept first
    fault: str = "ok"
    late_lands: str = "before"  # the quarantine is over, or "after"
    question_fault: tuple[str, str, int] | None = None
    mail_fault: str | None = None
    search_lag: str = "none"  # none | below the quarantine | beyond it
    charger_point: str | None = None
    charger_action: str = "kill"
    arms_all: bool = True  # every charger, or the first only
    janitor_point: str | None = None
    janitor_action: str = "kill"
    rivals: int = 1  # processes that charge the same obligation at once
    janitors: int = 1
    overlaps: bool = False  # janitors sweep, and the clock runs, while chargers are at it
    thaw: str = "last"  # when a frozen process goes on: soon, after_lease, last (quarantine over, all quiet)
    loses_ring: bool = False
    loses_session: bool = False  # PostgreSQL ends the session of a process frozen in a transaction
    tries_again: bool = True  # the customer pays again when told that nothing was taken
    balance_factor: int = 1  # how many payments of this amount the account could bear

    @property
    def variant(self) -> str:
        merchant = {"keyed": "key", "unkeyed": "no key", "keys_refused": "key refused"}[self.merchant]
        card = {"token": "card on file", "nonce": "typed card", "kept": "typed card, kept"}[self.card]
        return f"{merchant}, {card}" if self.way == "claim" else f"{self.way}: {merchant}, {card}"

    @property
    def families(self) -> list[str]:
        """What made it hard, for the second table."""
        stops = "stop" in (self.charger_point and self.charger_action, self.janitor_point and self.janitor_action)
        named = {
            "frozen beyond the quarantine": stops and self.thaw == "last",
            "late beyond the quarantine": self.fault in LATE and self.late_lands == "after",
            "search index behind beyond the quarantine": self.search_lag == "beyond",
            "chargers racing": self.rivals > 1,
            "janitors racing": self.janitors > 1,
            "janitor killed": bool(self.janitor_point) and self.janitor_action == "kill",
            "clock runs on while it is sent": self.overlaps,
        }
        return [name for name, is_so in named.items() if is_so]

    def described(self) -> str:
        """What differs from the plain history, to read it aloud."""
        plain = asdict(History(self.number, self.seed, self.engine))
        return ", ".join(f"{name}={value}" for name, value in asdict(self).items() if plain[name] != value)


def choose(seed: int, number: int) -> History:
    """History `number` of a run: engines take turns, and on each the places to die and the faults go round."""
    turn, engine = number // len(ENGINES), ENGINES[number % len(ENGINES)]
    draw = Random(f"{seed}:{number}")
    cells = _cells(seed)
    faults = list(FAULTS)
    Random(f"{seed}:faults").shuffle(faults)
    who, point, action = cells[turn % len(cells)]
    late_lands = draw.choice(("before", "after"))
    history = History(
        number=number,
        seed=seed,
        engine=engine,
        merchant=draw.choices(("keyed", "unkeyed", "keys_refused"), (6, 3, 1))[0],
        card=draw.choices(("token", "nonce", "kept"), (4, 4, 2))[0],
        fault=faults[(turn + turn // (len(cells) * len(faults))) % len(faults)],
        late_lands=late_lands,
        question_fault=draw.choice(QUESTION_FAULTS) if draw.random() < 0.2 else None,
        mail_fault=draw.choice(MAIL_FAULTS) if draw.random() < 0.1 else None,
        search_lag=draw.choices(("none", "below", "beyond"), (8, 1, 1))[0],
        charger_point=point if who in ("charger", "customer") else None,
        charger_action=action if who in ("charger", "customer") else "kill",
        arms_all=draw.random() < 0.8,
        janitor_point=point if who == "janitor" else None,
        janitor_action=action if who == "janitor" else "kill",
        rivals=draw.choices((1, 2, 4), (4, 3, 1))[0],
        janitors=draw.choices((1, 2, 3), (4, 4, 1))[0],
        overlaps=draw.random() < 0.15,
        thaw=draw.choices(("soon", "after_lease", "last"), (1, 1, 2))[0],
        loses_ring=draw.random() < 0.3,
        loses_session=engine == "postgres" and draw.random() < 0.5,
        tries_again=draw.random() < 0.8,
        balance_factor=draw.choice((1, 1, 3)),
        way="checkout" if who == "customer" else "claim",
    )
    return _reachable(history, draw)


def choose_control(seed: int, number: int) -> History:
    """A history for the naive way: the same faults and rivals, a card on file, and the places it has to die in."""
    draw = Random(f"{seed}:control:{number}")
    points = ("send.before_write", "send.after_reply", "apply.before_commit", "apply.after_commit")
    cells = [None, *((point, action) for point in points for action in ACTIONS)]
    turn = number // len(ENGINES)
    cell = cells[turn % len(cells)]
    return History(
        number=number,
        seed=seed,
        engine=ENGINES[number % len(ENGINES)],
        way="naive",
        fault=FAULTS[turn % len(FAULTS)],
        charger_point=cell[0] if cell else None,
        charger_action=cell[1] if cell else "kill",
        rivals=draw.choices((1, 2, 4), (4, 3, 1))[0],
        arms_all=draw.random() < 0.8,
        thaw="last",
        tries_again=False,
        balance_factor=10,
    )


def _cells(seed: int) -> list[tuple[str, str, str]]:
    """(who, where, how) in a shuffled order; one history in eight dies nowhere."""
    cells = [("charger", point, action) for point in CHARGER_POINTS for action in ACTIONS]
    cells += [("customer", point, action) for point in CUSTOMER_POINTS for action in ACTIONS]
    cells += [("janitor", point, action) for point in (*JANITOR_POINTS, *CHARGER_POINTS) for action in ACTIONS]
    cells += [("nobody", "", "")] * (len(cells) // 8)
    while len(cells) % 2 == 0 or len(cells) % len(FAULTS) == 0:
        cells.append(("nobody", "", ""))
    Random(f"{seed}:cells").shuffle(cells)
    return cells


def _reachable(history: History, draw: Random) -> History:
    """The history, changed so that its place to die is come by."""
    point = history.charger_point or history.janitor_point
    lost = draw.choice([fault for fault in LOST_BEFORE if fault != "hang_before"])
    by_janitor = history.janitor_point is not None
    if point == "keep.after_reply":
        history = replace(history, card="kept")
    elif point == "sweep.before_resend":
        history = replace(history, merchant="keyed", card=draw.choice(("token", "kept")), fault=lost)
    elif point == "sweep.after_burn":
        history = replace(history, merchant=draw.choice(("keyed", "unkeyed")), card="nonce", fault=lost,
                          question_fault=None)  # fmt: skip
    elif point in ("sweep.after_lease", "sweep.after_search"):
        open_ended = history.fault in (*LOST_BEFORE, *LOST_AFTER, *LATE)
        history = history if open_ended else replace(history, fault=draw.choice((*LOST_BEFORE, *LOST_AFTER)))
    elif point is not None and point.startswith("outbox."):
        happy = history.fault in ("ok", "slow", *LOST_AFTER)
        history = history if happy else replace(history, fault=draw.choice(("ok", "slow", *LOST_AFTER)))
        history = replace(history, loses_ring=by_janitor, merchant="keyed")
    if by_janitor and point in CHARGER_POINTS and not point.startswith("outbox."):
        # The janitor charges what nobody rang for: the chargers die before their claim stands.
        history = replace(
            history, charger_point="claim.before_commit", charger_action="kill", arms_all=True,
            card="kept" if point == "keep.after_reply" else history.card,
        )  # fmt: skip
        if point == "keep.after_reply":
            history = replace(history, charger_point="keep.after_reply")
    if history.charger_action == "stop" and history.charger_point in IN_TRANSACTION:
        history = replace(history, overlaps=False)  # the janitors would only wait for it
    if history.way == "checkout":
        history = replace(history, card="nonce" if history.card == "kept" else history.card)
    return history
