"""What a text that a person sent us means: no more texts, texts again, help, or something a person must read.

Asked by the use case of replies. Errs towards stopping where words speak of texts, and leaves the rest to people: the
law gives ten days for those and none for the plain words (47 CFR 64.1200(a)(10), C17, C28).
"""

import re
import unicodedata
from enum import StrEnum


class Meaning(StrEnum):
    """What is done about a text."""

    stop = "stop"
    stop_all = "stop_all"  # says itself that it means every kind of text
    start = "start"
    help = "help"
    other = "other"


_STOP = frozenset({
    "stop", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out",
    "please stop", "stop please", "stop it", "stop this", "stop now", "stop sms", "stop thank you", "stop thanks",
    "just stop", "ok stop", "s t o p", "no texts", "no messages", "cease and desist",
    "no more", "enough", "no stop", "end this", "quit it",
    "alto", "parar", "pare", "paren", "para", "cancelar", "baja", "dar de baja", "darme de baja", "detener", "deten",
    "terminar", "fin", "basta", "salir", "no mas", "por favor pare", "por favor paren", "pare por favor",
    "paren por favor", "no mas por favor", "no mensajes", "no textos", "cancelar mensajes",
})  # fmt: skip
_STOP_ALL = frozenset(
    {
        "stopall",
        "stop all",
        "stop everything",
        "cancel all",
        "end all",
        "quit all",
        "revoke all",
        "unsubscribe all",
        "alto todo",
        "parar todo",
        "pare todo",
        "cancelar todo",
    }
)
_START = frozenset({"start", "unstop", "iniciar", "comenzar", "empezar", "reanudar"})
_HELP = frozenset({"help", "info", "ayuda", "informacion"})
# "STOP I already paid" means stop; "stop by the office" does not.
_BEGINS = re.compile(
    r"(stop(?! (?:by|in|at|over|payment|payments|my|the|that)\b)|unsubscribe|optout|opt out|revoke|alto)\b"
)
_THINGS = r"(?:texts?|texting|messages?|messaging|msgs?|sms|mensajes?|textos?)"
_SENTENCES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:stop|quit|cease|end|cancel|cancelen?|paren?|detengan?)\b(?: \w+){{0,3}} {_THINGS}\b",
        r"\b(?:stop|quit|cease) (?:contacting|sending|writing|bothering|harassing|spamming|emailing)\b",
        rf"\bno (?:more|further) (?:\w+ )?{_THINGS}\b",
        rf"\b(?:do not|dont|don t|never|not) (?:want|wish|need|get|receive|like) (?:\w+ ){{0,4}}{_THINGS}\b",
        r"\b(?:do not|dont|don t|never) (?:text|message|contact|write|sms|bother)\b",
        rf"\b(?:do not|dont|don t|never) send (?:\w+ ){{0,3}}{_THINGS}\b",
        r"\b(?:remove|take|delete|drop) (?:me|my (?:\w+ )?number)\b",
        r"\b(?:unsubscribe|opt(?:ing)? (?:me )?out|leave me alone|lose (?:my|this) number|wrong (?:number|person))\b",
        r"\b(?:revoke|withdraw) (?:my )?(?:consent|permission)\b",
        r"\bnot my number\b",
        rf"\bno mas (?:\w+ )?{_THINGS}\b",
        rf"\bno (?:quiero|deseo) (?:\w+ ){{0,3}}{_THINGS}\b",
        r"\bno me (?:mande|manden|envie|envien|escriba|escriban|contacte|contacten|moleste|molesten|textee|texteen)\b",
        r"\bno (?:quiero|deseo) que me (?:mand|envi|escrib|contact|molest|texte)\w+\b",
        r"\b(?:deje|dejen|deja|pare|paren|para) de (?:mandar|enviar|escribir|molestar|textear|contactar)\w*\b",
        r"\b(?:quiten?me|borren?me|eliminen?me|saquen?me)\b",
        r"\b(?:numero|persona) equivocad[oa]\b",
    )
)
_NOT_REALLY = re.compile(r"\b(?:(?:do not|dont|don t|never) (?:stop|cancel)|no (?:pare|paren|cancel|cancelen?))\b")
_POLITE = re.compile(r"\b(?:please|pls|plz|thanks|thank you|por favor|gracias|now|at once|ya)\b")
READ_MAX = 1_600


def meaning_of(text: str) -> Meaning:
    """What a text asks for, in English or Spanish, in any case, with any punctuation."""
    said = _plain(text[:READ_MAX])
    plainly = " ".join(_POLITE.sub(" ", said).split())
    if plainly in _STOP_ALL:
        return Meaning.stop_all
    if said in _STOP or plainly in _STOP:
        return Meaning.stop
    if said in _START:
        return Meaning.start
    if said in _HELP:
        return Meaning.help
    if _NOT_REALLY.search(said):
        return Meaning.other
    if _BEGINS.match(said) or any(pattern.search(said) for pattern in _SENTENCES):
        return Meaning.stop
    return Meaning.other


def _plain(text: str) -> str:
    """Small letters and digits, one space between words, no accents."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(
        each if each.isalnum() else "" if each in "'\u2019" or unicodedata.combining(each) else " " for each in letters
    )
    return " ".join(kept.split())
