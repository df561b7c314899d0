"""The authorization of AutoPay in its exact words, English and Spanish: what is charged, when it is told, how to stop.

Called by the AutoPay use cases; shown before it is turned on, and sealed as shown. It keeps Reg E 1005.10(b) and (d),
the schemes' stored-card terms (C32), 15 USC 8403 (C52), and names no service, code or diagnosis (C50).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from portal.domain.agreement import Section, Text, dollars
from portal.domain.schedule import Payment
from portal.domain.schedule_agreement import day_in_words

VERSION = "autopay-2026-11"


@dataclass(frozen=True, slots=True)
class AutopayTerms:
    """What the words depend on. `payments` are announced already; `failed_cents` is charged to this card at once."""

    organisation: str
    support_phone: str
    support_email: str
    customer: str
    account_reference: str
    card: str
    limit_cents: int
    notice_days: int
    quiet_days: int
    covers_from: date
    payments: Sequence[Payment]
    failed_cents: int
    authorized_on: date
    own_terms: str


def autopay_text(terms: AutopayTerms, locale: str) -> Text:
    """The authorization in English, or in Spanish when `locale` is es."""
    make = _spanish if locale == "es" else _english
    return Text(VERSION, "es" if locale == "es" else "en", tuple(make(terms)))


def tick_words(organisation: str, card: str, limit_cents: int, locale: str) -> str:
    """What stands beside the box that must be ticked."""
    if locale == "es":
        return (
            f"Autorizo a {organisation} a cobrar a {card} lo que queden debiendo mis servicios nuevos, nunca más de "
            f"{dollars(limit_cents)} por pago y siempre con aviso previo, como se indica aquí."
        )
    return (
        f"I allow {organisation} to charge {card} for what new services leave for me to pay, never more than "
        f"{dollars(limit_cents)} at once and each time with a notice before, as written here."
    )


def _days(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _english(terms: AutopayTerms) -> list[Section]:
    limit, days = dollars(terms.limit_cents), terms.notice_days
    sections = [
        Section(
            "Your authorization",
            (
                f"I, {terms.customer}, authorize {terms.organisation} to charge {terms.card}, again and again until I "
                f"stop it, for what is left for me to pay of services recorded on account {terms.account_reference} "
                f"since {day_in_words(terms.covers_from, 'en')}. What I owed before is not charged by this.",
                "I am the holder of this card, or its holder has allowed me to use it. Nobody asks this of me: I can "
                "pay each service by hand instead. I give this authorization on "
                f"{day_in_words(terms.authorized_on, 'en')}.",
            ),
        ),
        Section(
            "How much, and when",
            (
                f"The amount is what my services leave for me to pay after insurance and adjustments, once nothing has "
                f"changed about them for {_days(terms.quiet_days, 'day')}.",
                f"Before each payment {terms.organisation} emails me its amount and its date, at least {days} days "
                "ahead. Nothing is charged before that date, and never more than was announced; less is charged when "
                "less is left by then, and nothing when I have paid. A higher amount needs a new notice.",
                f"No payment is more than {limit}. Above it nothing is charged: I am asked instead, and pay by hand.",
            ),
        ),
    ]
    if terms.payments:
        sections.append(
            Section(
                "Payments announced already",
                tuple(f"{day_in_words(each.due_on, 'en')}: {dollars(each.amount_cents)}" for each in terms.payments),
            )
        )
    if terms.failed_cents:
        sections.append(
            Section(
                "What did not go through",
                (f"I authorize {dollars(terms.failed_cents)} that did not go through to be charged to this card now.",),
            )
        )
    sections += [
        Section(
            "If a payment does not go through",
            (
                f"{terms.organisation} will tell me and may try the same payment again, four times in all within 21 "
                "days. Until it is paid, or I give another card, nothing new is charged.",
            ),
        ),
        Section(
            "How to stop",
            (
                "I can turn AutoPay off, or leave out one payment, at any time: with one press on the AutoPay page, "
                f"by calling {terms.support_phone}, or by writing to {terms.support_email}. A payment that has not yet "
                "been sent to the card processor is then not charged; one that was being sent at that moment is given "
                "back. If the card is a debit or prepaid card I can also have my bank stop a payment, three business "
                "days before its date.",
                "This authorization ends when I turn AutoPay off. A change of its terms, its limit or its card needs a "
                f"new one. To ask for a refund, call {terms.support_phone} or write to {terms.support_email}.",
            ),
        ),
        Section(
            "Your card",
            (
                f"{terms.organisation} keeps this card with its card processor. By this authorization it is used only "
                "for AutoPay on this account.",
            ),
        ),
    ]
    if terms.own_terms:
        sections.append(Section(f"Terms of {terms.organisation}", (terms.own_terms,)))
    return sections


def _spanish(terms: AutopayTerms) -> list[Section]:
    limit, days = dollars(terms.limit_cents), terms.notice_days
    sections = [
        Section(
            "Su autorización",
            (
                f"Yo, {terms.customer}, autorizo a {terms.organisation} a cobrar a {terms.card}, una y otra vez hasta "
                "que yo lo detenga, lo que me quede por pagar de los servicios registrados en la cuenta "
                f"{terms.account_reference} desde el {day_in_words(terms.covers_from, 'es')}. Lo que debía antes no se "
                "cobra con esto.",
                "Soy titular de esta tarjeta, o su titular me ha permitido usarla. Nadie me lo exige: puedo pagar cada "
                f"servicio yo mismo. Doy esta autorización el {day_in_words(terms.authorized_on, 'es')}.",
            ),
        ),
        Section(
            "Cuánto y cuándo",
            (
                "El importe es lo que me queda por pagar de mis servicios después del seguro y los ajustes, una vez "
                f"que nada haya cambiado en ellos durante {_days(terms.quiet_days, 'día')}.",
                f"Antes de cada pago, {terms.organisation} me envía por correo electrónico el importe y la fecha, al "
                f"menos {days} días antes. Nada se cobra antes de esa fecha, ni nunca más de lo anunciado; se cobra "
                "menos si para entonces queda menos, y nada si ya pagué. Un importe mayor exige un nuevo aviso.",
                f"Ningún pago supera {limit}. Por encima de eso no se cobra nada: se me pregunta y pago yo mismo.",
            ),
        ),
    ]
    if terms.payments:
        sections.append(
            Section(
                "Pagos ya anunciados",
                tuple(f"{day_in_words(each.due_on, 'es')}: {dollars(each.amount_cents)}" for each in terms.payments),
            )
        )
    if terms.failed_cents:
        sections.append(
            Section(
                "Lo que no se pudo cobrar",
                (f"Autorizo que {dollars(terms.failed_cents)} que no se pudieron cobrar se cobren ahora a esta "
                 "tarjeta.",),
            )
        )  # fmt: skip
    sections += [
        Section(
            "Si un pago no se puede cobrar",
            (
                f"{terms.organisation} me avisará y podrá intentar el mismo pago otra vez, cuatro veces en total en 21 "
                "días. Hasta que se pague, o hasta que yo dé otra tarjeta, no se cobra nada nuevo.",
            ),
        ),
        Section(
            "Cómo detenerlo",
            (
                "Puedo desactivar AutoPay, u omitir un pago, en cualquier momento: con un solo clic en la página de "
                f"AutoPay, llamando al {terms.support_phone} o escribiendo a {terms.support_email}. Un pago que aún "
                "no se haya enviado al procesador de tarjetas ya no se cobra; uno que se estaba enviando en ese "
                "momento se devuelve. Si la tarjeta es de débito o prepagada, también puedo pedir a mi banco que "
                "detenga un pago, tres días hábiles antes de su fecha.",
                "Esta autorización termina cuando desactivo AutoPay. Un cambio de sus condiciones, su límite o su "
                f"tarjeta exige una nueva. Para pedir un reembolso, llame al {terms.support_phone} o escriba a "
                f"{terms.support_email}.",
            ),
        ),
        Section(
            "Su tarjeta",
            (
                f"{terms.organisation} conserva esta tarjeta en su procesador de tarjetas. Con esta autorización se "
                "usa solo para AutoPay en esta cuenta.",
            ),
        ),
    ]
    if terms.own_terms:
        sections.append(Section(f"Condiciones de {terms.organisation}", (terms.own_terms,)))
    return sections
