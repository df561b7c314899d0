"""what customers say against a debt, and the moment from which an account is disputed

Revision 0022, after 0021.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

STANDS = sa.text("resolved_at IS NULL")


def upgrade() -> None:
    """Brings the schema forward. No account is disputed yet."""
    op.add_column("account", sa.Column("disputed_at", types.Instant(), nullable=True))
    op.create_table(
        "objection",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("resolved_words", sa.Text(), nullable=True),
        sa.Column("resolved_at", types.Instant(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("way IN ('phone','letter','email','page')", name=op.f("ck_objection_way")),
        sa.CheckConstraint("outcome IN ('verified','corrected','withdrawn')", name=op.f("ck_objection_outcome")),
        sa.CheckConstraint("(resolved_at IS NULL) = (outcome IS NULL)", name=op.f("ck_objection_resolved")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_objection_organisation_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_objection_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_objection_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "plan_id"],
            ["plan.organisation_id", "plan.id"],
            name=op.f("fk_objection_organisation_id_plan_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_objection")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_objection_standing",
        "objection",
        ["organisation_id", "account_id"],
        unique=True,
        sqlite_where=STANDS,
        postgresql_where=STANDS,
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_table("objection")
    op.drop_column("account", "disputed_at")
