"""Who a route is for. Every route has an audience, or the tests fail: `tests/web/test_tenants.py` is made from this.

Pages behind a sign-in say theirs when their guard registers them; an address that holds a token or a visit is for
whoever holds it; everything else stands in `OPEN` with a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from portal.domain.staff import Role


class Who(StrEnum):
    """For whom a route is."""

    anyone = "anyone"
    token = "token"  # who holds the token in the address  # noqa: S105 - a name
    visit = "visit"  # who holds the cookie of the visit in the address
    machine = "machine"  # proves itself with a signature
    customer = "customer"
    staff = "staff"


@dataclass(frozen=True, slots=True)
class Audience:
    """`roles` only for staff; `by_ssn`: also for customers who signed in with an SSN."""

    who: Who
    roles: frozenset[Role] = frozenset()
    by_ssn: bool = False


# endpoint -> why anybody may ask for it. Nothing here says anything about a person.
OPEN: Mapping[str, str] = {
    "static_file": "Files for the browser.",
    "neutral_brand": "A stylesheet.",
    "organisation_brand": "A stylesheet.",
    "health": "Whether the program answers.",
    "metrics": "Refuses all but this machine, or who has the token of the settings.",
    "card_page.show": "The card page without a person, for who watches its scripts.",
    "personal_link.fresh_link_sent": "What to expect; the same for everybody.",
    "check.show": "The form where anybody asks whether a paper or message is ours.",
    "check.post": "Genuine or not, and nothing personal.",
    "staff.sign_in": "Signing in.",
    "staff.sign_in_post": "Signing in.",
    "staff.sign_out": "Signing out; without a sign-in it clears the browser.",
    "customer.sign_in": "Signing in.",
    "customer.sign_in_by": "Signing in.",
    "customer.sign_in_post": "Signing in.",
    "customer.code": "Signing in.",
    "customer.code_post": "Signing in.",
    "customer.ask_pin": "Asking for a PIN.",
    "customer.ask_pin_post": "Asking for a PIN.",
    "customer.pin_sent": "What to expect; the same for everybody.",
    "customer.sign_out": "Signing out; without a sign-in it clears the browser.",
    "customer.self_pay": "Leads to the first page or to signing in.",
}
MACHINES = frozenset({"notice", "carrier"})  # blueprints whose callers sign what they send
DECLARED: dict[str, Audience] = {}  # filled by the guards


def declare(endpoint: str, audience: Audience) -> None:
    """Says for whom a route is; twice is a mistake."""
    assert endpoint not in DECLARED, endpoint  # noqa: S101 - a programming error
    DECLARED[endpoint] = audience


def audience_of(endpoint: str, arguments: set[str]) -> Audience | None:
    """The audience of a route, None when nobody said it."""
    if endpoint in DECLARED:
        return DECLARED[endpoint]
    if endpoint in OPEN:
        return Audience(Who.anyone)
    if endpoint.partition(".")[0] in MACHINES:
        return Audience(Who.machine)
    if "token" in arguments:
        return Audience(Who.token)
    if "visit_id" in arguments:
        return Audience(Who.visit)
    return None
