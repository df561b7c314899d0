"""Row security of PostgreSQL: the database itself shows each transaction the rows of the one organisation it named.

Called by `portal.storage.database` when a transaction begins, and by `migrations/env.py`, which puts every table
that holds `organisation_id` under it. It binds the owner of the tables too, but no superuser. SQLite has none.
"""

import re

from sqlalchemy import Connection, text

SETTING = "paydoor.organisation"  # made with SET LOCAL, so it ends with the transaction
EVERYBODY = "*"  # reads of all organisations, no write of any: `Database.across`

_OWN = f"(organisation_id = current_setting('{SETTING}'::text, true))"
_ANY = f"(current_setting('{SETTING}'::text, true) = '{EVERYBODY}'::text)"
# name, command as pg_policy has it, what may be seen, what may be written
POLICIES = {("own_rows", "*", _OWN, _OWN), ("everybody_reads", "r", _ANY, None)}

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}|\*")  # it is written into the statement: SET takes no parameters

_TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname
"""
_POLICIES = """
SELECT c.relname, p.polname, p.polcmd, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE c.relnamespace = current_schema()::regnamespace
"""


# Asked of each new connection: a superuser, and a role with BYPASSRLS, would see everything.
IS_ABOVE = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


class RoleAboveRowSecurity(Exception):
    """The database's role is one that no row security holds: docs/operations.md says how to make another."""


class NotAnOrganisation(ValueError):
    """What was to be named as an organisation cannot be the id of one."""


def beginning(organisation_id: str | None, *, reads: bool) -> str:
    """What begins a transaction and says for whom, in one trip to the server. Without an organisation: for nobody."""
    begin = "BEGIN READ ONLY" if reads else "BEGIN"
    if not organisation_id:  # also the stamp's, which is above all organisations
        return begin
    if not _ID.fullmatch(organisation_id):
        raise NotAnOrganisation
    return f"{begin}; SET LOCAL {SETTING} = '{organisation_id}'"


def uncovered(connection: Connection) -> list[str]:
    """Tables that hold an organisation's rows and are not under row security exactly as it is meant."""
    policies = _policies(connection)
    return [
        table
        for table, is_on, is_forced in connection.execute(text(_TABLES))
        if not (is_on and is_forced and policies.get(table) == POLICIES)
    ]


def enable(connection: Connection) -> None:
    """Puts every table that holds an organisation's rows under row security, which its owner is above until `force`."""
    policies = _policies(connection)
    for table, is_on, _ in connection.execute(text(_TABLES)).all():
        if policies.get(table) != POLICIES:
            _drop_policies(connection, table)
            connection.execute(text(f'CREATE POLICY own_rows ON "{table}" USING {_OWN} WITH CHECK {_OWN}'))
            connection.execute(text(f'CREATE POLICY everybody_reads ON "{table}" FOR SELECT USING {_ANY}'))
        if not is_on:
            connection.execute(text(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY'))


def force(connection: Connection) -> None:
    """Holds the owner of the tables to it as well, where row security is there at all; new tables are put under it."""
    tables = connection.execute(text(_TABLES)).all()
    if not any(is_on for _, is_on, _ in tables):
        return
    enable(connection)
    for table, _, is_forced in tables:
        if not is_forced:
            connection.execute(text(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY'))


def lift(connection: Connection) -> None:
    """Lets the owner of the tables see all rows until `force`, for migrations that move them. Nobody else may."""
    for table, _, is_forced in connection.execute(text(_TABLES)).all():
        if is_forced:
            connection.execute(text(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY'))


def disable(connection: Connection) -> None:
    """Takes it all away."""
    for table, *_ in connection.execute(text(_TABLES)).all():
        _drop_policies(connection, table)
        connection.execute(text(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY'))


def _policies(connection: Connection) -> dict[str, set[tuple[str, str, str | None, str | None]]]:
    found: dict[str, set[tuple[str, str, str | None, str | None]]] = {}
    for table, name, command, seen, written in connection.execute(text(_POLICIES)):
        found.setdefault(table, set()).add((name, command, seen, written))
    return found


def _drop_policies(connection: Connection, table: str) -> None:
    for name, *_ in sorted(POLICIES):
        connection.execute(text(f'DROP POLICY IF EXISTS {name} ON "{table}"'))
