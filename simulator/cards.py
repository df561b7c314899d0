"""Test card numbers and what each does, as data, and the reading of a card someone typed.

The vault and the client API turn a number into a `CardFace` here at once; from then on nobody holds the number or
the security code, only bin, last four, a keyed hash and the letter the security code earned.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from simulator.problems import Problems

_HASH_KEY = b"simulator"
INDICATORS = (
    "prepaid",
    "healthcare",
    "debit",
    "durbin_regulated",
    "commercial",
    "payroll",
    "prepaid_reloadable",
    "business",
    "consumer",
    "corporate",
    "purchase",
)


@dataclass(frozen=True)
class Profile:
    """How a card behaves. Codes are processor codes; None means the amount decides."""

    verification_code: str | None = None
    sale_code: str | None = None
    fraud_reason: str | None = None  # only where the merchant has fraud tools
    always_rejected: bool = False  # fraud_reason holds at every merchant
    indicators: tuple[tuple[str, str], ...] = ()
    is_disputed: bool = False  # its holder takes every sale back at once


def _marked(**indicators: str) -> Profile:
    return Profile(indicators=tuple(indicators.items()))


PROFILES: dict[str, Profile] = {
    "plain": Profile(),
    "verification_declined": Profile(verification_code="2000"),
    "verification_failed": Profile(verification_code="3000"),
    "disputed": Profile(is_disputed=True),
    "declined": Profile(verification_code="2000", sale_code="2000"),
    "failed": Profile(verification_code="3000", sale_code="3000"),
    "fraud": Profile(fraud_reason="fraud"),
    "risk_threshold": Profile(fraud_reason="risk_threshold"),
    "always_fraud": Profile(fraud_reason="fraud", always_rejected=True),
    "always_risk_threshold": Profile(fraud_reason="risk_threshold", always_rejected=True),
    **{name: _marked(**{name: "Yes"}) for name in INDICATORS},
    "all_no": _marked(**dict.fromkeys(INDICATORS, "No"), product_id="MSB"),
    "all_unknown": _marked(**dict.fromkeys(INDICATORS, "Unknown")),
    "issuing_bank": _marked(issuing_bank="NETWORK ONLY"),
    "country_usa": _marked(country_of_issuance="USA"),
    "country_cad": _marked(country_of_issuance="CAD"),
}

NUMBERS: dict[str, str] = {
    **dict.fromkeys(
        (
            "4111111111111111",
            "4005519200000004",
            "4012888888881881",
            "4009348888881881",
            "4012000033330026",
            "4012000077777777",
            "4217651111111119",
            "4500600000000061",
            "5555555555554444",
            "2223000048400011",
            "378282246310005",
            "371449635398431",
            "6011111111111117",
            "6011000991300009",
            "3530111333300000",
            "36259600000004",
            "6304000000000000",
            "6243030000000001",
        ),
        "plain",
    ),
    **dict.fromkeys(
        ("4000111111111115", "5105105105105100", "378734493671000", "6011000990139424"), "verification_declined"
    ),
    "4023898493988028": "disputed",
    "3566002020360505": "verification_failed",
    "4000111111111511": "fraud",
    "4111130000000003": "risk_threshold",
    "4111111111131010": "commercial",
    "4117101010101010": "debit",
    "4111161010101010": "durbin_regulated",
    "4111111510101010": "healthcare",
    "4111111114101010": "payroll",
    "4111111111111210": "prepaid",
    "4229989900000002": "prepaid_reloadable",
    "4229989800000003": "business",
    "4229989700000004": "consumer",
    "4229989100000000": "corporate",
    "4229989500000006": "purchase",
    "4111111141010101": "issuing_bank",
    "4111111111121102": "country_usa",
    "4111111111310101": "all_no",
    "4111111111112101": "all_unknown",
}

CARD_TYPES = (
    ("American Express", re.compile("3[47]")),
    ("Diners Club", re.compile("3(0[0-5]|[689])")),
    ("JCB", re.compile("35|2131|1800")),
    ("Discover", re.compile("6011|65|64[4-9]")),
    ("UnionPay", re.compile("62")),
    ("Maestro", re.compile("5[0678]|6")),
    ("MasterCard", re.compile("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720")),
    ("Visa", re.compile("4")),
)

# nonce -> (number, profile or None for the number's own)
FAKE_NONCES: dict[str, tuple[str, str | None]] = {
    "fake-valid-nonce": ("4111111111111111", None),
    "fake-valid-visa-nonce": ("4012888888881881", None),
    "fake-valid-mastercard-nonce": ("5555555555554444", None),
    "fake-valid-amex-nonce": ("378282246310005", None),
    "fake-valid-discover-nonce": ("6011111111111117", None),
    "fake-valid-jcb-nonce": ("3530111333300000", None),
    "fake-valid-maestro-nonce": ("6304000000000000", None),
    "fake-valid-dinersclub-nonce": ("36259600000004", None),
    "fake-processor-declined-visa-nonce": ("4000111111111115", "declined"),
    "fake-processor-declined-mastercard-nonce": ("5105105105105100", "declined"),
    "fake-processor-declined-amex-nonce": ("378734493671000", "declined"),
    "fake-processor-declined-discover-nonce": ("6011000990139424", "declined"),
    "fake-processor-failure-jcb-nonce": ("3566002020360505", "failed"),
    "fake-gateway-rejected-fraud-nonce": ("4000111111111511", "always_fraud"),
    "fake-gateway-rejected-risk-thresholds-nonce": ("4111130000000003", "always_risk_threshold"),
    "fake-valid-prepaid-nonce": ("4111111111111210", None),
    "fake-valid-prepaid-reloadable-nonce": ("4229989900000002", None),
    "fake-valid-commercial-nonce": ("4111111111131010", None),
    "fake-valid-durbin-regulated-nonce": ("4111161010101010", None),
    "fake-valid-healthcare-nonce": ("4111111510101010", None),
    "fake-valid-debit-nonce": ("4117101010101010", None),
    "fake-valid-payroll-nonce": ("4111111114101010", None),
    "fake-valid-business-nonce": ("4229989800000003", None),
    "fake-valid-consumer-nonce": ("4229989700000004", None),
    "fake-valid-corporate-nonce": ("4229989100000000", None),
    "fake-valid-purchase-nonce": ("4229989500000006", None),
    "fake-valid-no-indicators-nonce": ("4111111111310101", None),
    "fake-valid-unknown-indicators-nonce": ("4111111111112101", None),
    "fake-valid-country-of-issuance-usa-nonce": ("4111111111121102", None),
    "fake-valid-country-of-issuance-cad-nonce": ("4111111111121102", "country_cad"),
    "fake-valid-issuing-bank-network-only-nonce": ("4111111141010101", None),
}
# Payment methods this gateway does not offer: refused cleanly, never a crash.
FOREIGN_NONCES = re.compile("fake-(paypal|us-bank-account|venmo|apple-pay|android-pay|sepa|local-payment)")
# What a nonce is told to be when it is looked up.
FOREIGN_KINDS = {
    "fake-us-bank-account-nonce": "UsBankAccount",
    "fake-paypal-": "PayPalAccount",
    "fake-venmo-": "VenmoAccount",
}


@dataclass
class CardFace:
    """What may be remembered of a card."""

    bin: str
    bin_extended: str
    last_4: str
    number_hash: str  # equal for equal numbers
    card_type: str
    profile: str
    expiration_month: str
    expiration_year: str
    cardholder_name: str | None = None
    cvv_response: str = "I"

    @property
    def behaviour(self) -> Profile:
        """How it behaves."""
        return PROFILES[self.profile]

    @property
    def expiration_date(self) -> str:
        """MM/YYYY."""
        return f"{self.expiration_month}/{self.expiration_year}"


def luhn_valid(number: str) -> bool:
    """The check digit rule of card numbers."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card_type_of(number: str) -> str | None:
    """The brand by its leading digits, or None."""
    return next((name for name, start in CARD_TYPES if start.match(number)), None)


def number_hash(number: str) -> str:
    """32 word characters, equal for equal numbers."""
    return hashlib.blake2b(number.encode(), digest_size=16, key=_HASH_KEY).hexdigest()


def cvv_response(cvv: str | None) -> str:
    """The letter a security code earns in the sandbox."""
    letters = {"200": "N", "2000": "N", "201": "U", "2011": "U", "301": "S", "3011": "S"}
    return letters.get(cvv, "M") if cvv else "I"


def face_of(
    number: str, month: str, year: str, holder: str | None = None, cvv: str | None = None, profile: str | None = None
) -> CardFace:
    """The face of a number that was already judged acceptable."""
    return CardFace(
        bin=number[:6],
        bin_extended=number[:8],
        last_4=number[-4:],
        number_hash=number_hash(number),
        card_type=card_type_of(number) or "Unknown",
        profile=profile or NUMBERS.get(number, "plain"),
        expiration_month=month,
        expiration_year=year,
        cardholder_name=holder,
        cvv_response=cvv_response(cvv),
    )


def fake_face(nonce: str) -> CardFace:
    """The card behind one of the sandbox's standing nonces."""
    number, profile = FAKE_NONCES[nonce]
    return face_of(number, "12", "2030", cvv="123", profile=profile)


def read_expiration(params: dict[str, Any], path: str, problems: Problems) -> tuple[str, str]:
    """(MM, YYYY) from either form; past dates are accepted, as in the sandbox."""
    date, month, year = params.get("expiration_date"), params.get("expiration_month"), params.get("expiration_year")
    if not date and not month and not year:
        problems.add(path, "expiration_date", "81709")
        return "", ""
    if date:
        month, _, year = str(date).partition("/")
    month, year = str(month or "").strip(), str(year or "").strip()
    if not re.fullmatch(r"0?[1-9]|1[0-2]", month) or not re.fullmatch(r"\d\d|[12]\d{3}", year):
        problems.add(path, "expiration_date", "81710")
        return "", ""
    return month.zfill(2), year if len(year) == 4 else f"20{year}"


def read_card(params: dict[str, Any], path: str, problems: Problems) -> CardFace | None:
    """A typed card, judged as the sandbox does; None when it added problems at `path`."""
    before = len(problems.found)
    number = re.sub(r"[\s-]", "", str(params.get("number") or ""))
    if not number:
        problems.add(path, "number", "81714")
    elif not number.isascii() or not number.isdigit():
        problems.add(path, "number", "81715")
    elif not 12 <= len(number) <= 19:
        problems.add(path, "number", "81716")
    elif not luhn_valid(number):
        problems.add(path, "number", "81715")
    elif number not in NUMBERS:
        problems.add(path, "number", "81717")
    cvv = params.get("cvv")
    digits = 4 if card_type_of(number) == "American Express" else 3
    if cvv is not None and not re.fullmatch(rf"\d{{{digits}}}", str(cvv)):
        problems.add(path, "cvv", "81707")
    month, year = read_expiration(params, path, problems)
    if len(problems.found) > before:
        return None
    return face_of(number, month, year, params.get("cardholder_name"), str(cvv) if cvv else None)
