"""Check codes: short codes by which anybody can ask whether a receipt, agreement or message is really ours.

Made when the thing is made, printed on it, looked up on a public page that says yes or no and nothing personal.
"""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is misread aloud
LENGTH = 16  # of 5 bits each: 80 bits, which nobody guesses
GROUP = 4
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
READ_MAX = 60


def new_code() -> str:
    """`7K3M-9QXT-2FHC-8ZWN`."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(letters[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def read_code(text: str) -> str | None:
    """The code somebody typed, in its one spelling; None when it cannot be one."""
    if len(text) > READ_MAX:
        return None
    letters = "".join(each for each in text.upper().translate(_MISREAD) if each not in " -\u2010\u2011\u2013\u2014.")
    if len(letters) != LENGTH or any(each not in ALPHABET for each in letters):
        return None
    return "-".join(letters[start : start + GROUP] for start in range(0, LENGTH, GROUP))
