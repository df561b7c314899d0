"""What an organisation is called where somebody else may look: on an envelope, a lock screen, a page before it is known
who reads it.

Asked by the outbox, the texts and the first pages of personal links. A debt collector may use its business name there
only when the name does not tell that it collects debts (15 USC 1692f(8), Reg F 1006.2(j)(1)(i), 1006.6(d)(1)).
"""

import re

# Beginnings of words that tell of debts in the name of a business, in English and Spanish.
_TELLING = re.compile(
    r"(?i)\b(debt|collect|recover|receivable|arrear|delinquen|overdue|past.due|credit|deud|cobr|moros|recupera|acreed)"
)


def tells_of_debts(name: str) -> bool:
    """Whether a business name indicates that its owner collects debts."""
    return _TELLING.search(name) is not None


def name_outside(chosen: str, own: str, phone: str, *, discreet: bool) -> str:
    """The name chosen for it, else the organisation's own; one that is discreet and whose own name tells of debts is
    its telephone number.
    """
    if not discreet:
        return own
    if chosen:
        return chosen
    return phone if phone and tells_of_debts(own) else own
