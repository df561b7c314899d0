"""The words by which somebody agrees to texts, shown beside the box and kept word for word (C27).

Called by the contact step of the payment link and by the profile of who is signed in.
"""

from flask_babel import gettext as _


def text_consent(name: str, phone: str) -> str:
    """Who texts, to which number, about what, and how it ends."""
    return str(
        _(
            "%(name)s may text me at %(phone)s about my account: receipts, payment notices and links. How many depends "
            "on what happens on my account. Message and data rates may apply. I can reply STOP at any time to get no "
            "more, or HELP for help.",
            name=name,
            phone=phone,
        )
    )
