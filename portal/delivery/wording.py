"""Facts into words: the subject, texts and SMS of an event, in the customer's language, from templates/message/.

Called by the outbox through its port. Only facts that have a row in the event table get in, each made safe by its
kind first; what customers and organisations typed is data for a template, never a template (no str.format on it).
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape
from markupsafe import escape

from portal.delivery.brand import checked_color, ink_on
from portal.delivery.language import Language, language_for, load_languages
from portal.delivery.safe_text import NAME_MAX, WORDS_MAX, one_line, safe_name
from portal.delivery.text_message import SEGMENTS_MAX, carrier_text, segments
from portal.domain.discreet_name import name_outside
from portal.domain.message import Channel, DeliveryPermanent, Event, FactKind, MessageText
from portal.domain.message_event import EVENTS

SUBJECT_MAX = 100
_SMS_NAMES = (40, 20, 10)  # an SMS too long is written again with shorter names; its link is never cut
_REFERENCE = re.compile(r"[^0-9A-Za-z .#/_\-]", re.ASCII)
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII)
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]_~%/?#@!$&()*+,;=\-]{1,500}", re.ASCII)
_ANY_LINK = re.compile(r"(?i)\b(?:https?:)?//[^\s\"'<>]+")


class Wording:
    """Writes messages. Made once at the start; safe to share between threads."""

    def __init__(self, templates_dir: Path, translations_dir: Path) -> None:
        self._languages = load_languages(translations_dir)
        self._environments = {
            locale: _environment(templates_dir, language) for locale, language in self._languages.items()
        }

    def message(self, event: str, locale: str, facts: Mapping[str, object]) -> MessageText:
        """The message of an event. DeliveryPermanent when facts are missing, unknown or cannot stand in a message."""
        row = EVENTS.get(event)
        if row is None:
            raise DeliveryPermanent("unknown_event")
        language = language_for(self._languages, locale)
        try:
            return self._written(row, language, facts)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as problem:
            # One message that cannot be written must block no other (it would fail again the same way).
            raise DeliveryPermanent("cannot_be_written") from problem

    def _written(self, event: Event, language: Language, facts: Mapping[str, object]) -> MessageText:
        values = _values(event, facts, NAME_MAX)
        if Channel.email not in event.channels:
            return MessageText("", "", "", self._sms(event, language, facts), language.locale)
        _ = language._
        values["help_hours"], values["help_hours_lang"] = language.hours(str(values["help_hours"] or ""))
        values["opt_out"] = (
            _("To stop emails like this, open this address and press the button:") if event.opt_out else None
        )
        text = self._rendered(event, language, "body.txt", values)
        text = "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
        html = self._rendered(event, language, "body.html", values).strip() + "\n"
        subject = one_line(self._rendered(event, language, "subject.txt", values), SUBJECT_MAX)
        _check_links((text, html), str(values["portal_url"]))
        if event.opt_out and values["stop_url"]:
            for needed in (str(values["opt_out"]), str(values["stop_url"])):
                _check_present(needed, text)
                _check_present(str(escape(needed)), html)
        return MessageText(subject, text, html, self._sms(event, language, facts), language.locale)

    def _sms(self, event: Event, language: Language, facts: Mapping[str, object]) -> str | None:
        if Channel.sms not in event.channels:
            return None
        opt_out = carrier_text(language._("Reply STOP to opt out."))
        for_help = carrier_text(language._("HELP for help."))
        for name_max in _SMS_NAMES:
            values = _values(event, facts, name_max) | {"opt_out": opt_out}
            values["sender"] = sender = _sender_in_texts(values)
            sms = carrier_text(one_line(self._rendered(event, language, "sms.txt", values), 2_000))
            if values["first_text"]:  # the first one names its sender and says how to get help (C30)
                named = sms if carrier_text(sender) in sms else carrier_text(f"{sender}: {sms}")
                sms = f"{named} {for_help}"
            _check_links((sms,), str(values["portal_url"]))
            if event.opt_out:
                _check_present(opt_out, sms)
            if event.opt_out and values["check_code"] and values["check_url"]:  # where it costs no third part
                check = language._("Is this us? Check code %(code)s at %(url)s")
                checked = carrier_text(f"{sms} {check % {'code': values['check_code'], 'url': values['check_url']}}")
                sms = checked if segments(checked) < SEGMENTS_MAX else sms
            if segments(sms) <= SEGMENTS_MAX:
                return sms
        raise DeliveryPermanent("sms_too_long")

    def _rendered(self, event: Event, language: Language, part: str, values: Mapping[str, object]) -> str:
        template = self._environments[language.locale].get_template(f"message/{event.name}/{part}")
        return template.render(values, lang=language.locale)


def _environment(templates_dir: Path, language: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates_dir),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(language.catalog, newstyle=True)  # type: ignore[attr-defined]  # by i18n
    environment.filters.update(money=language.money, day=language.day, moment=language.moment)
    return environment


def _values(event: Event, facts: Mapping[str, object], name_max: int) -> dict[str, object]:
    """Exactly the facts of the event's rows, each checked and made safe; what is optional and not given is None."""
    if facts.keys() - {fact.name for fact in event.facts}:
        raise DeliveryPermanent("unknown_fact")
    zone = ZoneInfo(str(facts["time_zone"]))
    values: dict[str, object] = {}
    for fact in event.facts:
        value = facts.get(fact.name)
        value = None if value == "" and not fact.required else value
        if value is None and fact.required:
            raise DeliveryPermanent("missing_fact")
        values[fact.name] = None if value is None else _safe(fact.kind, value, zone, name_max)
    if values["help_phone"] is None and values["help_email"] is None:
        raise DeliveryPermanent("no_help_contact")
    origin = str(values["portal_url"]).rstrip("/") + "/"
    for fact in event.facts:
        link = values[fact.name] if fact.kind is FactKind.url and fact.name != "portal_url" else None
        if link is not None and not str(link).startswith(origin):
            raise DeliveryPermanent("foreign_link")
    color = checked_color(str(values.get("organisation_color") or ""))
    return values | {"organisation_color": color, "organisation_ink": ink_on(color)}


def _sender_in_texts(values: Mapping[str, object]) -> str:
    """The name given for texts, else the organisation's, or its telephone number where that tells of debts."""
    if values["sender_in_texts"]:
        return str(values["sender_in_texts"])
    own, phone = str(values["organisation_name"]), str(values["help_phone"] or "")
    return name_outside("", own, phone, discreet=bool(values["discreet"]))


def _safe(kind: FactKind, value: object, zone: ZoneInfo, name_max: int) -> object:
    match kind, value:
        case FactKind.name, str():
            return safe_name(value, name_max)
        case FactKind.words, str():
            return safe_name(value, WORDS_MAX)
        case FactKind.reference, str():
            return safe_name(_REFERENCE.sub("", value), 60)
        case FactKind.cents, int() if not isinstance(value, bool) and value >= 0:
            return value
        case FactKind.day, date() if not isinstance(value, datetime):
            return value
        case FactKind.payments, list():
            return [_payment(each) for each in value]
        case FactKind.instant, datetime() if value.tzinfo is not None:
            return value.astimezone(zone)
        case FactKind.zone, str():
            return value
        case FactKind.url, str() if _URL.fullmatch(value):
            return value
        case FactKind.email, str() if _EMAIL.fullmatch(value):
            return value
        case FactKind.color, str():
            return checked_color(value)
        case FactKind.last4, str() if len(value) == 4 and value.isascii() and value.isdigit():
            return value
        case FactKind.flag, bool():
            return value
    raise DeliveryPermanent(f"bad_{kind.value}")


def _payment(value: object) -> dict[str, object]:
    match value:
        case (date() as due_on, int() as amount_cents) if amount_cents >= 0:
            return {"due_on": due_on, "amount_cents": amount_cents}
    raise DeliveryPermanent("bad_payments")


def _check_links(parts: tuple[str, ...], portal_url: str) -> None:
    """A second lock behind safe_name: whatever a template does, only our own address can be a link."""
    origin = portal_url.rstrip("/") + "/"
    for part in parts:
        for link in _ANY_LINK.findall(part):
            if link != portal_url and not link.startswith(origin):
                raise DeliveryPermanent("foreign_link")


def _check_present(sentence: str, part: str) -> None:
    if sentence not in part:
        raise DeliveryPermanent("no_opt_out")
