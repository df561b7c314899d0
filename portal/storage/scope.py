"""Reading a statement before it runs: it must name its organisation for every tenant table, and name no other one.

Called by `portal.storage.database` for each statement. Reads text and values; changes and runs nothing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from portal.storage.rows import Row

_COMPARED = re.compile(r'(?:"?(\w+)"?\.)?"?\borganisation_id"?\s*=\s*(?:\?|%\((\w+)\)s)', re.IGNORECASE)
_ASSIGNED = re.compile(r"\bSET\b(.*?)(?:\bWHERE\b|$)", re.IGNORECASE | re.DOTALL)
_MOVED = re.compile(r'\borganisation_id"?\s*=', re.IGNORECASE)
_INSERTED_KEY = re.compile(r"organisation_id(?:__?m?\d+)?")


class UnscopedQuery(Exception):
    """A statement on a tenant table that does not name its organisation, or names another one."""


class UnstorableText(ValueError):
    """A text that one of the two databases cannot hold (NUL, lone surrogates), so neither is asked to."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a statement's text says. `compared` is where the organisations it names stand among its parameters."""

    is_scoped: bool
    inserts: bool
    compared: tuple[int | str, ...]


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    names = "|".join(sorted(table.name for table in Row.metadata.tables.values() if "organisation_id" in table.c))
    used = rf'(?:\b(?:FROM|JOIN|UPDATE|USING)\s+(?:ONLY\s+)?|,\s*)"?({names})"?(?!["\w.]|\s*\.)(?:\s+AS\s+"?(\w+)"?)?'
    inserted = rf'\s*INSERT\s+(?:OR\s+\w+\s+)?INTO\s+"?(?:{names})"?\b'
    return re.compile(used, re.IGNORECASE), re.compile(inserted, re.IGNORECASE)


@lru_cache(maxsize=4_096)
def read(statement: str) -> Reading:
    """Each tenant table that is read or changed needs a comparison of its own `organisation_id` with a parameter.

    Comparing with another table's column names nobody, and setting it would move a row away: neither counts.
    """
    used, inserted = _patterns()
    begin = 0
    is_scoped = True
    if statement.lstrip()[:6].upper() == "UPDATE":
        assigned = _ASSIGNED.search(statement)
        if assigned is not None:
            is_scoped = not _MOVED.search(assigned[1])
            begin = assigned.end(1)
    compared = list(_COMPARED.finditer(statement, begin))
    named = Counter((match[1] or "").lower() for match in compared)
    needed = Counter((match[2] or match[1]).lower() for match in used.finditer(statement))
    missing = sum(max(0, number - named[name]) for name, number in needed.items())
    return Reading(
        is_scoped=is_scoped and missing <= named[""],
        inserts=inserted.match(statement) is not None,
        compared=tuple(match[2] or statement.count("?", 0, match.end() - 1) for match in compared),
    )


def require_scope(
    statement: str, parameters: Any, many: bool, compiled: Sequence[Mapping[str, Any]] | None, own: str | None
) -> None:
    """UnscopedQuery unless the statement keeps to its organisation, and to `own` where a session says who we are."""
    reading = read(statement)
    if not reading.is_scoped:
        raise UnscopedQuery(statement)
    if own is None:
        return
    for values in parameters if many else (parameters,):
        if any(values[place] != own for place in reading.compared):
            raise UnscopedQuery(f"another organisation's rows: {statement}")
    if reading.inserts:
        given = [{value for key, value in row.items() if _INSERTED_KEY.fullmatch(key)} for row in compiled or ()]
        if not given or any(values != {own} for values in given):
            raise UnscopedQuery(f"a row for another organisation: {statement}")


def require_storable(parameters: Any, many: bool) -> None:
    """UnstorableText when a text value holds what PostgreSQL (NUL) or no database (lone surrogates) can hold."""
    # several rows in one INSERT come as many, but with all their values in one flat tuple
    is_flat = (
        not many
        or isinstance(parameters, Mapping)
        or not isinstance(next(iter(parameters), ()), tuple | list | Mapping)
    )
    for values in (parameters,) if is_flat else parameters:
        given: Iterable[Any] = values.values() if isinstance(values, Mapping) else values or ()
        for value in given:
            if isinstance(value, str) and not is_storable(value):
                raise UnstorableText("a text holds NUL or a lone surrogate")


def is_storable(text: str) -> bool:
    """Whether both databases can hold this text."""
    if text.isascii():
        return "\x00" not in text
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
