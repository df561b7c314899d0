"""The payment agreement: its exact words in each language, with a version. Made once, shown, sealed: the same text
thrice.

Called by the agreement use case. The words are a legal text, so they are data here and not in a translation catalogue.
"""

import hashlib
from dataclasses import dataclass

VERSION = "payment-2026-11"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the words of one agreement depend on; amounts in cents."""

    organisation: str
    support_phone: str
    support_email: str
    account_reference: str
    amount_cents: int
    forgiven_cents: int
    card: str
    saves_card: bool
    own_terms: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the paragraphs under it."""

    heading: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """An agreement ready to be shown. `plain` is what is sealed, `digest` names it."""

    version: str
    locale: str
    sections: tuple[Section, ...]

    @property
    def plain(self) -> str:
        return "\n\n".join(
            paragraph for section in self.sections for paragraph in (section.heading.upper(), *section.paragraphs)
        )

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.version}\n{self.locale}\n{self.plain}".encode()).hexdigest()


def text_of(terms: Terms, locale: str) -> Text:
    """The agreement in English, or in Spanish when `locale` is es."""
    make = _spanish if locale == "es" else _english
    return Text(VERSION, "es" if locale == "es" else "en", tuple(make(terms)))


def save_consent(organisation: str, locale: str) -> str:
    """The words beside the box that keeps a card; kept with the card (C32)."""
    if locale == "es":
        return f"Guardar esta tarjeta para futuros pagos a {organisation}."
    return f"Save this card for future payments to {organisation}."


def dollars(amount_cents: int) -> str:
    """$1,250.50, the same in both languages of the United States."""
    return f"${amount_cents // 100:,}.{amount_cents % 100:02d}"


def _english(terms: Terms) -> list[Section]:
    amount = dollars(terms.amount_cents)
    sections = [
        Section(
            "Your payment",
            (
                f"I authorize {terms.organisation} to charge {terms.card} once, today, for {amount} in US dollars, "
                f"as a payment on account {terms.account_reference}.",
                "I am the holder of this card, or its holder has allowed me to use it.",
            ),
        )
    ]
    if terms.forgiven_cents:
        sections.append(
            Section(
                "Your settlement",
                (
                    f"When this payment of {amount} has been received, {terms.organisation} accepts it as full "
                    "settlement of the "
                    f"balance shown, and the remaining {dollars(terms.forgiven_cents)} is no longer owed. "
                    "If the payment is later reversed, the settlement no longer applies.",
                ),
            )
        )
    if terms.saves_card:
        sections.append(
            Section(
                "Keeping your card",
                (
                    f"I ask {terms.organisation} to keep {terms.card} on file with its card processor. It will be "
                    "used only for payments "
                    "that I choose to make, each for an amount I confirm at that time; nothing is charged by "
                    "itself under this agreement.",
                    "The card stays on file until I ask for it to be removed or it expires. "
                    f"{terms.organisation} will tell me by email or mail before these terms change.",
                ),
            )
        )
    sections.append(
        Section(
            "Receipts, refunds and questions",
            (
                "A receipt is sent to the email address on file. A payment can no longer be cancelled once it "
                "has been sent to the card "
                "processor; to ask for a refund, to withdraw this authorization or to remove a card, call "
                f"{terms.support_phone} "
                f"or write to {terms.support_email}.",
            ),
        )
    )
    if terms.own_terms:
        sections.append(Section(f"Terms of {terms.organisation}", (terms.own_terms,)))
    return sections


def _spanish(terms: Terms) -> list[Section]:
    amount = dollars(terms.amount_cents)
    sections = [
        Section(
            "Su pago",
            (
                f"Autorizo a {terms.organisation} a cobrar una sola vez, hoy, {amount} en dólares estadounidenses "
                f"a {terms.card}, "
                f"como pago de la cuenta {terms.account_reference}.",
                "Soy titular de esta tarjeta, o su titular me ha permitido usarla.",
            ),
        )
    ]
    if terms.forgiven_cents:
        sections.append(
            Section(
                "Su acuerdo de liquidación",
                (
                    f"Cuando se haya recibido este pago de {amount}, {terms.organisation} lo acepta como "
                    "liquidación total del saldo "
                    f"indicado, y los {dollars(terms.forgiven_cents)} restantes dejan de deberse. "
                    "Si el pago se revierte más adelante, la liquidación deja de tener efecto.",
                ),
            )
        )
    if terms.saves_card:
        sections.append(
            Section(
                "Conservación de su tarjeta",
                (
                    f"Pido a {terms.organisation} que conserve {terms.card} en su procesador de tarjetas. Se "
                    "usará solo para pagos que yo "
                    "decida hacer, cada uno por un importe que confirme en ese momento; este acuerdo no permite "
                    "ningún cobro automático.",
                    "La tarjeta se conserva hasta que yo pida eliminarla o hasta que venza. "
                    f"{terms.organisation} me avisará por correo electrónico o postal antes de cambiar estas "
                    "condiciones.",
                ),
            )
        )
    sections.append(
        Section(
            "Recibos, reembolsos y preguntas",
            (
                "El recibo se envía al correo electrónico registrado. Un pago ya no se puede cancelar después de "
                "enviarse al procesador de "
                "tarjetas; para pedir un reembolso, retirar esta autorización o eliminar una tarjeta, llame al "
                f"{terms.support_phone} "
                f"o escriba a {terms.support_email}.",
            ),
        )
    )
    if terms.own_terms:
        sections.append(Section(f"Condiciones de {terms.organisation}", (terms.own_terms,)))
    return sections
