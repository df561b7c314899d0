"""The second factor of staff: six digits of an authenticator app, each step good once (RFC 6238).

Read by the staff use cases. The only file that knows pyotp. Keeps nothing: the caller stores the last step used.
"""

import hmac
from datetime import datetime

import pyotp

STEP_SECONDS = 30
STEPS_EITHER_WAY = 1  # a phone's clock may be half a minute off
DIGITS = 6


def new_secret() -> str:
    """160 random bits, as an app takes them."""
    return pyotp.random_base32()


def setup_address(secret: str, username: str, issuer: str) -> str:
    """What an authenticator app reads from a picture or by hand."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=issuer)


def code_at(secret: str, now: datetime) -> str:
    """The code an app shows at a moment."""
    return pyotp.TOTP(secret).at(now)


def step_of(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The step whose code this is, None when it is none or one not after `last_step` (attack 17: used once)."""
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(current - STEPS_EITHER_WAY, current + STEPS_EITHER_WAY + 1):
        is_it = hmac.compare_digest(totp.generate_otp(step).encode(), code.encode("utf-8", "surrogatepass"))
        if is_it and step > last_step:
            found = step
    return found
