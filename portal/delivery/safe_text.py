"""Other people's text made safe to stand in a message or on paper: one line, no trick characters, never a link.

Called by wording and paper on every name before a template sees it. Escaping for HTML is the template's work, not ours.
"""

import re
import unicodedata

from portal.domain.card_number import card_numbers

NAME_MAX = 80
WORDS_MAX = 200
BREAK = "\u200b"
WORD_MAX = 16  # characters of one word before a line on paper may break inside it
_MARKS_MAX = 3  # accents on one letter; a pile of them is an attack on the line above, not a language
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})  # control, bidi and zero width, lone surrogates, private use
_BREAKS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": ".", "\u2024": "."})  # what browsers read as a dot
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,20}:[/\\]{2}")
_SCRIPT = re.compile(r"(?i)\b(javascript|data|vbscript|mailto|tel|sms|file):")
_SLASHES = re.compile(r"[/\\]{2,}")
_WWW = re.compile(r"(?i)\bwww\.")
_HOST_DOT = re.compile(r"(?<=\w)\.(?=\w\w)")


def one_line(text: str, length_max: int) -> str:
    """The text in NFC on one line, without control, bidi, zero-width or unassigned characters, cut with an ellipsis."""
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text[: length_max * 8]):
        category = unicodedata.category(character)
        if character in _BREAKS or category in {"Zs", "Zl", "Zp"}:
            kept.append(" ")
        elif category in _DROPPED:
            continue
        elif category in {"Mn", "Me"}:
            marks += 1
            if marks <= _MARKS_MAX:
                kept.append(character)
            continue
        else:
            kept.append(character)
        marks = 0
    line = " ".join("".join(kept).split())
    return line if len(line) <= length_max else line[: length_max - 1].rstrip() + "\u2026"


def safe_name(text: str, length_max: int = NAME_MAX) -> str:
    """One line that no mail program or phone turns into a link, and that shows no card number.

    `evil.com` becomes `evil. com`. A visible space is the honest way: an invisible joiner costs an SMS its cheap
    alphabet, survives copying, and some programs skip it and link all the same. `J.R. Smith` stays as it is.
    """
    line = one_line(text, length_max * 2).translate(_DOTS)
    previous = None
    while previous != line:  # until nothing changes: taking one scheme out may leave another behind
        previous = line
        line = _WWW.sub("", _SCRIPT.sub(r"\1 ", _SCHEME.sub("", line)))
    return one_line(_masked(_HOST_DOT.sub(". ", _SLASHES.sub("/", line))), length_max)


def breakable(text: str, word_max: int = WORD_MAX) -> str:
    """The text with places where a line on paper may break inside a long word."""
    words = (
        BREAK.join(word[start : start + word_max] for start in range(0, len(word), word_max))
        for word in text.split(" ")
    )
    return " ".join(words)


def _masked(line: str) -> str:
    """The line with its card numbers cut to their last four digits."""
    while found := card_numbers(line):  # the last four may be the beginning of another
        for start, end, digits in reversed(found):
            line = f"{line[:start]}****{digits[-4:]}{line[end:]}"
    return line
