"""links that show and change one schedule, and what each link is about

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward."""
    op.add_column("payment_link", sa.Column("subject_id", sa.Text(), nullable=True))
    _allow("'pay','card'", "'pay','card','schedule'")


def downgrade() -> None:
    """Takes it back; links of a schedule have nowhere to lead then, and visits of theirs no link."""
    op.execute("DELETE FROM visit WHERE link_id IN (SELECT id FROM payment_link WHERE purpose = 'schedule')")
    op.execute("DELETE FROM payment_link WHERE purpose = 'schedule'")
    _allow("'pay','card','schedule'", "'pay','card'")
    op.drop_column("payment_link", "subject_id")


def _allow(before: str, after: str) -> None:
    """Another list of purposes; SQLite builds the table anew for it."""
    with op.batch_alter_table("payment_link", copy_from=_as_it_is(before), table_kwargs={"sqlite_strict": True}) as to:
        to.drop_constraint(op.f("ck_payment_link_purpose"), type_="check")
        to.create_check_constraint(op.f("ck_payment_link_purpose"), f"purpose IN ({after})")


def _as_it_is(purposes: str) -> sa.Table:
    table = sa.Table(
        "payment_link",
        sa.MetaData(),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=True),
        sa.CheckConstraint(f"purpose IN ({purposes})", name=op.f("ck_payment_link_purpose")),
        sa.CheckConstraint("status IN ('active','revoked')", name=op.f("ck_payment_link_status")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_payment_link_organisation_id")),
        *(
            sa.ForeignKeyConstraint(
                ["organisation_id", f"{table}_id"],
                [f"{table}.organisation_id", f"{table}.id"],
                name=op.f(f"fk_payment_link_organisation_id_{table}_id"),
            )
            for table in ("account", "customer")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_payment_link")),
        sa.UniqueConstraint(
            "organisation_id", "token_sha256", name=op.f("uq_payment_link_organisation_id_token_sha256")
        ),
        sqlite_strict=True,
    )
    sa.Index(op.f("ix_payment_link_organisation_id_account_id"), table.c.organisation_id, table.c.account_id)
    return table
