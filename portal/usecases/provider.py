"""Providers: adding one, and changing what an insurer reads about them. Called by the command line and imports."""

from dataclasses import asdict, replace
from datetime import datetime

from portal.domain.provider import ProviderFacts
from portal.domain.refusal import Refused
from portal.domain.service import require_reference
from portal.storage import Session, provider
from portal.storage.provider import Provider
from portal.usecases.organisation import record


def add_provider(session: Session, reference: str, facts: ProviderFacts, *, now: datetime, by: str) -> Provider:
    """A person who treats. Refused `provider_exists`, `reference_unreadable`."""
    if provider.by_reference(session, require_reference(reference)) is not None:
        raise Refused("provider_exists", reference=reference)
    row = Provider(reference=reference, created_at=now, **asdict(facts))
    session.add(row)
    session.flush()
    record(session, by, "provider_added", row.id, now)
    return row


def change_provider(session: Session, reference: str, *, now: datetime, by: str, **changes: str) -> Provider:
    """Other facts of a provider from now on; papers already issued keep theirs. Refused `provider_unknown`."""
    row = provider.by_reference(session, reference)
    if row is None:
        raise Refused("provider_unknown", reference=reference)
    facts = replace(facts_of(row), **changes)
    for name in changes:
        setattr(row, name, getattr(facts, name))
    row.version += 1
    record(session, by, "provider_changed", row.id, now, changed=sorted(changes))
    return row


def facts_of(row: Provider) -> ProviderFacts:
    """A row as facts."""
    return ProviderFacts(row.name, row.credentials, row.licence_number, row.licence_state, row.npi, row.signature_line)
