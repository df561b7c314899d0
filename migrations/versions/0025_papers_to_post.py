"""records of customers who want them on paper, to be printed and posted

Revision 0025, after 0024.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

WAITS = sa.text("posted_at IS NULL")


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "paper_copy",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("posted_at", types.Instant(), nullable=True),
        sa.Column("posted_by", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("(posted_at IS NULL) = (posted_by IS NULL)", name=op.f("ck_paper_copy_posted")),
        *(
            sa.ForeignKeyConstraint(
                ["organisation_id", f"{table}_id"],
                [f"{table}.organisation_id", f"{table}.id"],
                name=op.f(f"fk_paper_copy_organisation_id_{table}_id"),
            )
            for table in ("customer", "message")
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_paper_copy_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_paper_copy")),
        sa.UniqueConstraint("organisation_id", "message_id", name=op.f("uq_paper_copy_organisation_id_message_id")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_paper_copy_waiting", "paper_copy", ["organisation_id", "made_at"],
        sqlite_where=WAITS, postgresql_where=WAITS,
    )  # fmt: skip
    op.create_index(op.f("ix_paper_copy_organisation_id_posted_at"), "paper_copy", ["organisation_id", "posted_at"])


def downgrade() -> None:
    """Takes it back; papers that were not posted yet are forgotten."""
    op.drop_table("paper_copy")
