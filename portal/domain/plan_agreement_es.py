"""The Spanish of a payment plan's terms and authorization; the same clauses as the English, one for one.

Called by `portal.domain.plan_agreement` only.
"""

from portal.domain.agreement import Section, dollars
from portal.domain.due_date import WeekendRule
from portal.domain.plan import PlanKind
from portal.domain.plan_agreement_terms import PlanAgreementTerms, listed
from portal.domain.schedule_agreement import day_in_words


def spanish(terms: PlanAgreementTerms) -> tuple[Section, ...]:
    """Every section in Spanish, for the United States, with usted's formality in the first person."""
    sections = [
        Section("Su plan de pagos", (*_opening(terms), *_outcome(terms))),
        Section("Pagos", (*listed(terms, "es"), _weekends(terms))),
        Section(
            "Su autorización",
            (
                f"Yo, {terms.customer}, autorizo a {terms.organisation} a cobrar a {terms.card} en las fechas y por "
                f"los importes que aquí se indican: {_number(terms)}, {dollars(terms.total_cents)} en total, en "
                "dólares estadounidenses.",
                "Soy titular de esta tarjeta, o su titular me ha permitido usarla. "
                f"Doy esta autorización el {day_in_words(terms.signed_on, 'es')}.",
                "Ningún pago será mayor que el importe indicado para su fecha. Un pago será menor si para entonces "
                "debo menos, y no se cobrará si no debo nada; pido que se me avise con antelación solo de importes "
                "fuera de este margen. Cualquier otro cambio es una versión nueva de este plan, que requiere una firma "
                "nueva.",
            ),
        ),
        Section("Si un pago no se puede realizar", _failures(terms)),
        Section(
            "Cómo detener, pausar o revocar",
            (
                "Puedo cancelar este plan o revocar esta autorización en cualquier momento, llamando al "
                f"{terms.support_phone} o escribiendo a {terms.support_email}. Un pago que aún no se haya enviado al "
                "procesador de tarjetas ya no se cobra; uno que se estaba enviando en ese momento se devuelve. Lo que "
                "todavía debo se sigue debiendo. De la misma manera puedo pedir que este plan se pause o se cambie.",
                "También puedo detener un pago por medio de mi banco, avisándole al menos tres días hábiles antes de "
                "la fecha.",
                "Pagar de esta forma es mi decisión. También puedo pagar cada importe por mi cuenta.",
            ),
        ),
        Section(
            "Su tarjeta guardada",
            (
                f"{terms.organisation} conserva {terms.card} en su procesador de tarjetas y la usa solo para los pagos "
                "de este plan. Esto termina con el último de ellos o cuando yo lo revoque. "
                f"{terms.organisation} me avisará por correo electrónico o postal antes de cambiar estas condiciones.",
                "Después de cada pago se envía un recibo. Para un reembolso, llame o escriba como se indica arriba.",
            ),
        ),
    ]
    if terms.own_paragraphs:
        sections.append(Section(f"Condiciones de {terms.organisation}", terms.own_paragraphs))
    return tuple(sections)


def _opening(terms: PlanAgreementTerms) -> tuple[str, ...]:
    opening = (
        f"Esta es la versión {terms.edition} del plan de pagos {terms.reference} entre {terms.organisation} y yo, "
        f"{terms.customer}, sobre la cuenta {terms.account_reference}{_owed_to(terms)}. El saldo del que trata es de "
        f"{dollars(terms.balance_cents)} el {day_in_words(terms.signed_on, 'es')}. Acepto pagar "
        f"{dollars(terms.total_cents)} en {_number(terms)}. En este plan no hay intereses ni cargos."
    )
    if terms.replaces_edition is None:
        return (opening,)
    return (opening, f"Sustituye a la versión {terms.replaces_edition}, que termina cuando firmo esta.")


def _owed_to(terms: PlanAgreementTerms) -> str:
    return f", que se debe a {terms.creditor}" if terms.creditor else ""


def _outcome(terms: PlanAgreementTerms) -> tuple[str, ...]:
    if terms.kind is PlanKind.settlement:
        return (
            f"Cuando se haya recibido el último pago, {terms.organisation} acepta {dollars(terms.total_cents)} como "
            f"liquidación total, y los {dollars(terms.forgiven_cents)} restantes dejan de deberse. Hasta entonces se "
            "sigue debiendo todo el saldo, menos lo que haya pagado. Si un pago se revierte más adelante, o si este "
            "plan termina antes de pagarse por completo, la liquidación no se aplica.",
        )
    if terms.left_cents:
        return (
            f"Este plan es por una parte de lo que debo. Los otros {dollars(terms.left_cents)} se siguen debiendo y no "
            "forman parte de él.",
        )
    return ("Cuando se haya recibido el último pago, el saldo aquí indicado queda pagado por completo.",)


def _number(terms: PlanAgreementTerms) -> str:
    return "un pago" if len(terms.payments) == 1 else f"{len(terms.payments)} pagos"


def _weekends(terms: PlanAgreementTerms) -> str:
    return {
        WeekendRule.before: "Una fecha en fin de semana o día feriado federal se pasó al día hábil anterior.",
        WeekendRule.after: "Una fecha en fin de semana o día feriado federal se pasó al siguiente día hábil.",
        WeekendRule.same: "Los pagos se cobran en su fecha, también en fines de semana y días feriados.",
    }[terms.weekend_rule]


def _failures(terms: PlanAgreementTerms) -> tuple[str, ...]:
    told = (
        f"{terms.organisation} me avisará y podrá intentar de nuevo el mismo pago, cuatro veces en total en un plazo "
        "de 21 días. Puedo cambiar la tarjeta con el enlace de ese mensaje."
    )
    if terms.missed_goes_last:
        then = (
            "Un pago que aun así no se pueda realizar, o que yo pida dejar fuera, pasa al final: se cobra una vez más "
            "en la siguiente fecha después de la última, con el mismo ritmo y por el mismo importe. Se me avisa antes "
            "de la nueva fecha."
        )
    else:
        then = "Un pago que aun así no se pueda realizar ya no se cobra con este plan. Se sigue debiendo."
    if not terms.break_after:
        return (told, then)
    times = "no se puede realizar un pago"
    if terms.break_after > 1:
        times = f"no se pueden realizar {terms.break_after} pagos seguidos"
    return (
        told,
        then,
        f"Si {times}, este plan termina: no se cobra nada más con él, y lo que debo se debe como si no hubiera habido "
        "plan, menos lo que haya pagado.",
    )
