"""What the gateway's answers mean, as tables: statuses, validation codes and exceptions turned into outcomes.

Used by `portal.gateway.braintree`. Whatever is not named here is `unknown`: the money may have moved.
Sources: charge-protocol C.3 as written down in docs/charge.md; developer.paypal.com/braintree, statuses.
"""

from portal.domain.charge import OutcomeKind

_K = OutcomeKind

STATUS: dict[str, OutcomeKind] = {
    "authorized": _K.succeeded,
    "submitted_for_settlement": _K.succeeded,
    "settling": _K.succeeded,
    "settlement_pending": _K.succeeded,
    "settlement_confirmed": _K.succeeded,
    "settled": _K.succeeded,
    "authorizing": _K.unknown,
    "processor_declined": _K.declined,
    "gateway_rejected": _K.declined,  # except for the reason `duplicate`, below
    "failed": _K.declined,
    "settlement_declined": _K.declined,
    "settlement_failed": _K.declined,
    "authorization_expired": _K.declined,
    "voided": _K.review,
}

# "Duplicate" says that a twin exists, not that the card was refused: the twin must be found.
TWIN_EXISTS = "duplicate"

KEY_NOT_ALLOWED = "915231"
VALIDATION: dict[str, OutcomeKind] = {
    "915230": _K.review,  # key too long: our mistake
    KEY_NOT_ALLOWED: _K.key_refused,
    "915232": _K.review,  # key used with another request: our mistake, and something was taken under it
    "915233": _K.unknown,  # still in flight
    "915234": _K.unknown,  # the first request under this key failed: search says how
    "915235": _K.unknown,
    "91564": _K.unknown,  # nonce consumed: an earlier request of this order may have used it
    "91566": _K.unknown,  # nonce locked: one may be using it now
}

# A void is a move of the sale itself. A sale in any other state was not voided by the call that shows it.
STATUS_OF_VOID: dict[str, OutcomeKind] = {"voided": _K.succeeded}

TOKEN_IN_USE = "91719"  # noqa: S105 - a validation code
CUSTOMER_UNKNOWN = frozenset({"93105", "91704", "91705"})
CUSTOMER_ID_IN_USE = "91609"
NONCE_USED = frozenset({"93107", "91564"})
NONCE_LOCKED = frozenset({"93109", "91566"})  # a request is using it at this moment: nothing is known yet
NONCE_UNKNOWN = frozenset({"93108", "91565"})  # never was, expired, or another merchant's

REFUSED_STATUS = frozenset({"AuthenticationError", "AuthorizationError", "UpgradeRequiredError"})
THROTTLED = "TooManyRequestsError"


def kind_of_status(status: str, rejection_reason: str | None) -> OutcomeKind:
    """What a transaction in this status means for its charge."""
    if status == "gateway_rejected" and rejection_reason == TWIN_EXISTS:
        return _K.unknown
    return STATUS.get(status, _K.unknown)


def kind_of_void(status: str) -> OutcomeKind:
    """What the sale's status after a call to void it means for the void."""
    return STATUS_OF_VOID.get(status, _K.unknown)


def kind_of_validation(codes: list[str]) -> OutcomeKind:
    """What validation errors mean when no transaction came with them: nothing happened, unless a row says otherwise."""
    kinds = [VALIDATION[code] for code in codes if code in VALIDATION]
    for kind in (_K.unknown, _K.review, _K.key_refused):
        if kind in kinds:
            return kind
    return _K.not_sent
