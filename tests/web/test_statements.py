"""A page asks the database few questions. Counted, never timed: `make bench` measures what they cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from portal.web import access
from tests.web.conftest import Portal
from tests.web.scheduling import at_authorization

STATEMENTS_MAX = 5
CONTROL = ("BEGIN", "COMMIT", "ROLLBACK")
# All pages together remember the organisation of the address for two seconds (portal/web/access.py): which of them
# asks for it is the clock's choice. It is not counted.
DOORSTEP = "WHERE organisation.slug = "


@pytest.fixture(autouse=True)
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose page it is stays known for two seconds, which a busy machine may need for one page."""
    monkeypatch.setattr(access, "KEPT_SECONDS", 600)


@contextmanager
def heard(portal: Portal) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    found: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(CONTROL) and DOORSTEP not in statement:
            found.append(statement)

    database = portal.house.ports.database
    engines = {database.writer, database.reader}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", hear)


def test_no_page_of_the_walk_takes_more_than_five_statements(portal: Portal) -> None:
    portal.offer(basis_points=6_000)
    reader = portal.at_agreement()
    root = reader.path.rpartition("/")[0]
    counts = {}
    for path in [portal.link(), *(f"{root}/{step}" for step in ("contact", "offer", "amount", "check", "agreement"))]:
        with heard(portal) as statements:
            reader.open(path)
        assert reader.path == path
        counts[reader.step] = len(statements)
    reader.open(f"{root}/agreement").choose("I have read this").press("Pay $")
    with heard(portal) as statements:
        reader.open(f"{root}/result")
    counts[reader.step] = len(statements)
    assert {step: number for step, number in counts.items() if number > STATEMENTS_MAX} == {}


def test_no_page_of_scheduling_takes_more_than_five_statements(portal: Portal) -> None:
    reader = at_authorization(portal, number=12, days=0)
    root = reader.path.rpartition("/")[0]
    counts = {}
    for step in ("amount", "schedule", "schedule?change=3", "check", "agreement"):
        with heard(portal) as statements:
            reader.open(f"{root}/{step}")
        counts[step] = len(statements)
    reader.open(f"{root}/agreement").choose("I have read this").press("chedule")
    with heard(portal) as statements:
        reader.open(f"{root}/result")
    counts[reader.step] = len(statements)
    assert {step: number for step, number in counts.items() if number > STATEMENTS_MAX} == {}
