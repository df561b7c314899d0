"""AutoPay: standing authorizations of customers, and each payment that was announced or asked about under one

Revision 0027, after 0026.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

ON = sa.text("status = 'on'")


def upgrade() -> None:
    """Brings the schema forward. Nobody has it on."""
    op.create_table(
        "autopay",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("payment_method_id", sa.Text(), nullable=False),
        sa.Column("limit_cents", types.Cents, nullable=False),
        sa.Column("notice_days", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("covers_from", types.Instant(), nullable=False),
        sa.Column("next_look_at", types.Instant(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('on','off')", name=op.f("ck_autopay_status")),
        sa.CheckConstraint("(status = 'on') = (ended_at IS NULL)", name=op.f("ck_autopay_ended")),
        sa.CheckConstraint("limit_cents > 0", name=op.f("ck_autopay_limit")),
        sa.CheckConstraint("notice_days > 0", name=op.f("ck_autopay_notice")),
        sa.CheckConstraint("locale IN ('en','es')", name=op.f("ck_autopay_locale")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_autopay_organisation_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_autopay_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "agreement_id"],
            ["agreement.organisation_id", "agreement.id"],
            name=op.f("fk_autopay_organisation_id_agreement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_autopay_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "payment_method_id"],
            ["payment_method.organisation_id", "payment_method.id"],
            name=op.f("fk_autopay_organisation_id_payment_method_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_autopay")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_autopay_on",
        "autopay",
        ["organisation_id", "account_id"],
        unique=True,
        sqlite_where=ON,
        postgresql_where=ON,
    )
    op.create_index("ix_autopay_look", "autopay", ["next_look_at", "id"], sqlite_where=ON, postgresql_where=ON)
    op.create_index(op.f("ix_autopay_organisation_id_customer_id"), "autopay", ["organisation_id", "customer_id"])
    op.create_table(
        "autopay_payment",
        sa.Column("autopay_id", sa.Text(), nullable=False),
        sa.Column("schedule_id", sa.Text(), nullable=True),
        sa.Column("amount_cents", types.Cents, nullable=False),
        sa.Column("services", types.Plain(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_autopay_payment_amount")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_autopay_payment_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "autopay_id"],
            ["autopay.organisation_id", "autopay.id"],
            name=op.f("fk_autopay_payment_organisation_id_autopay_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "schedule_id"],
            ["schedule.organisation_id", "schedule.id"],
            name=op.f("fk_autopay_payment_organisation_id_schedule_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_autopay_payment")),
        sa.UniqueConstraint(
            "organisation_id", "schedule_id", name=op.f("uq_autopay_payment_organisation_id_schedule_id")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_autopay_payment_organisation_id_autopay_id_made_at"),
        "autopay_payment",
        ["organisation_id", "autopay_id", "made_at"],
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_table("autopay_payment")
    op.drop_table("autopay")
