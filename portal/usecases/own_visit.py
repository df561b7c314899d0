"""A visit opened by somebody who is signed in: the same walk as from a link, without a token in anybody's hands.

Called by the customers' door. The link behind it is made for this one visit and its token is forgotten at once; the
visit ends with the sign-in (docs/decisions/a-visit-of-somebody-signed-in.md).
"""

from datetime import datetime, timedelta

from portal.domain.payment_link import Purpose
from portal.domain.refusal import Refused
from portal.domain.subscription import LIVE
from portal.storage import Session, account, subscription
from portal.storage import limit as limits
from portal.usecases import visit
from portal.usecases.customer_sign_in import SignedIn
from portal.usecases.payment_link import find, make
from portal.usecases.sign_in import Browser

VISITS_PER_HOUR = 40


def open_visit(
    session: Session, signed_in: SignedIn, account_id: str, browser: Browser, locale: str, now: datetime
) -> tuple[str, str]:
    """Opens a visit to pay on an account of theirs; returns (visit id, the secret its cookie holds).

    Refused `account_unknown` (another's, and none), `link_not_open` (nothing to pay), `too_many_visits`.
    """
    return _opened(session, signed_in, account_id, Purpose.pay, None, browser, locale, now)


def open_card_visit(
    session: Session, signed_in: SignedIn, subscription_id: str, browser: Browser, locale: str, now: datetime
) -> tuple[str, str]:
    """Opens a visit that changes the card of a subscription of theirs; refused as `open_visit`, and `schedule_over`."""
    row = subscription.owned_by(session, subscription_id, signed_in.customer.id)
    if row is None or row.schedule_id is None or row.state not in LIVE:
        raise Refused("schedule_over")
    return _opened(session, signed_in, row.account_id, Purpose.card, row.schedule_id, browser, locale, now)


def _opened(
    session: Session,
    signed_in: SignedIn,
    account_id: str,
    purpose: Purpose,
    subject_id: str | None,
    browser: Browser,
    locale: str,
    now: datetime,
) -> tuple[str, str]:
    owed_on = account.by_id(session, account_id)
    if owed_on is None or owed_on.customer_id != signed_in.customer.id:
        raise Refused("account_unknown")
    if limits.count_up(session, "own_visit", signed_in.customer.id, timedelta(hours=1), now) > VISITS_PER_HOUR:
        raise Refused("too_many_visits")
    token = make(
        session, owed_on, days=1, now=now, made_by=f"sign_in:{signed_in.row.id}", purpose=purpose, subject_id=subject_id
    )
    found = find(session, token, now, purpose)
    if found is None:
        raise AssertionError("a link that was just made is not there")
    return visit.start(
        session,
        found,
        ip=browser.ip,
        user_agent=browser.user_agent,
        locale=locale,
        now=now,
        sign_in_id=signed_in.row.id,
    )
