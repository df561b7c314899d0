"""Telephone numbers of the United States and Canada: one spelling for each.

Read wherever a number is stored, looked up or compared. Says nothing of whether a text may go there.
"""

import phonenumbers


def one_spelling(number: str | None) -> str | None:
    """`(312) 555-0123` -> `+13125550123`, so that the number in an opt-out is the number on file; None when it is none.

    Only ordinary numbers of the +1 countries: the carrier writes them so, and nothing else is texted.
    """
    if not number or len(number) > 40:
        return None
    try:
        parsed = phonenumbers.parse(number, "US")
    except phonenumbers.NumberParseException:
        return None
    if parsed.country_code != 1 or parsed.extension or not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
