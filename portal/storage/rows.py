"""What every row has: the declarative base, and `TenantRow`, a row that belongs to one organisation.

Row files build on it. Knows no subject.
"""

import secrets
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def new_id() -> str:
    """A random id, 32 hex characters; made once, never reused, says nothing about order or number."""
    return secrets.token_hex(16)


class Row(DeclarativeBase):
    """Base of all tables; STRICT on SQLite, so a wrong type is an error there too."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


STRICT: dict[str, Any] = {"sqlite_strict": True}


class TenantRow(Row):
    """A row of one organisation. Key and every reference are (organisation_id, id): none can point across."""

    __abstract__ = True

    organisation_id: Mapped[str] = mapped_column(Text, ForeignKey("organisation.id"))
    id: Mapped[str] = mapped_column(Text, default=new_id)


def tenant_args(*extra: Any, **references: str) -> tuple[Any, ...]:
    """Table arguments of a tenant row: composite key, composite references (`column="table"`), STRICT, the rest."""
    return (
        PrimaryKeyConstraint("organisation_id", "id"),
        *(
            ForeignKeyConstraint(["organisation_id", column], [f"{table}.organisation_id", f"{table}.id"])
            for column, table in references.items()
        ),
        *extra,
        STRICT,
    )


def insert_into(session: Session, row: type[Row], **values: Any) -> postgresql.Insert | sqlite.Insert:
    """An insert that can say what happens where a rival was first (`on_conflict_...`), as this engine spells it.

    A row of an organisation gets that of the session, and an id.
    """
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    own = {"organisation_id": session.info["organisation_id"], "id": new_id()} if issubclass(row, TenantRow) else {}
    return insert(row).values(own | values)
