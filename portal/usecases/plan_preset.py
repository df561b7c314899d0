"""What an organisation usually offers: presets of payment plans, kept under a name, changed, and taken off the list.

Called by the command line, by the console and by seeds. A plan that was made from one keeps its own terms.
"""

from dataclasses import asdict, astuple, replace
from datetime import datetime

from portal.domain.plan_preset_wish import PresetTerms, preset_name, preset_number
from portal.domain.refusal import Refused
from portal.storage import Session
from portal.storage import plan as plans
from portal.storage.plan import PlanPreset
from portal.usecases.organisation import record, settings


def set_preset(session: Session, preset: PlanPreset, by: str, now: datetime) -> PlanPreset:
    """Keeps a preset under its name, in place of one that had it.

    Refused `preset_name_missing`, `preset_name_long`, `schedule_too_many`.
    """
    terms = replace(terms_of_preset(preset), name=preset_name(preset.name))
    preset_number(terms.number, settings(session).number("plan_number_max"))
    plans.lock_presets(session)
    return _kept(session, plans.preset(session, terms.name), terms, by, now)


def keep_preset(session: Session, preset_id: str | None, terms: PresetTerms, by: str, now: datetime) -> PlanPreset:
    """Adds a preset, or changes one, its name too. Refused `plan_preset_unknown`, `plan_preset_exists`."""
    plans.lock_presets(session)
    known = plans.preset_by_id(session, preset_id, locked=True) if preset_id is not None else None
    if preset_id is not None and known is None:
        raise Refused("plan_preset_unknown")
    other = plans.preset(session, terms.name)
    if other is not None and (known is None or other.id != known.id):
        raise Refused("plan_preset_exists")
    return _kept(session, known, terms, by, now)


def retire_preset(session: Session, preset_id: str, by: str, now: datetime) -> None:
    """Takes a preset off the list; the trail keeps what it was. Refused `plan_preset_unknown`: somebody did already."""
    known = plans.preset_by_id(session, preset_id, locked=True)
    if known is None:
        raise Refused("plan_preset_unknown")
    record(session, by, "plan_preset_retired", known.id, now, **asdict(terms_of_preset(known)))
    session.delete(known)


def terms_of_preset(preset: PlanPreset) -> PresetTerms:
    """Its terms, without whose and since when."""
    return PresetTerms(
        preset.name,
        preset.settlement_basis_points,
        preset.down_basis_points or 0,
        preset.number,
        preset.frequency,
        preset.first_in_days,
        preset.channels,
        preset.offer_days,
    )


def _kept(session: Session, known: PlanPreset | None, terms: PresetTerms, by: str, now: datetime) -> PlanPreset:
    if known is not None and astuple(terms_of_preset(known)) == astuple(terms):
        return known
    if known is None:
        known = PlanPreset(**asdict(terms))
        session.add(known)
    for name, value in asdict(terms).items():
        setattr(known, name, value)
    known.set_at, known.set_by = now, by
    session.flush()
    record(session, by, "plan_preset_set", known.id, now, **asdict(terms))
    return known
