"""What a text may hold and what it costs: the carrier's 7-bit alphabet (3GPP TS 23.038), segments, numbers we text to.

Called by wording, which writes texts, and by sms, which sends them. Never talks to a carrier.
"""

import re
import unicodedata

import phonenumbers
from phonenumbers import PhoneNumberType

from portal.domain.message import DeliveryPermanent

SEGMENTS_MAX = 3
_DIALLED = re.compile(
    r"[+0-9(). \-]{7,25}", re.ASCII
)  # the library also finds numbers inside other text; we do not look
_ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWO_PLACES = frozenset("^{}\\[~]|€")
_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2026": "...",
     "\u00a0": " ", "\u202f": " ", "\u2022": "*", "`": "'"}
)  # fmt: skip
# The United States with its territories, and Canada: +1 also dials a dozen other countries, at other prices.
_REGIONS = frozenset({"US", "CA", "PR", "VI", "GU", "AS", "MP"})
_KINDS = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


def carrier_text(text: str) -> str:
    """The text with what the 7-bit alphabet lacks written plainly (`á` as `a`); other scripts stay and cost more."""
    return "".join(_plainly(character) for character in text.translate(_PLAIN))


def segments(text: str) -> int:
    """How many messages the carrier bills: 160 or 153 places each in 7 bits, else 70 or 67 UTF-16 units."""
    if all(character in _ALPHABET or character in _TWO_PLACES for character in text):
        places, single, part = len(text) + sum(character in _TWO_PLACES for character in text), 160, 153
    else:
        places, single, part = len(text.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if places <= single else -(-places // part)


def textable_number(number: str) -> str:
    """The number as +12125550123; DeliveryPermanent `number_refused` unless it is an ordinary one in US or Canada.

    Premium, shared-cost, toll-free and foreign numbers are refused: texting them earns money for somebody else.
    """
    if not _DIALLED.fullmatch(number):
        raise DeliveryPermanent("number_refused")
    try:
        parsed = phonenumbers.parse(number, "US")
    except phonenumbers.NumberParseException as problem:
        raise DeliveryPermanent("number_refused") from problem
    ordinary = (
        phonenumbers.is_valid_number(parsed)
        and parsed.extension is None
        and phonenumbers.region_code_for_number(parsed) in _REGIONS
        and phonenumbers.number_type(parsed) in _KINDS
    )
    if not ordinary:
        raise DeliveryPermanent("number_refused")
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _plainly(character: str) -> str:
    if character in _ALPHABET or character in _TWO_PLACES:
        return character
    letters = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    return letters if letters and all(c in _ALPHABET for c in letters) else character
