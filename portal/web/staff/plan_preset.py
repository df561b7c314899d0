"""What is usually offered: the presets that a plan is made from, listed, added, changed and taken off the list.

Everybody of the staff sees them; who decides keeps them. The use cases are those of `flask --app wsgi plan preset`.
"""

from flask import flash, get_flashed_messages, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.plan_preset_wish import NAME_LENGTH_MAX, PresetTyped, preset_typed, read_preset
from portal.domain.refusal import Refused
from portal.domain.staff import DECIDERS, EVERYBODY
from portal.storage import plan as plans
from portal.usecases.organisation import settings
from portal.usecases.plan_preset import keep_preset, retire_preset, terms_of_preset
from portal.web.access import organisation, ports
from portal.web.fragments import move_on, page
from portal.web.staff.door import path_of
from portal.web.staff.guard import Here, page_for
from portal.web.staff.plan_words import rhythms, sentence, ways

ALL = "/plans/presets"
FIELDS = ("name", "settles", "down", "number", "frequency", "first_in", "channels", "offer_days")


@page_for(EVERYBODY, ALL)
def preset_list(here: Here) -> AnyResponse:
    """All of them, by name."""
    with ports().database.read(organisation().id) as session:
        rows = plans.presets(session)
    return page(
        "staff/plan_presets.html",
        rows=rows,
        rhythms=rhythms(),
        ways=ways(),
        may_keep=here.role in DECIDERS,
        told=" ".join(map(str, get_flashed_messages())),
        announce=ngettext("%(num)s preset", "%(num)s presets", len(rows)),
        path_of=path_of,
    )


@page_for(DECIDERS, f"{ALL}/new")
def preset_new(_here: Here) -> AnyResponse:
    """An empty form."""
    return _form(None, PresetTyped(), {}, 200)


@page_for(DECIDERS, f"{ALL}/new", "POST", name="preset_new_post")
def preset_new_post(here: Here) -> AnyResponse:
    """Adds one."""
    return _keep(here, None)


@page_for(DECIDERS, f"{ALL}/<visit:preset_id>")
def preset(_here: Here, preset_id: str) -> AnyResponse:
    """One of them, to be changed. Taken off the list meanwhile, the list is shown."""
    with ports().database.read(organisation().id) as session:
        row = plans.preset_by_id(session, preset_id)
    if row is None:
        return move_on(path_of("preset_list"))
    return _form(preset_id, preset_typed(terms_of_preset(row)), {}, 200)


@page_for(DECIDERS, f"{ALL}/<visit:preset_id>", "POST", name="preset_post")
def preset_post(here: Here, preset_id: str) -> AnyResponse:
    """Changes it. Plans that were made from it stay as they are."""
    with ports().database.read(organisation().id) as session:
        row = plans.preset_by_id(session, preset_id)
    return _keep(here, preset_id) if row is not None else move_on(path_of("preset_list"))


@page_for(DECIDERS, f"{ALL}/<visit:preset_id>/retire", "POST", name="preset_retire")
def preset_retire(here: Here, preset_id: str) -> AnyResponse:
    """Takes it off the list; the trail keeps what it was."""
    now = ports().clock.now()
    try:
        ports().database.run(organisation().id, lambda session: retire_preset(session, preset_id, here.actor, now))
    except Refused:
        return move_on(path_of("preset_list"))
    flash(_("It is off the list. Plans that were made from it stay as they are."))
    return move_on(path_of("preset_list"))


def _keep(here: Here, preset_id: str | None) -> AnyResponse:
    typed = PresetTyped(**{name: request.form.get(name, "")[: NAME_LENGTH_MAX + 20] for name in FIELDS})
    terms, errors = read_preset(typed, _number_max())
    if terms is None:
        return _form(preset_id, typed, {field: sentence(refused) for field, refused in errors.items()}, 422)
    now = ports().clock.now()
    try:
        ports().database.run(organisation().id, lambda session: keep_preset(session, preset_id, terms, here.actor, now))
    except Refused as refused:
        if refused.code == "plan_preset_unknown":
            return move_on(path_of("preset_list"))
        return _form(preset_id, typed, {"name": sentence(refused)}, 422)
    flash(_("%(name)s is kept.", name=terms.name))
    return move_on(path_of("preset_list"))


def _form(preset_id: str | None, typed: PresetTyped, errors: dict[str, str], status: int) -> AnyResponse:
    return page(
        "staff/plan_preset.html",
        status,
        typed=typed,
        errors=errors,
        rhythms=rhythms(),
        ways=ways(),
        number_max=_number_max(),
        name_max=NAME_LENGTH_MAX,
        is_new=preset_id is None,
        here=path_of("preset", preset_id=preset_id) if preset_id else path_of("preset_new"),
        retire_path=path_of("preset_retire", preset_id=preset_id) if preset_id else "",
        back=path_of("preset_list"),
    )


def _number_max() -> int:
    with ports().database.read(organisation().id) as session:
        return settings(session).number("plan_number_max")
