"""Who can sign in to the demo: a customer of each kind, and an administrator of each organisation.

Called by demo/seed.py. Made through use cases; secrets are made up, for the desk only.
"""

from portal.domain.staff import Role
from portal.storage import account, organisation
from portal.storage.organisation import Organisation
from portal.usecases.login import let_in
from portal.usecases.payment_link import home
from portal.usecases.ports import Ports
from portal.usecases.staff import add_staff

SEED = "demo"
PASSWORD = "violet teapot canyon"  # noqa: S105 - made up
PIN = "839174"
SSN = "078-05-1120"  # printed in wallets in 1938, and nobody's since
STAFF = {"staff": "harbor-lane", "staff-supervision": "northfield", "staff-therapy": "willow-street"}
# login -> organisation, an account of the customer's, username, what is typed to find them
CUSTOMERS = {
    "participant": ("northfield", "NCS-20417", "jordan.reyes"),
    "participant-declined": ("northfield", "NCS-20811", "casey.lindqvist"),
    "account": ("harbor-lane", "HL-88120", None),
    "client": ("willow-street", "WST-1042", "sam.okafor"),
    "client-two-screens": ("birch-lane", "BLC-1042", "sam.okafor"),
}


def people(ports: Ports) -> dict[str, dict[str, str]]:
    """Logins by name. `python -m demo.code` shows the code that the phone of a colleague would show."""
    return {name: _customer(ports, *facts) for name, facts in CUSTOMERS.items()} | {
        name: _colleague(ports, slug) for name, slug in STAFF.items()
    }


def _customer(ports: Ports, slug: str, reference: str, username: str | None) -> dict[str, str]:
    owner = _owner(ports, slug)
    with ports.database.read(owner.id) as session:
        row = account.by_reference(session, reference)
    if row is None:
        raise RuntimeError(f"the demo has no account {reference}")
    ssn = None if username else SSN
    let_in(ports, owner.id, row.customer_id, by=SEED, username=username, pin=PIN, ssn=ssn)
    url = f"{home(ports.portal_url, owner)}/sign-in"
    if username:
        return {"url": url, "username": username, "pin": PIN}
    return {"url": f"{url}/account", "username": reference, "pin": PIN, "ssn": SSN}


def _colleague(ports: Ports, slug: str) -> dict[str, str]:
    owner = _owner(ports, slug)
    added = add_staff(
        ports, owner.id, username="robin", name="Robin Castellano", role=Role.admin, password=PASSWORD, by=SEED
    )
    return {
        "url": f"{home(ports.portal_url, owner)}/staff",
        "username": "robin",
        "password": PASSWORD,
        "totp_secret": added.totp_secret,
    }


def _owner(ports: Ports, slug: str) -> Organisation:
    with ports.database.across() as session:
        owner = organisation.by_slug(session, slug)
    if owner is None:
        raise RuntimeError(f"the demo has no organisation {slug}")
    return owner
