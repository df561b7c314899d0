"""selections: services chosen to be paid together

Revision 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "selection",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("services", types.Plain(), nullable=False),
        sa.Column("amount_cents", types.Cents, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("obligation_id", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_cents IS NULL OR amount_cents > 0", name=op.f("ck_selection_amount")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_selection_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_selection_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "obligation_id"],
            ["obligation.organisation_id", "obligation.id"],
            name=op.f("fk_selection_organisation_id_obligation_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_selection_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_selection")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_selection_organisation_id_customer_id_opened_at"),
        "selection",
        ["organisation_id", "customer_id", "opened_at"],
        unique=False,
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_index(op.f("ix_selection_organisation_id_customer_id_opened_at"), table_name="selection")
    op.drop_table("selection")
