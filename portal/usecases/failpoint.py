"""Named points where the crash rig may kill, stop, raise or pause. Off everywhere else: one dictionary look-up.

Armed by worker.py and wsgi.py from FAILPOINTS, which config.py accepts in the test environment only.
"""

import os
import signal
import time
from collections import Counter

NAMES = frozenset(
    {
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
        "sweep.after_lease",
        "sweep.after_search",
        "sweep.before_resend",
        "sweep.after_burn",
        "refund.before_commit",
        "refund.after_commit",
        "refund.before_write",
        "refund.after_reply",
        "refund.apply.before_commit",
        "notice.after_store",
        "notice.after_fetch",
        "notice.before_commit",
        "notice.after_apply",
        "agree.before_commit",
        "agree.after_commit",
        "card.after_keep",
        "card.before_commit",
        "card.after_commit",
        "schedule.after_keep",
        "schedule.before_commit",
        "schedule.after_commit",
        "plan.offer.before_commit",
        "plan.offer.after_commit",
        "plan.sign.after_print",
        "plan.sign.after_keep",
        "plan.sign.before_commit",
        "plan.sign.after_commit",
        "plan.expire.before_commit",
        "plan.expire.after_commit",
        "plan.cancel.before_commit",
        "plan.cancel.after_commit",
        "cancel.before_commit",
        "cancel.after_commit",
        "move.before_commit",
        "move.after_commit",
        "selection.before_commit",
        "selection.after_commit",
        "subscription.after_keep",
        "subscription.before_commit",
        "subscription.after_commit",
        "subscription.before_charge",
        "autopay.before_commit",
        "autopay.after_commit",
        "autopay.before_announce",
        "autopay.after_announce",
        "reply.after_store",
        "reconcile.after_mend",
        "run.after_hand_out",
        "document.before_commit",
        "erase.before_commit",
        "erase.after_commit",
        "erase.after_forget",
    }
)
_armed: dict[str, tuple[str, int]] = {}
_seen: Counter[str] = Counter()


class FailpointRaised(Exception):
    """What the action `raise` raises."""


def arm(specification: str) -> None:
    """Arms points from `name=action[@nth]`, comma separated; action kill, stop, raise or pause:seconds."""
    _armed.clear()
    _seen.clear()
    for part in filter(None, specification.split(",")):
        name, _, action = part.partition("=")
        action, _, nth = action.partition("@")
        if name not in NAMES or action.partition(":")[0] not in {"kill", "stop", "raise", "pause"}:
            raise ValueError(f"no such failpoint: {part}")
        _armed[name] = (action, int(nth or 1))


def failpoint(name: str) -> None:
    """Does what this point is armed for, on its nth pass only."""
    if not _armed or name not in _armed:
        return
    action, nth = _armed[name]
    _seen[name] += 1
    if _seen[name] != nth:
        return
    match action.partition(":"):
        case ("kill", _, _):
            os.kill(os.getpid(), signal.SIGKILL)
        case ("stop", _, _):
            os.kill(os.getpid(), signal.SIGSTOP)
        case ("pause", _, seconds):
            time.sleep(float(seconds))
        case _:
            raise FailpointRaised(name)
