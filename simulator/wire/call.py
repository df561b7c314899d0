"""One request on the wire as the resource modules see it, and what they give back.

A resource module is functions `(Call) -> Reply | Pending`; it raises `Refused` for 422 and `NotFound` for 404.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.codec import mapping, text
from simulator.faults import Fault
from simulator.merchants import Merchant
from simulator.problems import Problems
from simulator.transactions import Transaction
from simulator.world import World


class NotFound(Exception):
    """No such object; answered 404 without a body."""


@dataclass
class Call:
    """`ids` are the ids in the path; `params` is what the root element held."""

    world: World
    merchant: Merchant
    operation: str
    ids: tuple[str, ...]
    root: str
    params: dict[str, Any]
    query: dict[str, str] = field(default_factory=dict)
    base_url: str = ""
    fault: Fault | None = None

    @property
    def forced(self) -> str | None:
        """The outcome a fault dictates, if any."""
        if self.fault and self.fault.kind.effect == "force":
            return self.fault.code or self.fault.kind.code
        return None

    def part(self, name: str) -> dict[str, Any]:
        """A nested object of the parameters; empty when absent or not an object."""
        return mapping(self.params.get(name))

    def transaction(self) -> Transaction:
        """The transaction in the path. Raises NotFound."""
        found = self.world.transactions.find(self.merchant.id, self.ids[0])
        if found is None:
            raise NotFound(self.ids[0])
        return found


@dataclass
class Reply:
    """`transaction` is what the request made or moved; `success` says whether it was taken."""

    status: int
    root: str = ""
    body: Any = None
    transaction: Transaction | None = None
    success: bool = True
    note: str = ""


@dataclass
class Pending:
    """Accepted, not done: `finish` does it, `abandon` gives back what it holds."""

    finish: Callable[[], Reply]
    abandon: Callable[[], None]


def account_of(call: Call, value: object, path: str, problems: Problems) -> str:
    """The merchant account asked for, or the default one."""
    wanted = text(value)
    if wanted is None:
        return call.merchant.accounts[0]
    if wanted not in call.merchant.accounts:
        problems.add(path, "merchant_account_id", "91513")
    return wanted
