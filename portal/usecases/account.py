"""Organisations, customers and accounts come into being here; a balance is placed as a ledger entry, never just set.

Called by seeding, imports and (later) the console. Charges nothing.
"""

from datetime import datetime

from portal.domain.contact_wish import WishSource
from portal.domain.ledger import Recipe
from portal.domain.money import assert_cents
from portal.domain.organisation import Profile
from portal.domain.refusal import Refused
from portal.storage import Database, Session, account, customer
from portal.storage.account import Account
from portal.storage.customer import Customer
from portal.storage.organisation import Organisation
from portal.storage.rows import new_id
from portal.usecases.contact_wish import Words, agree
from portal.usecases.ledger import post


def found_organisation(
    database: Database,
    *,
    slug: str,
    name: str,
    profile: Profile,
    brand_colour: str,
    timezone: str,
    support_email: str,
    support_phone: str,
    postal_address: str,
    now: datetime,
    locale: str = "en",
    host: str | None = None,
) -> str:
    """The id of a new organisation, which has defaults for every setting and no gateway account yet."""
    organisation_id = new_id()
    with database.transaction(organisation_id) as session:
        session.add(
            Organisation(
                id=organisation_id,
                slug=slug,
                host=host,
                name=name,
                profile=profile.value,
                brand_colour=brand_colour,
                timezone=timezone,
                locale=locale,
                support_email=support_email,
                support_phone=support_phone,
                postal_address=postal_address,
                created_at=now,
            )
        )
    return organisation_id


def add_customer(
    session: Session,
    *,
    reference: str,
    given_name: str,
    family_name: str,
    now: datetime,
    email: str | None = None,
    phone: str | None = None,
    address_line1: str | None = None,
    city: str | None = None,
    state: str | None = None,
    postal_code: str | None = None,
    locale: str = "en",
    timezone: str | None = None,
    sms_consent_at: datetime | None = None,
) -> Customer:
    """A person who may pay this organisation. `sms_consent_at`: when they agreed to texts, says the organisation."""
    row = Customer(
        organisation_id=session.info["organisation_id"],
        reference=reference,
        given_name=given_name,
        family_name=family_name,
        email=email,
        phone=phone,
        address_line1=address_line1,
        city=city,
        state=state,
        postal_code=postal_code,
        locale=locale,
        timezone=timezone,
        created_at=now,
    )
    session.add(row)
    session.flush()
    if phone and sms_consent_at is not None:
        words = Words("The organisation states that the customer agreed to texts.", WishSource.imported, by="import")
        agree(session, "sms", phone, words, sms_consent_at, customer=row.id)
    return row


def open_account(
    session: Session,
    customer_id: str,
    *,
    reference: str,
    label: str,
    balance_cents: int,
    now: datetime,
    by: str,
    creditor: str | None = None,
) -> Account:
    """What a customer owes, placed on the ledger; zero places nothing. Refused `customer_unknown`."""
    owed_by = customer.by_id(session, customer_id)
    if owed_by is None or not owed_by.is_active:  # none is opened for somebody who was erased
        raise Refused("customer_unknown")
    assert_cents(balance_cents)
    row = Account(
        organisation_id=session.info["organisation_id"],
        customer_id=customer_id,
        reference=reference,
        label=label,
        creditor=creditor,
        balance_cents=0,
        created_at=now,
    )
    session.add(row)
    session.flush()
    if balance_cents:
        locked = account.lock(session, row.id)
        post(
            session,
            locked,
            Recipe.balance_placed,
            balance_cents,
            event_key=f"balance_placed:{row.id}:opening",
            posted_at=now,
            posted_by=by,
        )
    return row
