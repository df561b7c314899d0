"""The authorization of scheduled payments in its exact words, English and Spanish: amounts, dates, how to revoke.

Called by the schedule use cases; sealed as shown. It keeps Reg E 1005.10(b), the schemes' stored-card terms (C32) and
what Nacha asks of an authorization (C7). The payer agrees to a range: never above the amount listed, less when less
is owed (Reg E 1005.10(d)(2)), so that no charge under it can differ without notice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from portal.domain.agreement import Section, Text, dollars
from portal.domain.due_date import WeekendRule
from portal.domain.schedule import Payment

VERSION = "schedule-2026-11"
CARD_VERSION = "schedule-card-2026-11"
MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December"),
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
           "noviembre", "diciembre"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScheduleTerms:
    """What the words depend on; `card` names the card with its last four digits."""

    organisation: str
    support_phone: str
    support_email: str
    customer: str
    account_reference: str
    payments: Sequence[Payment]
    card: str
    authorized_on: date
    weekend_rule: WeekendRule
    cutoff_hours: int
    own_terms: str

    @property
    def total_cents(self) -> int:
        return sum(each.amount_cents for each in self.payments)


def schedule_text(terms: ScheduleTerms, locale: str) -> Text:
    """The authorization of a new schedule."""
    if locale == "es":
        return Text(VERSION, "es", tuple(_spanish(terms, _spanish_opening(terms))))
    return Text(VERSION, "en", tuple(_english(terms, _english_opening(terms))))


def card_change_text(terms: ScheduleTerms, locale: str) -> Text:
    """The authorization of another card for the payments that are left; they are listed anew."""
    if locale == "es":
        return Text(CARD_VERSION, "es", tuple(_spanish(terms, _spanish_change(terms))))
    return Text(CARD_VERSION, "en", tuple(_english(terms, _english_change(terms))))


def keep_words(organisation: str, locale: str) -> str:
    """What is said where a card is given for scheduled payments, and kept with it (C32). There is no box to tick:
    without the card nothing can be charged later.
    """
    if locale == "es":
        return (
            f"{organisation} conserva esta tarjeta en su procesador de tarjetas y la usa solo para los pagos "
            "programados que usted autorice."
        )
    return (
        f"{organisation} keeps this card with its card processor and uses it only for the scheduled payments you "
        "authorize."
    )


def day_in_words(day: date, locale: str) -> str:
    """November 24, 2026 or 24 de noviembre de 2026."""
    if locale == "es":
        return f"{day.day} de {MONTHS['es'][day.month - 1]} de {day.year}"
    return f"{MONTHS['en'][day.month - 1]} {day.day}, {day.year}"


def _listed(terms: ScheduleTerms, locale: str) -> tuple[str, ...]:
    return tuple(f"{each.number}. {day_in_words(each.due_on, locale)}: {dollars(each.amount_cents)}"
                 for each in terms.payments)  # fmt: skip


def _english_opening(terms: ScheduleTerms) -> str:
    if len(terms.payments) == 1:
        return (
            f"I, {terms.customer}, authorize {terms.organisation} to charge {terms.card} once, on the date and for the "
            f"amount listed here, as a payment on account {terms.account_reference}."
        )
    return (
        f"I, {terms.customer}, authorize {terms.organisation} to charge {terms.card} on the dates and for the amounts "
        f"listed here, as payments on account {terms.account_reference}: {len(terms.payments)} payments, "
        f"{dollars(terms.total_cents)} in all, in US dollars."
    )


def _english_change(terms: ScheduleTerms) -> str:
    return (
        f"I, {terms.customer}, authorize {terms.organisation} to charge {terms.card} in place of the card used until "
        f"now for the payments on account {terms.account_reference} that are left. A payment that did not go through "
        "is charged to this card at once."
    )


def _english(terms: ScheduleTerms, opening: str) -> list[Section]:
    moved = {
        WeekendRule.before: "A date on a weekend or federal holiday was moved to the working day before.",
        WeekendRule.after: "A date on a weekend or federal holiday was moved to the next working day.",
        WeekendRule.same: "Payments are charged on their date, also on weekends and holidays.",
    }[terms.weekend_rule]
    sections = [
        Section(
            "Your authorization",
            (
                opening,
                "I am the holder of this card, or its holder has allowed me to use it. "
                f"I give this authorization on {day_in_words(terms.authorized_on, 'en')}.",
            ),
        ),
        Section("Amounts and dates", (*_listed(terms, "en"), moved)),
        Section(
            "If the amount changes",
            (
                "No payment will be more than the amount listed for its date. A payment will be less when I owe less "
                "by then, and it will not be taken when I owe nothing; I ask to be told in advance only of amounts "
                "outside this range. Any other change needs a new authorization.",
            ),
        ),
        Section(
            "If a payment does not go through",
            (
                f"{terms.organisation} will tell me and may try the same payment again, four times in all within 21 "
                "days. I can change the card with the link in that message.",
            ),
        ),
        Section(
            "How to stop, move or revoke",
            (
                "I can cancel one payment or all of them, or revoke this authorization, at any time: on the payment "
                f"page, by calling {terms.support_phone}, or by writing to {terms.support_email}. A payment that has "
                "not yet been sent to the card processor is then not charged; one that was being sent at that moment "
                f"is given back. Up to {terms.cutoff_hours} hours before its date I can also ask to move a payment.",
                "I may also stop a payment through my bank by telling it at least three business days before the date.",
                "Paying this way is my choice. I can pay each amount myself instead.",
            ),
        ),
        Section(
            "Your card on file",
            (
                f"{terms.organisation} keeps {terms.card} with its card processor and uses it only for the payments "
                "listed here. This ends with the last of them, or when I revoke it. "
                f"{terms.organisation} tells me by email or mail before these terms change.",
                "A receipt is sent after each payment. For a refund, call or write as above.",
            ),
        ),
    ]
    if terms.own_terms:
        sections.append(Section(f"Terms of {terms.organisation}", (terms.own_terms,)))
    return sections


def _spanish_opening(terms: ScheduleTerms) -> str:
    if len(terms.payments) == 1:
        return (
            f"Yo, {terms.customer}, autorizo a {terms.organisation} a cobrar una vez a {terms.card}, en la fecha y por "
            f"el importe que aquí se indican, como pago de la cuenta {terms.account_reference}."
        )
    return (
        f"Yo, {terms.customer}, autorizo a {terms.organisation} a cobrar a {terms.card} en las fechas y por los "
        f"importes que aquí se indican, como pagos de la cuenta {terms.account_reference}: {len(terms.payments)} "
        f"pagos, {dollars(terms.total_cents)} en total, en dólares estadounidenses."
    )


def _spanish_change(terms: ScheduleTerms) -> str:
    return (
        f"Yo, {terms.customer}, autorizo a {terms.organisation} a cobrar a {terms.card}, en lugar de la tarjeta usada "
        f"hasta ahora, los pagos pendientes de la cuenta {terms.account_reference}. Un pago que no se pudo realizar se "
        "cobra a esta tarjeta de inmediato."
    )


def _spanish(terms: ScheduleTerms, opening: str) -> list[Section]:
    moved = {
        WeekendRule.before: "Una fecha en fin de semana o día feriado federal se pasó al día hábil anterior.",
        WeekendRule.after: "Una fecha en fin de semana o día feriado federal se pasó al siguiente día hábil.",
        WeekendRule.same: "Los pagos se cobran en su fecha, también en fines de semana y días feriados.",
    }[terms.weekend_rule]
    sections = [
        Section(
            "Su autorización",
            (
                opening,
                "Soy titular de esta tarjeta, o su titular me ha permitido usarla. "
                f"Doy esta autorización el {day_in_words(terms.authorized_on, 'es')}.",
            ),
        ),
        Section("Importes y fechas", (*_listed(terms, "es"), moved)),
        Section(
            "Si el importe cambia",
            (
                "Ningún pago será mayor que el importe indicado para su fecha. Un pago será menor si para entonces "
                "debo menos, y no se cobrará si no debo nada; pido que se me avise con antelación solo de importes "
                "fuera de este margen. Cualquier otro cambio requiere una nueva autorización.",
            ),
        ),
        Section(
            "Si un pago no se puede realizar",
            (
                f"{terms.organisation} me avisará y podrá intentar de nuevo el mismo pago, cuatro veces en total en un "
                "plazo de 21 días. Puedo cambiar la tarjeta con el enlace de ese mensaje.",
            ),
        ),
        Section(
            "Cómo detener, mover o revocar",
            (
                "Puedo cancelar un pago o todos, o revocar esta autorización, en cualquier momento: en la página de "
                f"pagos, llamando al {terms.support_phone} o escribiendo a {terms.support_email}. Un pago que aún no "
                "se haya enviado al procesador de tarjetas ya no se cobra; uno que se estaba enviando en ese momento "
                f"se devuelve. Hasta {terms.cutoff_hours} horas antes de su fecha también puedo pedir que se mueva un "
                "pago.",
                "También puedo detener un pago por medio de mi banco, avisándole al menos tres días hábiles antes de "
                "la fecha.",
                "Pagar de esta forma es mi decisión. También puedo pagar cada importe por mi cuenta.",
            ),
        ),
        Section(
            "Su tarjeta guardada",
            (
                f"{terms.organisation} conserva {terms.card} en su procesador de tarjetas y la usa solo para los pagos "
                "aquí indicados. Esto termina con el último de ellos o cuando yo lo revoque. "
                f"{terms.organisation} me avisará por correo electrónico o postal antes de cambiar estas condiciones.",
                "Después de cada pago se envía un recibo. Para un reembolso, llame o escriba como se indica arriba.",
            ),
        ),
    ]
    if terms.own_terms:
        sections.append(Section(f"Condiciones de {terms.organisation}", (terms.own_terms,)))
    return sections
