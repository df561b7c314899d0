"""Shape rules that several requests share: addresses, persons, descriptors, custom fields.

Each function notes what is wrong and gives back what may be kept.
"""

import re
from typing import Any

from simulator.codec import mapping, text
from simulator.problems import Problems
from simulator.wire.call import Call
from simulator.wire.render import ADDRESS, PERSON

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CODES = (
    ("country_code_alpha2", r"[A-Z]{2}", "91814"),
    ("country_code_alpha3", r"[A-Z]{3}", "91816"),
    ("country_code_numeric", r"\d{3}", "91817"),
)
SOURCES = frozenset(
    {"recurring_first", "recurring", "merchant", "moto", "installment_first", "installment", "unscheduled", "estimated"}
)
ID = re.compile(r"[A-Za-z0-9_-]+")


def read_address(value: object, path: str, problems: Problems) -> dict[str, Any] | None:
    """An address, or None when none was sent."""
    fields = mapping(value)
    if not fields:
        return None
    for name, form, code in _CODES:
        sent = text(fields.get(name))
        if sent and not re.fullmatch(form, sent):
            problems.add(path, name, code)
    kept: dict[str, Any] = {name: text(fields[name]) for name in (*ADDRESS, "shipping_method") if fields.get(name)}
    phone = mapping(fields.get("international_phone"))
    if phone:
        kept["international_phone"] = {name: text(phone.get(name)) for name in ("country_code", "national_number")}
    return kept or None


def read_person(fields: dict[str, Any], path: str, problems: Problems) -> dict[str, Any]:
    """Names and addresses of a customer."""
    email = text(fields.get("email"))
    if email and not _EMAIL.fullmatch(email):
        problems.add(path, "email", "81604")
    kept: dict[str, Any] = {name: text(fields[name]) for name in PERSON if name in fields}
    phone = mapping(fields.get("international_phone"))
    if phone:
        kept["international_phone"] = {name: text(phone.get(name)) for name in ("country_code", "national_number")}
    return kept


def read_custom_fields(call: Call, path: str, code: str, problems: Problems) -> dict[str, str]:
    """Custom fields; each must be registered for the merchant."""
    sent = call.part("custom_fields")
    if any(name not in call.merchant.custom_fields for name in sent):
        problems.add(path, "custom_fields", code)
    return {name: shown for name, value in sent.items() if (shown := text(value)) is not None}


def read_descriptor(call: Call, problems: Problems) -> dict[str, Any]:
    """The line on the card statement."""
    sent = {name: text(value) for name, value in call.part("descriptor").items()}
    path = "transaction.descriptor"
    name, phone, url = (sent.get(key) for key in ("name", "phone", "url"))
    if name and (len(name) > 22 or not re.fullmatch(r"(.{3}|.{7}|.{12})\*.+", name)):
        problems.add(path, "name", "92201")
    if phone and not (10 <= len(phone) <= 14 and len(re.sub(r"\D", "", phone)) == 10):
        problems.add(path, "phone", "92202")
    if url and len(url) > 13:
        problems.add(path, "url", "92206")
    return {key: sent[key] for key in ("name", "phone", "url") if sent.get(key)}


def check_transaction_fields(call: Call, problems: Problems) -> None:
    """The plain fields of a sale that have rules of their own."""
    params = call.params
    order_id, order_number = text(params.get("order_id")), text(params.get("purchase_order_number"))
    if order_id and len(order_id) > 255:
        problems.add("transaction", "order_id", "91501")
    if order_number and not order_number.isascii():
        problems.add("transaction", "purchase_order_number", "91548")
    elif order_number and len(order_number) > 17:
        problems.add("transaction", "purchase_order_number", "91537")
    tax = text(params.get("tax_amount"))
    if tax and not re.fullmatch(r"\d+(\.\d{1,2})?", tax):
        problems.add("transaction", "tax_amount", "81535")
    source = text(params.get("transaction_source"))
    if source and source not in SOURCES:
        problems.add("transaction", "transaction_source", "915133")
