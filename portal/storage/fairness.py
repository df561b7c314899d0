"""Whose turn it is among organisations: the first of each before the second of any, so that one whose rows pile up or
hang makes no other wait.

Asked by the questions that a sweep asks across organisations. Knows no subject; changes and locks nothing.
"""

from typing import Any

from sqlalchemy import ColumnElement, TextClause, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session


def in_turn(
    session: Session,
    key: InstrumentedAttribute[str],
    since: Any,
    *conditions: ColumnElement[bool] | TextClause,
    limit: int,
) -> list[tuple[str, str]]:
    """(organisation id, key) of the rows that meet the conditions: organisations take turns, each its oldest first.

    `key` names a row, and with it the table; `since` is what orders the rows of one organisation. Where a partial index
    holds what is asked for, its own words are given as a condition: with a value in their place SQLite passes it by.
    """
    row: Any = key.class_
    place = func.row_number().over(partition_by=row.organisation_id, order_by=(since, key))
    waiting = (
        select(row.organisation_id.label("whose"), key.label("key"), since.label("since"), place.label("place"))
        .where(*conditions)
        .subquery()
    )
    rows = session.execute(
        select(waiting.c.whose, waiting.c.key).order_by(waiting.c.place, waiting.c.since, waiting.c.key).limit(limit)
    )
    return [(found[0], found[1]) for found in rows]
