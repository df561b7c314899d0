"""What the processor answers to an amount, a security code and an address: the sandbox's test values as data.

`wire.sale` asks it; it knows no merchants and keeps nothing.
"""

from dataclasses import dataclass
from typing import Any

# code -> (text, "soft" or "hard")
DECLINES: dict[str, tuple[str, str]] = {
    "2000": ("Do Not Honor", "soft"),
    "2001": ("Insufficient Funds", "soft"),
    "2002": ("Limit Exceeded", "soft"),
    "2003": ("Cardholder's Activity Limit Exceeded", "soft"),
    "2004": ("Expired Card", "hard"),
    "2005": ("Invalid Credit Card Number", "hard"),
    "2006": ("Invalid Expiration Date", "hard"),
    "2007": ("No Account", "hard"),
    "2008": ("Card Account Length Error", "hard"),
    "2009": ("No Such Issuer", "hard"),
    "2010": ("Card Issuer Declined CVV", "hard"),
    "2011": ("Voice Authorization Required", "hard"),
    "2012": ("Processor Declined - Possible Lost Card", "hard"),
    "2013": ("Processor Declined - Possible Stolen Card", "hard"),
    "2014": ("Processor Declined - Fraud Suspected", "hard"),
    "2015": ("Transaction Not Allowed", "hard"),
    "2016": ("Duplicate Transaction", "soft"),
    "2017": ("Cardholder Stopped Billing", "hard"),
    "2018": ("Cardholder Stopped All Billing", "hard"),
    "2019": ("Invalid Transaction", "hard"),
    "2020": ("Violation", "hard"),
    "2021": ("Security Violation", "hard"),
    "2022": ("Declined - Updated Cardholder Available", "hard"),
    "2023": ("Processor Does Not Support This Feature", "hard"),
    "2024": ("Card Type Not Enabled", "hard"),
    "2025": ("Set Up Error - Merchant", "soft"),
    "2026": ("Invalid Merchant ID", "soft"),
    "2027": ("Set Up Error - Amount", "hard"),
    "2028": ("Set Up Error - Hierarchy", "hard"),
    "2029": ("Set Up Error - Card", "hard"),
    "2030": ("Set Up Error - Terminal", "hard"),
    "2031": ("Encryption Error", "hard"),
    "2032": ("Surcharge Not Permitted", "hard"),
    "2033": ("Inconsistent Data", "hard"),
    "2034": ("No Action Taken", "soft"),
    "2035": ("Partial Approval For Amount In Group III Version", "soft"),
    "2036": ("Authorization could not be found", "hard"),
    "2037": ("Already Reversed", "hard"),
    "2038": ("Processor Declined", "soft"),
    "2039": ("Invalid Authorization Code", "hard"),
    "2040": ("Invalid Store", "soft"),
    "2041": ("Declined - Call For Approval", "hard"),
    "2042": ("Invalid Client ID", "soft"),
    "2043": ("Error - Do Not Retry, Call Issuer", "hard"),
    "2044": ("Declined - Call Issuer", "hard"),
    "2045": ("Invalid Merchant Number", "hard"),
    "2046": ("Declined", "soft"),
    "2047": ("Call Issuer. Pick Up Card", "hard"),
    "2048": ("Invalid Amount", "soft"),
    "2049": ("Invalid SKU Number", "hard"),
    "2050": ("Invalid Credit Plan", "hard"),
    "2051": ("Credit Card Number does not match method of payment", "hard"),
    "2052": ("Invalid level III Purchase", "hard"),
    "2053": ("Card reported as lost or stolen", "hard"),
    "2054": ("Reversal amount does not match authorization amount", "hard"),
    "2055": ("Invalid Transaction Division Number", "hard"),
    "2056": ("Transaction amount exceeds the transaction division limit", "hard"),
    "2057": ("Issuer or Cardholder has put a restriction on the card", "soft"),
    "2058": ("Merchant not Mastercard SecureCode enabled", "hard"),
    "2059": ("Address Verification Failed", "hard"),
    "2060": ("Address Verification and Card Security Code Failed", "hard"),
    "2061": ("Invalid Transaction Data", "hard"),
    "2062": ("Invalid Tax Amount", "soft"),
    "2063": ("PayPal Business Account preference resulted in the transaction failing", "hard"),
    "2064": ("Invalid Currency Code", "hard"),
    "2065": ("Refund Time Limit Exceeded", "hard"),
    "2066": ("PayPal Business Account Restricted", "hard"),
    "2067": ("Authorization Expired", "hard"),
    "2068": ("PayPal Business Account Locked or Closed", "hard"),
    "2069": ("PayPal Blocking Duplicate Order IDs", "hard"),
    "2070": ("PayPal Buyer Revoked Pre-Approved Payment Authorization", "hard"),
    "2071": ("PayPal Payee Account Invalid Or Does Not Have a Confirmed Email", "hard"),
    "2072": ("PayPal Payee Email Incorrectly Formatted", "hard"),
    "2073": ("PayPal Validation Error", "hard"),
    "2074": ("Funding Instrument In The PayPal Account Was Declined By The Processor Or Bank", "hard"),
    "2075": ("Payer Account Is Locked Or Closed", "hard"),
    "2076": ("Payer Cannot Pay For This Transaction With PayPal", "hard"),
    "2077": ("Transaction Refused Due To PayPal Risk Model", "hard"),
    "2078": ("Invalid Secure Payment Data", "soft"),
    "2079": ("PayPal Merchant Account Configuration Error", "hard"),
    "2080": ("Invalid user credentials", "soft"),
    "2081": ("PayPal pending payments are not supported", "hard"),
    "2082": ("PayPal Domestic Transaction Required", "hard"),
    "2083": ("PayPal Phone Number Required", "hard"),
    "2084": ("PayPal Tax Info Required", "hard"),
    "2085": ("PayPal Payee Blocked Transaction", "hard"),
    "2086": ("PayPal Transaction Limit Exceeded", "hard"),
    "2087": ("PayPal reference transactions not enabled for your account", "hard"),
    "2088": ("Currency not enabled for your PayPal seller account", "hard"),
    "2089": ("PayPal payee email permission denied for this request", "hard"),
    "2090": ("PayPal or Venmo account not configured to refund more than settled amount", "hard"),
    "2091": ("Currency of this transaction must match currency of your PayPal account", "hard"),
    "2092": ("No Data Found - Try Another Verification Method", "soft"),
    "2093": ("PayPal payment method is invalid", "hard"),
    "2094": ("PayPal payment has already been completed", "hard"),
    "2095": ("PayPal refund is not allowed after partial refund", "hard"),
    "2096": ("PayPal buyer account can't be the same as the seller account", "hard"),
    "2097": ("PayPal authorization amount limit exceeded", "hard"),
    "2098": ("PayPal authorization count limit exceeded", "hard"),
    "2099": ("Cardholder Authentication Required", "soft"),
    "2100": ("PayPal channel initiated billing not enabled for your account", "hard"),
    "2101": ("Additional authorization required", "soft"),
    "2102": ("Incorrect PIN", "soft"),
    "2103": ("PIN try exceeded", "soft"),
    "2104": ("Offline Issuer Declined", "soft"),
    "2105": ("Cannot Authorize at this time (Life cycle)", "soft"),
    "2106": ("Cannot Authorize at this time (Policy)", "soft"),
    "2107": ("Card Not Activated", "hard"),
    "2108": ("Closed Card", "hard"),
    "3000": ("Processor Network Unavailable - Try Again", "soft"),
}
APPROVALS = {
    "1000": "Approved",
    "1001": "Approved, check customer ID",
    "1002": "Processed",
    "1003": "Approved with Risk",
    "1004": "Approved for Partial Amount",
    "1005": "Declined",
}
SETTLEMENT_TEXTS = {
    "4000": "Settled",
    "4001": "Settlement Declined",
    "4002": "Settlement Pending",
}
PARTIAL_CENTS = 100_400  # 1004.00 with accept_partial_authorization


@dataclass(frozen=True)
class Answer:
    """What the processor said: the status it leads to and its code, text and kind."""

    status: str  # authorized, processor_declined, failed, gateway_rejected
    code: str | None
    text: str | None
    kind: str | None  # approved, soft_declined, hard_declined
    rejection: str | None = None

    @property
    def approved(self) -> bool:
        """Whether money may move."""
        return self.status == "authorized"


def approved(code: str = "1000") -> Answer:
    """An approval."""
    return Answer("authorized", code, APPROVALS[code], "approved")


def declined(code: str) -> Answer:
    """A decline; 3000 means that the network was not reached and the transaction failed."""
    text, kind = DECLINES.get(code, ("Processor Declined", "soft"))
    return Answer("failed" if code == "3000" else "processor_declined", code, text, f"{kind}_declined")


def rejected(reason: str, processor: Answer | None = None) -> Answer:
    """The gateway itself refused; after an authorisation the processor's answer stays visible."""
    said = processor or Answer("", None, None, None)
    return Answer("gateway_rejected", said.code, said.text, said.kind, reason)


def by_amount(cents: int) -> Answer:
    """The sandbox's outcome of an amount in cents."""
    if 200_000 <= cents < 300_000:
        return declined(str(cents // 100))
    if 300_000 <= cents <= 300_099:
        return declined("3000")
    if cents == 500_100:
        return rejected("application_incomplete")
    return approved()


def avs_letters(address: dict[str, Any] | None) -> tuple[str | None, str, str]:
    """(error code, postal code letter, street letter) of a billing address."""
    postal = (address or {}).get("postal_code")
    street = (address or {}).get("street_address")
    number = street.split()[0] if street else None
    error = {"30000": "E", "30001": "S"}.get(postal or "")
    if error:
        return error, "I", "I"
    return None, _letter(postal, "20000", "20001"), _letter(number, "200", "201")


def _letter(value: str | None, mismatch: str, unverified: str) -> str:
    if not value:
        return "I"
    return {mismatch: "N", unverified: "U"}.get(value, "M")


def rule_broken(avs_rules: bool, cvv_rules: bool, postal: str, street: str, cvv: str) -> str | None:
    """The gateway rejection that a merchant's AVS and CVV rules call for, if any."""
    avs = avs_rules and "N" in (postal, street)
    code = cvv_rules and cvv == "N"
    if avs and code:
        return "avs_and_cvv"
    return "avs" if avs else "cvv" if code else None
