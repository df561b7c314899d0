"""Rows and the questions asked of them: the only room that speaks SQL.

Importing it registers every table. It opens no socket to anything but the database.
"""

from sqlalchemy.orm import Session

from portal.storage import (
    account,
    agreement,
    audit,
    charge,
    customer,
    dispute,
    gateway_retry,
    hold,
    ledger,
    limit,
    message,
    notice,
    obligation,
    offer,
    organisation,
    payment_link,
    payment_method,
    plan,
    reconcile,
    refund,
    schedule,
    sign_in,
    signing,
    staff,
    visit,
    walk,
)
from portal.storage.database import Database

__all__ = [
    "Database",
    "Session",
    "account",
    "agreement",
    "audit",
    "charge",
    "customer",
    "dispute",
    "gateway_retry",
    "hold",
    "ledger",
    "limit",
    "message",
    "notice",
    "obligation",
    "offer",
    "organisation",
    "payment_link",
    "payment_method",
    "plan",
    "reconcile",
    "refund",
    "schedule",
    "sign_in",
    "signing",
    "staff",
    "visit",
    "walk",
]
