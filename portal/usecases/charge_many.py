"""MANY CHARGES: the claim, send and apply of `portal.usecases.charge`, with claims and answers many to a commit.

Called by the run. A claim is still committed before its request leaves; an answer that was not written down yet when
the process dies is found again by its key, like any other. Rules and books are the single charge's own: what they look
at is read ahead (`portal.storage.batch`). Whatever does not fit into a batch is charged by itself.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import structlog

from portal.domain.charge import Actor, ChargeState, Outcome, OutcomeKind
from portal.domain.refusal import Refused
from portal.domain.retry import CARD_DECLINES_MAX
from portal.storage import Session, batch, charge, obligation
from portal.usecases.charge import ChargeResult, Claimed, apply, charge_obligation, claim_in, result_of, send
from portal.usecases.charge_fails import call_if_stuck
from portal.usecases.failpoint import failpoint
from portal.usecases.outcome import apply_outcome
from portal.usecases.ports import Ports
from portal.usecases.receipt import receipt_keys

log = structlog.get_logger()

AHEAD = 24  # claims that wait for a free thread, so that none of those idles while others are claimed
TOGETHER = 32  # answers written in one commit, and claims made in one
GATHER = timedelta(milliseconds=60)  # how long the first answer waits for others
SLOW = timedelta(seconds=2)  # a gateway that takes longer gets no claims ahead: they might outwait their send window


@dataclass(frozen=True, slots=True)
class Told:
    """An answer to a claim."""

    claimed: Claimed
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class _Freed:
    """A thread of the pool is free again; how long the gateway took, if it was asked once."""

    took: timedelta | None = None


@dataclass
class Done:
    """How the payments of a batch stand after it. `failed`: something of ours went wrong, the janitor goes on."""

    results: list[ChargeResult] = field(default_factory=list)
    failed: int = 0


def charge_many(ports: Ports, organisation_id: str, ids: Sequence[str], pool: ThreadPoolExecutor) -> Done:
    """Charges payments on the threads of a pool and waits for all. Safe to call 0, 1 or 100 times, and all at once."""
    return _Run(ports, organisation_id, pool).charge(ids)


class _Run:
    """One batch under way: this thread claims, those of the pool send, one more writes the answers down."""

    def __init__(self, ports: Ports, organisation_id: str, pool: ThreadPoolExecutor) -> None:
        self._ports, self._organisation_id, self._pool = ports, organisation_id, pool
        self._timeout = ports.timing.worker_timeout
        self._slots = pool._max_workers  # a pool says its size nowhere else
        self._claimed_at_once = max(1, min(TOGETHER, self._slots * 3 // 4))
        self._answers: SimpleQueue[Told | None] = SimpleQueue()
        self._events: SimpleQueue[_Freed | ChargeResult | Exception] = SimpleQueue()
        self._sending = 0  # with the pool, waiting for a thread included
        self._open = 0  # claimed, and not written down
        self._ahead = 0
        self._done = Done()

    def charge(self, ids: Sequence[str]) -> Done:
        waiting = deque(dict.fromkeys(ids))
        writer = Thread(target=self._write_all, name="run-writer", daemon=True)
        writer.start()
        try:
            while waiting or self._open:
                room = self._slots + self._ahead - self._sending
                if waiting and room >= min(self._claimed_at_once, len(waiting)):
                    self._claim([waiting.popleft() for _ in range(min(room, TOGETHER, len(waiting)))])
                else:
                    self._hear(self._events.get())
        finally:
            self._answers.put(None)
            writer.join()
        return self._done

    # --- claiming: this thread ---------------------------------------------------------------------------------------

    def _claim(self, ids: list[str]) -> None:
        try:
            claimed, refused, left = claim_many(self._ports, self._organisation_id, ids, self._timeout)
        except Exception as error:  # one of them may have spoilt it for all: each for itself, then
            log.warning("batch_not_claimed", organisation_id=self._organisation_id, exc_info=error)
            claimed, refused, left = [], [], ids
        self._done.results += refused
        for each in claimed:
            self._submit(self._send, each)
        for obligation_id in left:
            self._submit(self._charge_one, obligation_id)

    def _hear(self, event: "_Freed | ChargeResult | Exception") -> None:
        if isinstance(event, _Freed):
            self._sending -= 1
            if event.took is not None:
                self._ahead = AHEAD if event.took < SLOW else 0
            return
        self._open -= 1
        if isinstance(event, ChargeResult):
            self._done.results.append(event)
            return
        self._done.failed += 1
        log.error("payment_failed", organisation_id=self._organisation_id, exc_info=event)

    def _submit(self, work: Callable[[Any], None], about: Claimed | str) -> None:
        self._sending += 1
        self._open += 1
        self._pool.submit(work, about)

    # --- sending: the pool -------------------------------------------------------------------------------------------

    def _send(self, claimed: Claimed) -> None:
        began = time.monotonic()
        try:
            outcome = send(self._ports, claimed, self._timeout)
        except BaseException as error:
            self._events.put(error if isinstance(error, Exception) else RuntimeError(repr(error)))
        else:
            # None: it waited too long for its turn, and nobody else has sent it
            self._answers.put(Told(claimed, outcome or Outcome(OutcomeKind.not_sent, reason="window_over")))
        self._events.put(_Freed(timedelta(seconds=time.monotonic() - began)))

    def _charge_one(self, obligation_id: str) -> None:
        found = self._tried(lambda: self._charged(obligation_id))
        if isinstance(found, Exception):
            call_if_stuck(self._ports, self._organisation_id, obligation_id, found)
        self._events.put(found)
        self._events.put(_Freed())

    def _charged(self, obligation_id: str) -> ChargeResult:
        return charge_obligation(self._ports, self._organisation_id, obligation_id, self._timeout)

    # --- writing: a thread of its own --------------------------------------------------------------------------------

    def _write_all(self) -> None:
        while told := self._gathered():
            try:
                results, left = apply_many(self._ports, self._organisation_id, told)
            except Exception as error:
                log.warning("batch_not_written", organisation_id=self._organisation_id, exc_info=error)
                results, left = [], told
            for result in results:
                self._events.put(result)
            for each in left:
                self._events.put(self._tried(partial(self._written, each)))

    def _gathered(self) -> list[Told]:
        """Answers that came in, at least one and those that come close behind it; none when there will be no more."""
        first = self._answers.get()
        if first is None:
            return []
        told, until = [first], time.monotonic() + GATHER.total_seconds()
        while len(told) < TOGETHER:
            try:
                came = self._answers.get(timeout=max(0, until - time.monotonic()))
            except Empty:
                break
            if came is None:
                self._answers.put(None)
                break
            told.append(came)
        return told

    def _written(self, told: Told) -> ChargeResult:
        apply(self._ports, told.claimed, told.outcome)
        if told.outcome.kind is OutcomeKind.key_refused:
            return self._charged(told.claimed.obligation_id)
        return result_of(self._ports, self._organisation_id, told.claimed.obligation_id)

    @staticmethod
    def _tried(work: Callable[[], ChargeResult]) -> ChargeResult | Exception:
        try:
            return work()
        except Exception as error:
            return error


def claim_many(
    ports: Ports, organisation_id: str, ids: Sequence[str], timeout: timedelta
) -> tuple[list[Claimed], list[ChargeResult], list[str]]:
    """Claims in one commit: what may be sent, how those stand that a rule held, and what must be taken one by one."""

    def work(session: Session) -> tuple[list[Claimed], list[ChargeResult], list[str]]:
        now = ports.clock.now()
        until = (now + timedelta(days=1)).date()
        ready = batch.for_claims(session, ids, until, now - max(CARD_DECLINES_MAX))
        claimed = []
        refused = [ChargeResult(status, None) for status in ready.over.values()]
        left = list(ready.left)
        for obligation_id in ready.ids:
            due = obligation.fresh(session, obligation_id)
            if due.card_nonce is not None:  # a typed card is perhaps to be kept first
                left.append(obligation_id)
                continue
            try:
                found = claim_in(session, obligation_id, now, ports.timing, timeout)
            except Refused as refusal:
                found = refusal
            if isinstance(found, Claimed):
                claimed.append(found)
            else:
                refused.append(ChargeResult(due.status, None))
        session.flush()
        failpoint("claim.before_commit")
        return claimed, refused, left

    done = ports.database.run(organisation_id, work)
    failpoint("claim.after_commit")
    return done


def apply_many(ports: Ports, organisation_id: str, told: Sequence[Told]) -> tuple[list[ChargeResult], list[Told]]:
    """Writes answers down in one commit: how the payments stand, and answers that must be written one by one."""
    fit = {each.claimed.charge_id: each for each in told if each.outcome.kind is not OutcomeKind.key_refused}
    others = [each for each in told if each.outcome.kind is OutcomeKind.key_refused]

    def work(session: Session) -> tuple[list[ChargeResult], list[Told], list[str]]:
        ready = batch.for_answers(session, list(fit), [key for each in fit for key in receipt_keys(each)])
        promised, results = [], []
        for charge_id in ready.ids:
            each = fit[charge_id]
            promised += apply_outcome(
                session, charge_id, each.outcome, Actor.sender, ports.clock.now(), ports.timing,
                each.claimed.send_deadline,
            )  # fmt: skip
        session.flush()
        failpoint("apply.before_commit")
        for charge_id in ready.ids:
            status = obligation.fresh(session, fit[charge_id].claimed.obligation_id).status
            results.append(ChargeResult(status, ChargeState(charge.lock(session, charge_id).state)))
        return results, [fit[each] for each in ready.left], promised

    results, left, promised = ports.database.run(organisation_id, work)
    failpoint("apply.after_commit")
    if promised:
        ports.doorbell.ring_messages(organisation_id, promised)
    return results, left + others
