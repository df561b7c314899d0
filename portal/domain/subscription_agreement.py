"""The authorization of a subscription in its exact words, English and Spanish: each date until the end of the program.

Called by the subscription use cases; shown above Pay Now and sealed when it is pressed, with the card that was given.
It keeps Reg E 1005.10(b), the schemes' stored-card terms (C32) and 15 USC 8403 (C52). The participant agrees to a
range: never above what is listed; a longer program is announced ten days before (Reg E 1005.10(d)).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from portal.domain.agreement import Section, Text, dollars
from portal.domain.schedule_agreement import day_in_words
from portal.domain.subscription import NOTICE_DAYS, Period

VERSION = "subscription-2026-11"


@dataclass(frozen=True, slots=True)
class SubscriptionTerms:
    """What the words depend on."""

    organisation: str
    support_phone: str
    support_email: str
    customer: str
    reference: str
    program: str
    periods: Sequence[Period]
    end_on: date
    price_cents: int
    manager: str
    manager_phone: str
    manager_email: str
    authorized_on: date
    own_terms: str

    @property
    def total_cents(self) -> int:
        return sum(each.amount_cents for each in self.periods)


def subscription_text(terms: SubscriptionTerms, locale: str) -> Text:
    """The authorization as it is shown; its card is the one given with it."""
    if locale == "es":
        return Text(VERSION, "es", tuple(_spanish(terms)))
    return Text(VERSION, "en", tuple(_english(terms)))


def with_card(text: Text, card: str) -> Text:
    """What is sealed: the text that was shown, and the card that was given, by its last four digits."""
    said = (
        Section("La tarjeta que se dio", (f"Se dio con esta autorización: {card}.",))
        if text.locale == "es"
        else Section("The card that was given", (f"Given with this authorization: {card}.",))
    )
    return replace(text, sections=(*text.sections, said))


def tick_words(organisation: str, end_on: date, locale: str) -> str:
    """What stands beside the box that must be ticked (S0:21)."""
    if locale == "es":
        return (
            f"Autorizo a {organisation} a cobrar mi tarjeta cada mes hasta el final de mi programa, el "
            f"{day_in_words(end_on, 'es')}, como se indica aquí."
        )
    return (
        f"I allow {organisation} to charge my card each month until the end of my program on "
        f"{day_in_words(end_on, 'en')}, as listed here."
    )


def _listed(terms: SubscriptionTerms, locale: str) -> tuple[str, ...]:
    return tuple(f"{each.number}. {day_in_words(each.due_on, locale)}: {dollars(each.amount_cents)}"
                 for each in terms.periods)  # fmt: skip


def _english(terms: SubscriptionTerms) -> list[Section]:
    sections = [
        Section(
            "Your authorization",
            (
                f"I, {terms.customer}, authorize {terms.organisation} to charge the card I give here each month until "
                f"the end of my program on {day_in_words(terms.end_on, 'en')}, on the dates and for the amounts listed "
                f"here, for {terms.program} (subscription {terms.reference}): {len(terms.periods)} payments, "
                f"{dollars(terms.total_cents)} in all, in US dollars. The first is charged when I press Pay Now.",
                "I am the holder of this card, or its holder has allowed me to use it. "
                f"I give this authorization on {day_in_words(terms.authorized_on, 'en')}.",
            ),
        ),
        Section("Amounts and dates", (*_listed(terms, "en"), "Each is charged on its date, also on a weekend.")),
        Section(
            "If something changes",
            (
                "No payment will be more than the amount listed for its date. A payment will be less, or not be taken, "
                "when it is lowered or waived or I owe less by then; I ask to be told in advance only of amounts "
                "outside this range.",
                f"If my program is made longer, {terms.organisation} tells me the dates and amounts that are added at "
                f"least {NOTICE_DAYS} days before the first of them; none is more than {dollars(terms.price_cents)} a "
                "month. I can stop them as said below. If it is made shorter, what comes after its new end is not "
                "charged. Any other change needs a new authorization.",
            ),
        ),
        Section(
            "If a payment does not go through",
            (
                f"{terms.organisation} will tell me and may try the same payment again, four times in all within 21 "
                "days. I can change the card at any time.",
            ),
        ),
        Section(
            "How to stop or revoke",
            (
                f"I can ask to stop, or revoke this authorization, at any time: on the subscription's page, by asking "
                f"my case manager {terms.manager} ({terms.manager_phone}, {terms.manager_email}), by calling "
                f"{terms.support_phone}, or by writing to {terms.support_email}. A payment that has not yet been sent "
                "to the card processor is then not charged.",
                "I may also stop a payment through my bank by telling it at least three business days before the date.",
                "Paying this way is my choice. I can pay each amount myself instead.",
            ),
        ),
        Section(
            "Your card on file",
            (
                f"{terms.organisation} keeps this card with its card processor and uses it only for the payments of "
                "this subscription. This ends with the last of them, or when I revoke it. "
                f"{terms.organisation} tells me by email or mail before these terms change.",
                "There is a receipt for each payment. For a refund, call or write as above.",
            ),
        ),
    ]
    if terms.own_terms:
        sections.append(Section(f"Terms of {terms.organisation}", (terms.own_terms,)))
    return sections


def _spanish(terms: SubscriptionTerms) -> list[Section]:
    sections = [
        Section(
            "Su autorización",
            (
                f"Yo, {terms.customer}, autorizo a {terms.organisation} a cobrar cada mes la tarjeta que doy aquí "
                f"hasta el final de mi programa, el {day_in_words(terms.end_on, 'es')}, en las fechas y por los "
                f"importes que aquí se indican, por {terms.program} (suscripción {terms.reference}): "
                f"{len(terms.periods)} pagos, {dollars(terms.total_cents)} en total, en dólares estadounidenses. El "
                "primero se cobra cuando pulso Pagar ahora.",
                "Soy titular de esta tarjeta, o su titular me ha permitido usarla. "
                f"Doy esta autorización el {day_in_words(terms.authorized_on, 'es')}.",
            ),
        ),
        Section(
            "Importes y fechas",
            (*_listed(terms, "es"), "Cada pago se cobra en su fecha, también en fin de semana."),
        ),
        Section(
            "Si algo cambia",
            (
                "Ningún pago será mayor que el importe indicado para su fecha. Un pago será menor, o no se cobrará, "
                "cuando se rebaje o se me exima de él, o si para entonces debo menos; pido que se me avise con "
                "antelación solo de importes fuera de este margen.",
                f"Si mi programa se alarga, {terms.organisation} me comunica las fechas y los importes que se añaden "
                f"al menos {NOTICE_DAYS} días antes del primero de ellos; ninguno pasa de "
                f"{dollars(terms.price_cents)} al mes. Puedo detenerlos como se indica abajo. Si se acorta, no se "
                "cobra lo que viene después de su nuevo final. Cualquier otro cambio requiere una nueva autorización.",
            ),
        ),
        Section(
            "Si un pago no se puede realizar",
            (
                f"{terms.organisation} me avisará y podrá intentar de nuevo el mismo pago, cuatro veces en total en un "
                "plazo de 21 días. Puedo cambiar la tarjeta en cualquier momento.",
            ),
        ),
        Section(
            "Cómo detener o revocar",
            (
                "Puedo pedir que se detenga, o revocar esta autorización, en cualquier momento: en la página de la "
                f"suscripción, con {terms.manager}, responsable de mi caso ({terms.manager_phone}, "
                f"{terms.manager_email}), llamando al {terms.support_phone} o escribiendo a {terms.support_email}. Un "
                "pago que aún no se haya enviado al procesador de tarjetas ya no se cobra.",
                "También puedo detener un pago por medio de mi banco, avisándole al menos tres días hábiles antes de "
                "la fecha.",
                "Pagar de esta forma es mi decisión. También puedo pagar cada importe por mi cuenta.",
            ),
        ),
        Section(
            "Su tarjeta guardada",
            (
                f"{terms.organisation} conserva esta tarjeta en su procesador de tarjetas y la usa solo para los pagos "
                "de esta suscripción. Esto termina con el último de ellos o cuando yo lo revoque. "
                f"{terms.organisation} me avisará por correo electrónico o postal antes de cambiar estas condiciones.",
                "Hay un recibo de cada pago. Para un reembolso, llame o escriba como se indica arriba.",
            ),
        ),
    ]
    if terms.own_terms:
        sections.append(Section(f"Condiciones de {terms.organisation}", (terms.own_terms,)))
    return sections
