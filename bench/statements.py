"""How many SQL statements a page takes: the same application in this process, with an ear at the database's engines.

Called by bench/pages.py. Statements that open and close a transaction are not counted; what is kept in memory is warm.
"""

import contextlib
import io
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Protocol

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from bench.desk import Desk
from portal.app import create_app

CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class Asked(Protocol):
    """A page, as far as it is asked for here."""

    @property
    def path(self) -> str: ...
    @property
    def request(self) -> str: ...


def application(desk: Desk) -> Flask:
    """The portal on the desk's database, in this process."""
    settings = SimpleNamespace(
        environment="test",
        portal_url=desk.url,
        redis_url="",
        secret_key=desk.settings["SECRET_KEY"],
        gateway="simulator",
        braintree_script_base=f"{desk.settings['SIMULATOR_URL']}/web/3.144.0/js",
        trusted_proxies=1,
    )
    return create_app(settings, desk.house.ports)


def count_statements(desk: Desk, pages: Mapping[str, Asked]) -> dict[str, int]:
    """Statements by page name."""
    with contextlib.redirect_stdout(io.StringIO()):  # the portal's log lines are no part of the table
        return _count(application(desk).test_client(use_cookies=False), desk, pages)


def _count(client: FlaskClient, desk: Desk, pages: Mapping[str, Asked]) -> dict[str, int]:
    heard: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.lstrip().upper().startswith(CONTROL):
            heard.append(statement)

    engines = {desk.house.ports.database.writer, desk.house.ports.database.reader}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear)
    counts = {}
    try:
        for name, page in pages.items():
            headers = dict(line.split(": ", 1) for line in page.request.split("\r\n")[1:] if ": " in line)
            for _ in range(2):  # the first may fill what is kept
                heard.clear()
                answer = client.get(page.path, headers=headers)
                if answer.status_code != 200:
                    raise RuntimeError(f"{page.path}: {answer.status_code}")
            counts[name] = len(heard)
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", hear)
    return counts
