"""What a customer authorises by paying for services: the exact words shown above the button, with a version.

Called by the selection use case, which seals them with each payment. They name no service, code or diagnosis: the
figures are on the page, and what they were for is in the payment's shares (45 CFR 164.502(b)).
"""

from portal.domain.agreement import Section, Text

VERSION = "services-2026-11"


def authorization(organisation: str, support_phone: str, support_email: str, locale: str) -> Text:
    """The authorization in English, or in Spanish when `locale` is es."""
    if locale == "es":
        sections = (
            Section(
                "Su pago",
                (
                    f"Al continuar, autorizo a {organisation} a cobrar una sola vez, hoy, el importe indicado en esta "
                    "página a la tarjeta que elegí, por los servicios indicados. Soy titular de la tarjeta, o su "
                    "titular me ha permitido usarla. Una tarjeta que guarde se usará solo para pagos que yo elija "
                    "hacer, hasta que la elimine. Para pedir un reembolso o hacer una pregunta, llame al "
                    f"{support_phone} o escriba a {support_email}.",
                ),
            ),
        )
    else:
        sections = (
            Section(
                "Your payment",
                (
                    f"By going on I authorize {organisation} to charge the card I chose once, today, for the amount "
                    "shown on this page, for the services shown. I am the holder of the card, or its holder has "
                    "allowed me to use it. A card I save is used only for payments I choose to make, until I remove "
                    f"it. To ask for a refund or a question, call {support_phone} or write to {support_email}.",
                ),
            ),
        )
    return Text(VERSION, "es" if locale == "es" else "en", sections)
