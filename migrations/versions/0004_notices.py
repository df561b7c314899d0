"""notices from the gateway, disputes, and sales the gateway made by itself after a decline

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "notice",
        sa.Column("payload_sha256", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=True),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column("received_at", types.Instant(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", types.Instant(), nullable=False),
        sa.Column("handled_at", types.Instant(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('waiting','handled','set_aside')", name=op.f("ck_notice_state")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_notice_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_notice")),
        sa.UniqueConstraint("organisation_id", "payload_sha256", name=op.f("uq_notice_organisation_id_payload_sha256")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_notice_organisation_id_gateway_id"), "notice", ["organisation_id", "gateway_id"], unique=False
    )
    op.create_index(
        "ix_notice_waiting",
        "notice",
        ["next_try_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "dispute",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("case_number", sa.Text(), nullable=False),
        sa.Column("amount_cents", types.Cents, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("opened_on", types.Day(), nullable=True),
        sa.Column("reply_by_on", types.Day(), nullable=True),
        sa.Column("held_cents", types.Cents, nullable=False),
        sa.Column("lost_cents", types.Cents, nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("heard_at", types.Instant(), nullable=False),
        sa.Column("next_look_at", types.Instant(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "amount_cents >= 0 AND held_cents >= 0 AND lost_cents >= 0", name=op.f("ck_dispute_amounts")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_dispute_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "charge_id"],
            ["charge.organisation_id", "charge.id"],
            name=op.f("fk_dispute_organisation_id_charge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_dispute_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_dispute_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_dispute")),
        sa.UniqueConstraint("organisation_id", "gateway_id", name=op.f("uq_dispute_organisation_id_gateway_id")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_dispute_organisation_id_account_id"), "dispute", ["organisation_id", "account_id"], unique=False
    )
    op.create_index(
        op.f("ix_dispute_organisation_id_charge_id"), "dispute", ["organisation_id", "charge_id"], unique=False
    )
    op.create_index(
        "ix_dispute_undecided",
        "dispute",
        ["next_look_at", "id"],
        unique=False,
        sqlite_where=sa.text("status IN ('open','disputed','under_review')"),
        postgresql_where=sa.text("status IN ('open','disputed','under_review')"),
    )
    op.create_table(
        "gateway_retry",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("adopted_charge_id", sa.Text(), nullable=True),
        sa.Column("amount_cents", types.Cents, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("became", sa.Text(), nullable=False),
        sa.Column("heard_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "adopted_charge_id"],
            ["charge.organisation_id", "charge.id"],
            name=op.f("fk_gateway_retry_organisation_id_adopted_charge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "charge_id"],
            ["charge.organisation_id", "charge.id"],
            name=op.f("fk_gateway_retry_organisation_id_charge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_gateway_retry_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_gateway_retry")),
        sa.UniqueConstraint("organisation_id", "gateway_id", name=op.f("uq_gateway_retry_organisation_id_gateway_id")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_gateway_retry_organisation_id_charge_id"),
        "gateway_retry",
        ["organisation_id", "charge_id"],
        unique=False,
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_index(op.f("ix_gateway_retry_organisation_id_charge_id"), table_name="gateway_retry")
    op.drop_table("gateway_retry")
    op.drop_index(
        "ix_dispute_undecided",
        table_name="dispute",
        sqlite_where=sa.text("status IN ('open','disputed','under_review')"),
        postgresql_where=sa.text("status IN ('open','disputed','under_review')"),
    )
    op.drop_index(op.f("ix_dispute_organisation_id_charge_id"), table_name="dispute")
    op.drop_index(op.f("ix_dispute_organisation_id_account_id"), table_name="dispute")
    op.drop_table("dispute")
    op.drop_index(
        "ix_notice_waiting",
        table_name="notice",
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.drop_index(op.f("ix_notice_organisation_id_gateway_id"), table_name="notice")
    op.drop_table("notice")
