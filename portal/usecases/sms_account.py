"""The organisation's account with the SMS carrier. Called by commands and seeds; reaches nobody."""

import re
from datetime import datetime

from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage.sms_account import SmsAccount, sms_account
from portal.usecases.organisation import record
from portal.usecases.ports import Seal

_SENDER = re.compile(r"\+1[0-9]{10}|[0-9]{5,6}|MG[0-9a-f]{32}", re.ASCII)


def set_sms_account(
    session: Session, seal: Seal, *, account_sid: str, auth_token: str, sender: str, by: str, now: datetime
) -> None:
    """From now on texts go by this account; the token is sealed before it is stored. Refused `sms_account_wrong`."""
    if not account_sid.startswith("AC") or not auth_token or not _SENDER.fullmatch(sender):
        raise Refused("sms_account_wrong")
    row = sms_account(session) or SmsAccount(organisation_id=session.info["organisation_id"])
    row.account_sid, row.auth_token_sealed, row.sender, row.set_at = account_sid, seal.seal(auth_token), sender, now
    session.add(row)
    session.flush()
    record(session, by, "sms_account_set", row.id, now, account_sid=account_sid, sender=sender)
