"""the organisation's account with the SMS carrier, and texts that people send

Revision 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "sms_account",
        sa.Column("account_sid", sa.Text(), nullable=False),
        sa.Column("auth_token_sealed", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("set_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_sms_account_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_sms_account")),
        sa.UniqueConstraint("organisation_id", name=op.f("uq_sms_account_organisation_id")),
        sqlite_strict=True,
    )
    op.create_table(
        "inbound_text",
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.Column("heard_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "meaning IN ('stop','stop_all','start','help','other')", name=op.f("ck_inbound_text_meaning")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_inbound_text_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_inbound_text_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_inbound_text")),
        sa.UniqueConstraint("organisation_id", "provider_id", name=op.f("uq_inbound_text_organisation_id_provider_id")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_inbound_text_organisation_id_sender_heard_at"),
        "inbound_text",
        ["organisation_id", "sender", "heard_at"],
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER inbound_text_append_only BEFORE UPDATE OR DELETE ON inbound_text "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER inbound_text_no_truncate BEFORE TRUNCATE ON inbound_text "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER inbound_text_no_{verb.lower()} BEFORE {verb} ON inbound_text "
                "BEGIN SELECT RAISE(ABORT, 'inbound_text is append only'); END"
            )


def downgrade() -> None:
    """Takes it back; the triggers go with their table."""
    op.drop_table("inbound_text")
    op.drop_table("sms_account")
