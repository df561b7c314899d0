"""Signing in: how many a second, what bounds them, and whether being found takes another time than not being found.

Called by `python -m bench`. The use case on a real database with the hashing of production; found and not found take
turns, so that what disturbs the machine disturbs both.
"""

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bench.desk import Desk
from bench.verdict import Verdicts, table
from portal.domain.refusal import Refused
from portal.domain.sign_in import Way
from portal.usecases.account import add_customer
from portal.usecases.customer_sign_in import sign_in_customer
from portal.usecases.login import Asked, let_in
from portal.usecases.secret import AT_ONCE, Secrets
from portal.usecases.sign_in import Browser

PIN = "839174"
WRONG = "402817"
KNOWN = 10  # customers: twenty wrong PINs a day are compared for each
PAIRS = 150
SIGN_INS = 80
DIFFERENCE_MS_MAX = 1.0  # attack 1


def measure(desk: Desk, verdicts: Verdicts) -> None:
    """Milliseconds of the hash, of found and not found, and sign-ins a second by callers at once."""
    ports = replace(desk.house.ports, secrets=Secrets({1: "p" * 40}))
    own = desk.house.organisation_id
    let_in(ports, own, desk.house.customer_id, by="bench", username="dana", pin=PIN)
    for turn in range(KNOWN):
        with ports.database.transaction(own) as session:
            row = add_customer(
                session, reference=f"S-{turn}", given_name="Known", family_name=str(turn), now=ports.clock.now()
            )
            customer_id = row.id
        let_in(ports, own, customer_id, by="bench", username=f"known-{turn}", pin=PIN)
    number = iter(range(10_000_000))

    def compare(_: int) -> bool:
        try:
            ports.secrets.fits(kept, "pin", own, "row", PIN)
        except Refused:
            return False
        return True

    def attempt(name: str, pin: str) -> bool:
        """Whether they were let in; a wrong PIN was not, nor who was asked to come again because many wait."""
        at = next(number)
        browser = Browser(f"10.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}", "bench")
        asked = Asked(Way.username, name)
        try:
            sign_in_customer(ports, own, asked, pin, browser, "")
        except Refused:
            return False
        return True

    kept = ports.secrets.keep("pin", own, "row", PIN)
    hash_ms = statistics.median(_ms(lambda: ports.secrets.fits(kept, "pin", own, "row", PIN)) for _ in range(20))
    found: list[float] = []
    missing: list[float] = []
    for turn in range(PAIRS):
        known, unknown = f"known-{turn % KNOWN}", f"unknown-{turn % KNOWN}"
        found.append(_ms(lambda name=known: attempt(name, WRONG)))  # type: ignore[misc]  # a default
        missing.append(_ms(lambda name=unknown: attempt(name, WRONG)))  # type: ignore[misc]  # a default
    began = time.process_time()
    for _ in range(20):
        ports.secrets.fits(kept, "pin", own, "row", PIN)
    hash_cpu_ms = 1000 * (time.process_time() - began) / 20
    rows: list[tuple[object, ...]] = [
        ("one argon2id comparison, ms", hash_ms),
        ("... of processor time", hash_cpu_ms),
    ]
    paces: list[float] = []
    shares: list[float] = []
    for callers in (1, AT_ONCE, 4 * AT_ONCE):
        hashes = _a_second(callers, compare)
        began = time.process_time()
        paces.append(_a_second(callers, lambda _: attempt("dana", PIN)))
        spent_ms = 1000 * (time.process_time() - began) / SIGN_INS
        rows.append((f"sign-ins a second, {callers} at once", paces[-1]))
        rows.append(("... of as many comparisons alone", f"{paces[-1] / hashes:.2f}"))
        rows.append(("... ms of processor time each", spent_ms))
        shares.append(hash_cpu_ms / spent_ms)
    bound = 1000 * min(AT_ONCE, os.cpu_count() or 1) / hash_cpu_ms
    middle_found, middle_missing = statistics.median(found), statistics.median(missing)
    rows += [("wrong PIN of somebody, ms", middle_found), ("of nobody, ms", middle_missing)]
    table(f"Signing in, {desk.database_name}", ("what", "figure"), rows)
    print(
        f"  told    the comparison bounds it: {os.cpu_count()} cores that nobody else uses make {bound:.0f} a second;"
        f" the best pace here was {max(paces):.0f} sign-ins, {max(paces) / bound:.2f} of that. It is"
        f" {statistics.median(shares):.2f} of the processor time of a sign-in"
    )
    verdicts.judge(
        abs(middle_found - middle_missing) <= DIFFERENCE_MS_MAX,
        f"somebody's wrong PIN is answered in {middle_found:.2f} ms, nobody's in {middle_missing:.2f} ms,"
        f" goal at most {DIFFERENCE_MS_MAX} ms apart; a comparison takes {hash_ms:.1f} ms and {AT_ONCE} run at once",
    )


def _a_second(callers: int, work: Callable[[int], bool]) -> float:
    """How many go through in a second with so many at once; who is turned away does not count."""
    began = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        done = sum(pool.map(work, range(SIGN_INS)))
    return done / (time.perf_counter() - began)


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)
