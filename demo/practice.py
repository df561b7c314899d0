"""What the demo's practice sold: one client's sessions with two providers, and a child's.

Called by demo/seed.py. Made through use cases; names are invented, and NPI numbers that begin with 2 are nobody's yet.
"""

from datetime import date, datetime, timedelta

from portal.domain.provider import ProviderFacts
from portal.domain.service import ServiceFacts
from portal.storage import Session
from portal.usecases.patient import add_patient
from portal.usecases.provider import add_provider
from portal.usecases.service import record_service

SEED = "demo"
# days ago, patient, provider, code, modifiers, place, diagnoses, words, fee, insurance, adjustment
SESSIONS = (
    (40, "T-1042", "REED", "90791", (), "11", ("F41.1",), "First visit", 19_500, 8_000, 1_500),
    (33, "T-1042", "REED", "90837", (), "11", ("F41.1", "F51.01"), "Session, 60 minutes", 16_000, 6_500, 1_000),
    (26, "T-1042", "REED", "90837", ("95",), "10", ("F41.1",), "Video session, 60 minutes", 16_000, 6_500, 1_000),
    (19, "T-1043", "OYELARAN", "90834", (), "11", ("F43.21",), "Session, 45 minutes", 13_000, 0, 0),
    (5, "T-1042", "REED", "90837", ("95",), "10", ("F41.1",), "Video session, 60 minutes", 16_000, 0, 0),
)


def practise(session: Session, customer_id: str, account_id: str, now: datetime) -> None:
    """Two providers, a client and their child, and five services."""
    providers = {
        "REED": ProviderFacts("Miriam Reed", "PhD, LMFT", "LMFT-48213", "CA", "2000000002"),
        "OYELARAN": ProviderFacts("Tunde Oyelaran", "LCSW", "LCSW-90177", "CA", "2000000010"),
    }
    treats = {name: add_provider(session, name, facts, now=now, by=SEED).id for name, facts in providers.items()}
    people = {"T-1042": ("Sam", date(1988, 2, 9)), "T-1043": ("Ifeoma", date(2015, 8, 21))}
    treated = {
        reference: add_patient(
            session, customer_id, reference, given_name=given, family_name="Okafor", born_on=born, now=now, by=SEED
        ).id
        for reference, (given, born) in people.items()
    }
    for number, (days, who, by_whom, code, modifiers, place, diagnoses, words, *cents) in enumerate(SESSIONS, 1):
        fee, insurance, adjustment = cents
        facts = ServiceFacts(
            performed_on=(now - timedelta(days=days)).date(),
            provider_id=treats[by_whom],
            code=code,
            modifiers=modifiers,
            place_of_service=place,
            diagnoses=diagnoses,
            description=words,
        )
        record_service(
            session, account_id, treated[who], f"WS-{number:04d}", facts, fee, now=now, by=SEED,
            insurance_cents=insurance, adjustment_cents=adjustment,
        )  # fmt: skip
