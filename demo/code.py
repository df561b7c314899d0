"""`python -m demo.code [NAME]`: the six digits that a phone would show now for a login of the running demo.

Reads var/demo.json. Only for the desk: where people work, the secret is in their phone and nowhere else.
"""

import json
import sys
from datetime import UTC, datetime

from demo.stack import ROOT
from portal.domain.second_factor import STEP_SECONDS, code_at


def main() -> int:
    """Prints the code and how long it lasts."""
    name = sys.argv[1] if len(sys.argv) > 1 else "staff"
    try:
        logins = json.loads((ROOT / "var" / "demo.json").read_text())["logins"]
    except FileNotFoundError:
        print("The demo is not running: make demo")
        return 1
    secret = logins.get(name, {}).get("totp_secret")
    if secret is None:
        known = ", ".join(key for key, login in logins.items() if "totp_secret" in login)
        print(f"No login {name!r} has a code; there are: {known}")
        return 1
    now = datetime.now(UTC)
    print(f"{code_at(secret, now)}, for {STEP_SECONDS - int(now.timestamp()) % STEP_SECONDS} seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
