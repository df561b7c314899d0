"""links in emails that end emails to their address

Revision 0015, after 0014.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward."""
    op.add_column("message", sa.Column("sealed_stop", sa.Text(), nullable=True))
    op.create_table(
        "opt_out_link",
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("channel IN ('email')", name=op.f("ck_opt_out_link_channel")),
        *(
            sa.ForeignKeyConstraint(
                ["organisation_id", f"{table}_id"],
                [f"{table}.organisation_id", f"{table}.id"],
                name=op.f(f"fk_opt_out_link_organisation_id_{table}_id"),
            )
            for table in ("customer", "message")
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_opt_out_link_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_opt_out_link")),
        sa.UniqueConstraint(
            "organisation_id", "token_sha256", name=op.f("uq_opt_out_link_organisation_id_token_sha256")
        ),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Takes it back; the links in emails that went out lead nowhere then."""
    op.drop_table("opt_out_link")
    op.drop_column("message", "sealed_stop")
