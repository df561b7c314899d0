"""programs and subscriptions

Revision 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "program",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("features", types.Plain(), nullable=False),
        sa.Column("is_active", types.Flag(), nullable=False),
        sa.Column("set_at", types.Instant(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_program_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_program")),
        sa.UniqueConstraint("organisation_id", "name", name=op.f("uq_program_organisation_id_name")),
        sqlite_strict=True,
    )
    op.create_table(
        "subscription",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("program_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("program_name", sa.Text(), nullable=False),
        sa.Column("features", types.Plain(), nullable=False),
        sa.Column("price_cents", types.Cents, nullable=False),
        sa.Column("start_on", types.Day(), nullable=False),
        sa.Column("end_on", types.Day(), nullable=False),
        sa.Column("billing_day", sa.Integer(), nullable=False),
        sa.Column("prorated", types.Flag(), nullable=False),
        sa.Column("manager_name", sa.Text(), nullable=False),
        sa.Column("manager_email", sa.Text(), nullable=False),
        sa.Column("manager_phone", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("paused_for", sa.Text(), nullable=True),
        sa.Column("assigned_at", types.Instant(), nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        sa.Column("activate_by", types.Instant(), nullable=False),
        sa.Column("activated_at", types.Instant(), nullable=True),
        sa.Column("schedule_id", sa.Text(), nullable=True),
        sa.Column("periods", types.Plain(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'paused') = (paused_for IS NOT NULL)", name=op.f("ck_subscription_paused")),
        sa.CheckConstraint("paused_for IN ('staff','stop')", name=op.f("ck_subscription_paused_for")),
        sa.CheckConstraint(
            "state IN ('assigned','active','paused','ended','cancelled','expired')", name=op.f("ck_subscription_state")
        ),
        sa.CheckConstraint(
            "state NOT IN ('active','paused','ended') OR schedule_id IS NOT NULL",
            name=op.f("ck_subscription_under_schedule"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('assigned','expired') OR schedule_id IS NULL", name=op.f("ck_subscription_before_schedule")
        ),
        sa.CheckConstraint(
            "(schedule_id IS NULL) = (activated_at IS NULL)", name=op.f("ck_subscription_activated_with_schedule")
        ),
        sa.CheckConstraint("billing_day BETWEEN 1 AND 31", name=op.f("ck_subscription_billing_day")),
        sa.CheckConstraint("end_on >= start_on", name=op.f("ck_subscription_dates")),
        sa.CheckConstraint("price_cents > 0", name=op.f("ck_subscription_price")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_subscription_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_subscription_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "program_id"],
            ["program.organisation_id", "program.id"],
            name=op.f("fk_subscription_organisation_id_program_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "schedule_id"],
            ["schedule.organisation_id", "schedule.id"],
            name=op.f("fk_subscription_organisation_id_schedule_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_subscription_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("organisation_id", "account_id", name=op.f("uq_subscription_organisation_id_account_id")),
        sa.UniqueConstraint("organisation_id", "reference", name=op.f("uq_subscription_organisation_id_reference")),
        sa.UniqueConstraint("organisation_id", "schedule_id", name=op.f("uq_subscription_organisation_id_schedule_id")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_subscription_activate_by",
        "subscription",
        ["activate_by", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'assigned'"),
        postgresql_where=sa.text("state = 'assigned'"),
    )
    op.create_index(
        op.f("ix_subscription_organisation_id_customer_id"),
        "subscription",
        ["organisation_id", "customer_id"],
        unique=False,
    )
    op.create_table(
        "subscription_change",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("facts", types.Plain(), nullable=False),
        sa.Column("worth_cents", types.Cents, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", types.Instant(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("decided_at", types.Instant(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name=op.f("ck_subscription_change_decided")),
        sa.CheckConstraint(
            "kind IN ('extend','shorten','pause','resume','waive','reduce','cancel')",
            name=op.f("ck_subscription_change_kind"),
        ),
        sa.CheckConstraint("state IN ('asked','done','refused')", name=op.f("ck_subscription_change_state")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "subscription_id"],
            ["subscription.organisation_id", "subscription.id"],
            name=op.f("fk_subscription_change_organisation_id_subscription_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_subscription_change_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_subscription_change")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_subscription_change_organisation_id_subscription_id_asked_at"),
        "subscription_change",
        ["organisation_id", "subscription_id", "asked_at"],
        unique=False,
    )
    op.create_table(
        "subscription_report",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("handled_at", types.Instant(), nullable=True),
        sa.Column("handled_by", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('wrong','stop')", name=op.f("ck_subscription_report_kind")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_subscription_report_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "subscription_id"],
            ["subscription.organisation_id", "subscription.id"],
            name=op.f("fk_subscription_report_organisation_id_subscription_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_subscription_report_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_subscription_report")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_subscription_report_organisation_id_subscription_id_made_at"),
        "subscription_report",
        ["organisation_id", "subscription_id", "made_at"],
        unique=False,
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_index(
        op.f("ix_subscription_report_organisation_id_subscription_id_made_at"), table_name="subscription_report"
    )
    op.drop_table("subscription_report")
    op.drop_index(
        op.f("ix_subscription_change_organisation_id_subscription_id_asked_at"), table_name="subscription_change"
    )
    op.drop_table("subscription_change")
    op.drop_index(op.f("ix_subscription_organisation_id_customer_id"), table_name="subscription")
    op.drop_index(
        "ix_subscription_activate_by",
        table_name="subscription",
        sqlite_where=sa.text("state = 'assigned'"),
        postgresql_where=sa.text("state = 'assigned'"),
    )
    op.drop_table("subscription")
    op.drop_table("program")
