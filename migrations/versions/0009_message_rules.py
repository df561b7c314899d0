"""what people say about being written to, what became of each message, and which rule holds one

Revision 0009, after 0008. A consent to texts that stood on the customer becomes a row of its own.
"""

from secrets import token_hex
from typing import Any

import sqlalchemy as sa
from alembic import op

from portal.domain.contact_wish import address_key
from portal.storage import types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

QUEUED = sa.text("state = 'queued'")
STANDING = sa.text("cleared_at IS NULL")
APPEND_ONLY = ("contact_wish", "message_fact")
OLD_STATES = "state IN ('queued','sent','failed')"
NEW_STATES = "state IN ('queued','sent','failed','stopped')"
ADDED = ("is_answer", "held_by", "held_until", "counted_at")


def tenant(table: str, **references: str) -> tuple[Any, ...]:
    """Key and references of a row of one organisation."""
    return (
        *(
            sa.ForeignKeyConstraint(
                ["organisation_id", column],
                [f"{target}.organisation_id", f"{target}.id"],
                name=op.f(f"fk_{table}_organisation_id_{column}"),
            )
            for column, target in references.items()
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f(f"fk_{table}_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f(f"pk_{table}")),
    )


def upgrade() -> None:
    """Brings the schema forward."""
    _message(NEW_STATES, with_rules=True)
    op.create_table(
        "contact_wish",
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("is_on", types.Flag(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("said_at", types.Instant(), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('consent','medium','times','work_address')", name=op.f("ck_contact_wish_kind")),
        sa.CheckConstraint("channel IN ('email','sms')", name=op.f("ck_contact_wish_channel")),
        sa.UniqueConstraint(
            "organisation_id", "kind", "subject", "seq", name=op.f("uq_contact_wish_organisation_id_kind_subject_seq")
        ),
        *tenant("contact_wish", customer_id="customer"),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_contact_wish_organisation_id_customer_id_said_at"),
        "contact_wish",
        ["organisation_id", "customer_id", "said_at"],
    )
    op.create_table(
        "message_fact",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("facts", types.Plain(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "what IN ('held','stopped','tried','handed_over','failed','heard')", name=op.f("ck_message_fact_what")
        ),
        sa.UniqueConstraint("organisation_id", "key", name=op.f("uq_message_fact_organisation_id_key")),
        *tenant("message_fact", message_id="message"),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_message_fact_organisation_id_message_id_at"), "message_fact", ["organisation_id", "message_id", "at"]
    )
    op.create_table(
        "bounce",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("found_at", types.Instant(), nullable=False),
        sa.Column("cleared_at", types.Instant(), nullable=True),
        sa.Column("cleared_by", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("channel IN ('email','sms')", name=op.f("ck_bounce_channel")),
        *tenant("bounce", message_id="message"),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_bounce_standing",
        "bounce",
        ["organisation_id", "channel", "address"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )
    _consents_as_rows()
    op.drop_column("customer", "sms_consent_at")
    _append_only(APPEND_ONLY)


def downgrade() -> None:
    """Takes it back; what was said and done is gone with its tables."""
    for table in APPEND_ONLY:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
        else:
            for verb in ("update", "delete"):
                op.execute(f"DROP TRIGGER {table}_no_{verb}")
    op.add_column("customer", sa.Column("sms_consent_at", types.Instant(), nullable=True))
    for table in ("bounce", "message_fact", "contact_wish"):
        op.drop_table(table)
    op.execute("UPDATE message SET state = 'failed' WHERE state = 'stopped'")
    _message(OLD_STATES, with_rules=False)


def _message(states: str, *, with_rules: bool) -> None:
    """The outbox with the columns of the rules, or without; made anew on SQLite, which cannot change a check."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_message_state"), "message", type_="check")
        op.create_check_constraint(op.f("ck_message_state"), "message", states)
        if with_rules:
            for column in _added():
                op.add_column("message", column)
        else:
            op.drop_index(op.f("ix_message_organisation_id_provider_id"), table_name="message")
            op.drop_index(op.f("ix_message_organisation_id_recipient_sent_at"), table_name="message")
            for name in ADDED:
                op.drop_column("message", name)
    else:
        columns = [
            sa.Column("dedupe_key", sa.Text(), nullable=False),
            sa.Column("event", sa.Text(), nullable=False),
            sa.Column("channel", sa.Text(), nullable=False),
            sa.Column("customer_id", sa.Text(), nullable=False),
            sa.Column("subject_id", sa.Text(), nullable=False),
            sa.Column("recipient", sa.Text(), nullable=False),
            sa.Column("locale", sa.Text(), nullable=False),
            sa.Column("sealed_facts", sa.Text(), nullable=True),
            sa.Column("message_id", sa.Text(), nullable=False),
            sa.Column("state", sa.Text(), nullable=False),
            sa.Column("tries", sa.Integer(), nullable=False),
            sa.Column("next_try_at", types.Instant(), nullable=False),
            sa.Column("last_error", sa.Text(), nullable=True),
            sa.Column("provider_id", sa.Text(), nullable=True),
            sa.Column("created_at", types.Instant(), nullable=False),
            sa.Column("sent_at", types.Instant(), nullable=True),
            sa.Column("organisation_id", sa.Text(), nullable=False),
            sa.Column("id", sa.Text(), nullable=False),
        ]
        names = ", ".join(column.name for column in columns)
        op.rename_table("message", "message_before")
        op.create_table(
            "message",
            *columns,
            *(_added() if with_rules else ()),
            sa.CheckConstraint("channel IN ('email','sms')", name=op.f("ck_message_channel")),
            sa.CheckConstraint(states, name=op.f("ck_message_state")),
            sa.UniqueConstraint("organisation_id", "dedupe_key", name=op.f("uq_message_organisation_id_dedupe_key")),
            *tenant("message", customer_id="customer"),
            sqlite_strict=True,
        )
        op.execute(f"INSERT INTO message ({names}) SELECT {names} FROM message_before")  # noqa: S608 - names of ours
        op.drop_table("message_before")
        op.create_index(
            op.f("ix_message_organisation_id_customer_id_created_at"),
            "message",
            ["organisation_id", "customer_id", "created_at"],
        )
        op.create_index("ix_message_queued", "message", ["next_try_at", "id"], sqlite_where=QUEUED)
    if with_rules:
        op.create_index(op.f("ix_message_organisation_id_provider_id"), "message", ["organisation_id", "provider_id"])
        op.create_index(
            op.f("ix_message_organisation_id_recipient_sent_at"), "message", ["organisation_id", "recipient", "sent_at"]
        )


def _added() -> list[sa.Column[Any]]:
    no = sa.text("false" if op.get_bind().dialect.name == "postgresql" else "0")
    return [
        sa.Column("is_answer", types.Flag(), server_default=no, nullable=False),
        sa.Column("held_by", sa.Text(), nullable=True),
        sa.Column("held_until", types.Instant(), nullable=True),
        sa.Column("counted_at", types.Instant(), nullable=True),
    ]


def _consents_as_rows() -> None:
    customer = sa.table(
        "customer",
        sa.column("organisation_id", sa.Text()),
        sa.column("id", sa.Text()),
        sa.column("phone", sa.Text()),
        sa.column("locale", sa.Text()),
        sa.column("sms_consent_at", types.Instant()),
    )
    wish = sa.table(
        "contact_wish",
        *(
            sa.column(name, sa.Text())
            for name in ("organisation_id", "id", "customer_id", "kind", "subject", "channel", "scope", "source",
                         "words", "locale", "said_by")
        ),
        sa.column("seq", sa.Integer()),
        sa.column("is_on", types.Flag()),
        sa.column("said_at", types.Instant()),
    )  # fmt: skip
    bind = op.get_bind()
    agreed = bind.execute(
        sa.select(customer)
        .where(customer.c.sms_consent_at.is_not(None), customer.c.phone.is_not(None))
        .order_by(customer.c.sms_consent_at, customer.c.id)
    )
    seqs: dict[tuple[str, str], int] = {}
    rows = []
    for row in agreed:
        subject = f"sms:{address_key('sms', row.phone)}"
        seqs[row.organisation_id, subject] = seqs.get((row.organisation_id, subject), 0) + 1
        rows.append(
            {
                "organisation_id": row.organisation_id, "id": token_hex(16), "customer_id": row.id, "kind": "consent",
                "subject": subject, "seq": seqs[row.organisation_id, subject], "channel": "sms", "is_on": True,
                "scope": "all", "source": "imported", "words": "The organisation states that the customer agreed.",
                "locale": row.locale, "said_by": "migration", "said_at": row.sms_consent_at,
            }
        )  # fmt: skip
    if rows:
        bind.execute(wish.insert(), rows)


def _append_only(tables: tuple[str, ...]) -> None:
    for table in tables:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        else:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
                )
