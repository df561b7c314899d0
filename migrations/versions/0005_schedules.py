"""schedules, and what an obligation needs to be charged on a date

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UNNOTICED = sa.text("status = 'due' AND kind = 'scheduled' AND noticed_at IS NULL")
ACTIVE = sa.text("status = 'active'")
DECLINED = sa.text("state = 'declined'")
UNWANTED = sa.text("cancel_requested_at IS NOT NULL AND cancel_settled_at IS NULL")


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "schedule",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("payment_method_id", sa.Text(), nullable=False),
        sa.Column("visit_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("rhythm", types.Plain(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('active','paused','broken','cancelled','completed')", name=op.f("ck_schedule_status")
        ),
        sa.CheckConstraint("series IN ('installment','recurring','unscheduled')", name=op.f("ck_schedule_series")),
        sa.CheckConstraint("locale IN ('en','es')", name=op.f("ck_schedule_locale")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_schedule_organisation_id")),
        *(
            sa.ForeignKeyConstraint(
                ["organisation_id", column],
                [f"{table}.organisation_id", f"{table}.id"],
                name=op.f(f"fk_schedule_organisation_id_{column}"),
            )
            for column, table in (
                ("customer_id", "customer"),
                ("account_id", "account"),
                ("agreement_id", "agreement"),
                ("payment_method_id", "payment_method"),
                ("visit_id", "visit"),
            )
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_schedule")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_schedule_organisation_id_customer_id"), "schedule", ["organisation_id", "customer_id"])
    op.create_index(op.f("ix_schedule_organisation_id_account_id"), "schedule", ["organisation_id", "account_id"])
    op.create_index(
        "ix_schedule_method",
        "schedule",
        ["organisation_id", "payment_method_id"],
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    )
    for column in (
        sa.Column("due_on", types.Day(), nullable=True),
        sa.Column("moved_from", types.Day(), nullable=True),
        sa.Column("retries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("hold_reason", sa.Text(), nullable=True),
        sa.Column("hold_until", types.Instant(), nullable=True),
        sa.Column("handed_at", types.Instant(), nullable=True),
        sa.Column("noticed_at", types.Instant(), nullable=True),
    ):
        op.add_column("obligation", column)
    op.create_index(
        "ix_obligation_unnoticed",
        "obligation",
        ["due_at", "id"],
        sqlite_where=UNNOTICED,
        postgresql_where=UNNOTICED,
    )
    op.add_column("charge", sa.Column("cancel_requested_at", types.Instant(), nullable=True))
    op.add_column("charge", sa.Column("cancel_settled_at", types.Instant(), nullable=True))
    op.create_index(
        "ix_charge_declined",
        "charge",
        ["organisation_id", "payment_method_id", "claimed_at"],
        sqlite_where=DECLINED,
        postgresql_where=DECLINED,
    )
    op.create_index(
        "ix_charge_unwanted",
        "charge",
        ["cancel_requested_at", "id"],
        sqlite_where=UNWANTED,
        postgresql_where=UNWANTED,
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_index("ix_charge_unwanted", table_name="charge", sqlite_where=UNWANTED, postgresql_where=UNWANTED)
    op.drop_index("ix_charge_declined", table_name="charge", sqlite_where=DECLINED, postgresql_where=DECLINED)
    op.drop_column("charge", "cancel_settled_at")
    op.drop_column("charge", "cancel_requested_at")
    op.drop_index(
        "ix_obligation_unnoticed", table_name="obligation", sqlite_where=UNNOTICED, postgresql_where=UNNOTICED
    )
    for column in (
        "noticed_at",
        "handed_at",
        "hold_until",
        "hold_reason",
        "source",
        "retries",
        "moved_from",
        "due_on",
    ):
        op.drop_column("obligation", column)
    op.drop_index("ix_schedule_method", table_name="schedule", sqlite_where=ACTIVE, postgresql_where=ACTIVE)
    op.drop_index(op.f("ix_schedule_organisation_id_account_id"), table_name="schedule")
    op.drop_index(op.f("ix_schedule_organisation_id_customer_id"), table_name="schedule")
    op.drop_table("schedule")
