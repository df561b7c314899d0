"""What a person is told before they consent to electronic records, in its exact words (15 USC 7001(c)(1)(B)-(C), C12).

Called by the signing use cases: shown beside the agreement, sealed with the consent. English and Spanish, with a
version; a withdrawal is sealed in the same way.
"""

from dataclasses import dataclass

from portal.domain.agreement import Section, Text

VERSION = "records-2026-11"
WITHDRAWN_VERSION = "records-withdrawn-2026-11"


@dataclass(frozen=True, slots=True)
class DisclosureTerms:
    """What the words depend on."""

    organisation: str
    support_phone: str
    support_email: str
    postal_address: str
    reference: str


def disclosure(terms: DisclosureTerms, locale: str) -> Text:
    """The disclosures before consent: scope, paper, withdrawal, contact details, what is needed."""
    if locale == "es":
        return Text(VERSION, "es", _spanish(terms))
    return Text(VERSION, "en", _english(terms))


def withdrawal(terms: DisclosureTerms, locale: str) -> Text:
    """What is sealed when the consent is taken back."""
    if locale == "es":
        return Text(
            WITHDRAWN_VERSION,
            "es",
            (
                Section(
                    "Retiro del consentimiento",
                    (
                        f"Retiro mi consentimiento para recibir registros electrónicos de {terms.organisation} sobre "
                        f"el plan de pagos {terms.reference}. De ahora en adelante quiero recibirlos en papel, por "
                        "correo postal y sin costo. Los registros anteriores y el plan siguen siendo válidos.",
                    ),
                ),
            ),
        )
    return Text(
        WITHDRAWN_VERSION,
        "en",
        (
            Section(
                "Consent withdrawn",
                (
                    f"I withdraw my consent to electronic records from {terms.organisation} about payment plan "
                    f"{terms.reference}. From now on I want them on paper, by mail and at no cost. Earlier records and "
                    "the plan itself stay valid.",
                ),
            ),
        ),
    )


def _english(terms: DisclosureTerms) -> tuple[Section, ...]:
    reach = f"call {terms.support_phone} or write to {terms.support_email}"
    return (
        Section(
            "Electronic records and signature",
            (
                f"With your consent, {terms.organisation} gives you the records of payment plan {terms.reference} "
                "electronically, and you sign electronically. This consent is for that plan only: the agreement and "
                "authorization, the payment schedule, notices before payments, receipts, changes, and the letter at "
                "the end.",
            ),
        ),
        Section(
            "If you prefer paper",
            (
                f"You can have this agreement and sign it on paper instead: {reach}, and do not sign here. After you "
                "consent you can still get a paper copy of any record in the same way. There is no charge for it.",
            ),
        ),
        Section(
            "If you change your mind",
            (
                "You can withdraw this consent at any time: on the page where your signed copies are, or "
                f"{reach}. There is no fee. Your records then come on paper by mail; the plan goes on, and what was "
                "signed and sent before stays valid.",
            ),
        ),
        Section(
            "If your email address or phone number changes",
            (f"Tell us on the page where your signed copies are, or {reach}, so that your records reach you.",),
        ),
        Section(
            "What you need",
            (
                "A phone, tablet or computer with internet access, a current web browser, a program that shows PDF "
                "files (most browsers do), an email address, and a way to save or print what you want to keep. If this "
                "ever changes in a way that could keep you from reading your records, we will tell you and ask again.",
            ),
        ),
        Section(
            "Where we are",
            (f"{terms.organisation}, {terms.postal_address}",),
        ),
    )


def _spanish(terms: DisclosureTerms) -> tuple[Section, ...]:
    reach = f"llame al {terms.support_phone} o escriba a {terms.support_email}"
    return (
        Section(
            "Registros y firma electrónicos",
            (
                f"Con su consentimiento, {terms.organisation} le entrega los registros del plan de pagos "
                f"{terms.reference} en forma electrónica, y usted firma electrónicamente. Este consentimiento es solo "
                "para ese plan: el acuerdo y la autorización, el calendario de pagos, los avisos antes de los pagos, "
                "los recibos, los cambios y la carta final.",
            ),
        ),
        Section(
            "Si prefiere papel",
            (
                f"Puede recibir este acuerdo y firmarlo en papel: {reach}, y no firme aquí. Después de dar su "
                "consentimiento también puede obtener de la misma manera una copia en papel de cualquier registro. No "
                "tiene costo.",
            ),
        ),
        Section(
            "Si cambia de opinión",
            (
                "Puede retirar este consentimiento en cualquier momento: en la página donde están sus copias firmadas, "
                f"o {reach}. No hay ningún cargo. Sus registros llegan entonces en papel por correo postal; el plan "
                "continúa, y lo que se firmó y se envió antes sigue siendo válido.",
            ),
        ),
        Section(
            "Si cambia su correo electrónico o su teléfono",
            (f"Avísenos en la página donde están sus copias firmadas, o {reach}, para que sus registros le lleguen.",),
        ),
        Section(
            "Lo que necesita",
            (
                "Un teléfono, una tableta o una computadora con acceso a internet, un navegador actual, un programa "
                "que muestre archivos PDF (la mayoría de los navegadores lo hace), un correo electrónico y una manera "
                "de guardar o imprimir lo que quiera conservar. Si esto cambia de modo que usted pudiera no leer sus "
                "registros, se lo diremos y le preguntaremos de nuevo.",
            ),
        ),
        Section(
            "Dónde estamos",
            (f"{terms.organisation}, {terms.postal_address}",),
        ),
    )
