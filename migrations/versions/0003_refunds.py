"""money given back, the comparison with the gateway day by day, and holds on charging

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "charging_hold",
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("backup_taken_at", types.Instant(), nullable=True),
        sa.Column("held_at", types.Instant(), nullable=False),
        sa.Column("held_by", sa.Text(), nullable=False),
        sa.Column("lifted_at", types.Instant(), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_charging_hold_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_charging_hold")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_charging_hold_standing",
        "charging_hold",
        ["organisation_id"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "reconcile_day",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("lease_until", types.Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("finished_at", types.Instant(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_reconcile_day_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_reconcile_day")),
        sa.UniqueConstraint("organisation_id", "day", name=op.f("uq_reconcile_day_organisation_id_day")),
        sqlite_strict=True,
    )
    op.create_table(
        "reconcile_result",
        sa.Column("from_at", types.Instant(), nullable=False),
        sa.Column("until_at", types.Instant(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("sales_count", sa.Integer(), nullable=False),
        sa.Column("sales_cents", types.Cents, nullable=False),
        sa.Column("refunds_count", sa.Integer(), nullable=False),
        sa.Column("refunds_cents", types.Cents, nullable=False),
        sa.Column("settled_count", sa.Integer(), nullable=False),
        sa.Column("difference_count", sa.Integer(), nullable=False),
        sa.Column("open_count", sa.Integer(), nullable=False),
        sa.Column("is_clean", types.Flag(), nullable=False),
        sa.Column("differences", types.Plain(), nullable=False),
        sa.Column("started_at", types.Instant(), nullable=False),
        sa.Column("finished_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_reconcile_result_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_reconcile_result")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_reconcile_result_organisation_id_finished_at"),
        "reconcile_result",
        ["organisation_id", "finished_at"],
        unique=False,
    )
    op.create_table(
        "refund",
        sa.Column("request_key", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("is_keyed", types.Flag(), nullable=False),
        sa.Column("amount_cents", types.Cents, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reopens_balance", types.Flag(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_why", sa.Text(), nullable=False),
        sa.Column("lease_until", types.Instant(), nullable=False),
        sa.Column("send_deadline", types.Instant(), nullable=False),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column("next_try_at", types.Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=True),
        sa.Column("gateway_status", sa.Text(), nullable=True),
        sa.Column("processor_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("claimed_at", types.Instant(), nullable=False),
        sa.Column("resolved_at", types.Instant(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('sending','succeeded','declined','not_sent','unknown','never_received','review')",
            name=op.f("ck_refund_state"),
        ),
        sa.CheckConstraint("way IN ('void','refund')", name=op.f("ck_refund_way")),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_refund_amount")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_refund_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "charge_id"],
            ["charge.organisation_id", "charge.id"],
            name=op.f("fk_refund_organisation_id_charge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_refund_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_refund_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_refund")),
        sa.UniqueConstraint("organisation_id", "order_id", name=op.f("uq_refund_organisation_id_order_id")),
        sa.UniqueConstraint(
            "organisation_id", "request_key", "n", name=op.f("uq_refund_organisation_id_request_key_n")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_refund_open",
        "refund",
        ["next_try_at", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('sending','unknown')"),
        postgresql_where=sa.text("state IN ('sending','unknown')"),
    )
    op.create_index(
        op.f("ix_refund_organisation_id_charge_id"), "refund", ["organisation_id", "charge_id"], unique=False
    )
    op.create_index(
        op.f("ix_refund_organisation_id_claimed_at"), "refund", ["organisation_id", "claimed_at"], unique=False
    )
    op.create_index(
        "uq_refund_gateway",
        "refund",
        ["organisation_id", "gateway_id"],
        unique=True,
        sqlite_where=sa.text("way = 'refund'"),
        postgresql_where=sa.text("way = 'refund'"),
    )
    op.create_index(
        "uq_refund_live",
        "refund",
        ["organisation_id", "request_key"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('declined','never_received','not_sent')"),
        postgresql_where=sa.text("state NOT IN ('declined','never_received','not_sent')"),
    )
    op.add_column("charge", sa.Column("settled_at", types.Instant(), nullable=True))
    op.create_index(
        op.f("ix_charge_organisation_id_claimed_at"), "charge", ["organisation_id", "claimed_at"], unique=False
    )
    _make_append_only("reconcile_result")


def _make_append_only(table: str) -> None:
    """The same triggers as revision 0002 makes."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
        )


def downgrade() -> None:
    """Takes it back; triggers go with their tables."""
    op.drop_index(op.f("ix_charge_organisation_id_claimed_at"), table_name="charge")
    op.drop_column("charge", "settled_at")
    op.drop_index(
        "uq_refund_live",
        table_name="refund",
        sqlite_where=sa.text("state NOT IN ('declined','never_received','not_sent')"),
        postgresql_where=sa.text("state NOT IN ('declined','never_received','not_sent')"),
    )
    op.drop_index(
        "uq_refund_gateway",
        table_name="refund",
        sqlite_where=sa.text("way = 'refund'"),
        postgresql_where=sa.text("way = 'refund'"),
    )
    op.drop_index(op.f("ix_refund_organisation_id_claimed_at"), table_name="refund")
    op.drop_index(op.f("ix_refund_organisation_id_charge_id"), table_name="refund")
    op.drop_index(
        "ix_refund_open",
        table_name="refund",
        sqlite_where=sa.text("state IN ('sending','unknown')"),
        postgresql_where=sa.text("state IN ('sending','unknown')"),
    )
    op.drop_table("refund")
    op.drop_index(op.f("ix_reconcile_result_organisation_id_finished_at"), table_name="reconcile_result")
    op.drop_table("reconcile_result")
    op.drop_table("reconcile_day")
    op.drop_index(
        "uq_charging_hold_standing",
        table_name="charging_hold",
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.drop_table("charging_hold")
