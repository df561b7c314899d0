"""services, providers, patients, and what payments are for

Revision 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

APPEND_ONLY = ("service_detail", "service_entry", "service_share")


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "provider",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credentials", sa.Text(), nullable=False),
        sa.Column("licence_number", sa.Text(), nullable=False),
        sa.Column("licence_state", sa.Text(), nullable=False),
        sa.Column("npi", sa.Text(), nullable=False),
        sa.Column("signature_line", sa.Text(), nullable=False),
        sa.Column("is_active", types.Flag(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_provider_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_provider")),
        sa.UniqueConstraint("organisation_id", "reference", name=op.f("uq_provider_organisation_id_reference")),
        sqlite_strict=True,
    )
    op.create_table(
        "patient",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("born_on", types.Day(), nullable=True),
        sa.Column("address_line1", sa.Text(), nullable=True),
        sa.Column("address_line2", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_patient_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_patient_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_patient")),
        sa.UniqueConstraint("organisation_id", "reference", name=op.f("uq_patient_organisation_id_reference")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_patient_organisation_id_customer_id"), "patient", ["organisation_id", "customer_id"], unique=False
    )
    op.create_table(
        "diagnosis",
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("noted_at", types.Instant(), nullable=False),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "patient_id"],
            ["patient.organisation_id", "patient.id"],
            name=op.f("fk_diagnosis_organisation_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_diagnosis_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_diagnosis")),
        sa.UniqueConstraint(
            "organisation_id", "patient_id", "code", name=op.f("uq_diagnosis_organisation_id_patient_id_code")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "service",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("balance_cents", types.Cents, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("balance_cents >= 0", name=op.f("ck_service_balance")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_service_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "patient_id"],
            ["patient.organisation_id", "patient.id"],
            name=op.f("fk_service_organisation_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_service_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_service")),
        sa.UniqueConstraint("organisation_id", "reference", name=op.f("uq_service_organisation_id_reference")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_service_organisation_id_account_id"), "service", ["organisation_id", "account_id"], unique=False
    )
    op.create_index(
        "ix_service_unpaid",
        "service",
        ["organisation_id", "account_id"],
        unique=False,
        sqlite_where=sa.text("balance_cents > 0"),
        postgresql_where=sa.text("balance_cents > 0"),
    )
    op.create_table(
        "service_detail",
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("performed_on", types.Day(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("modifiers", types.Plain(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("place_of_service", sa.Text(), nullable=False),
        sa.Column("diagnoses", types.Plain(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("noted_at", types.Instant(), nullable=False),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("units > 0", name=op.f("ck_service_detail_units")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "provider_id"],
            ["provider.organisation_id", "provider.id"],
            name=op.f("fk_service_detail_organisation_id_provider_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "service_id"],
            ["service.organisation_id", "service.id"],
            name=op.f("fk_service_detail_organisation_id_service_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_service_detail_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_service_detail")),
        sa.UniqueConstraint(
            "organisation_id", "service_id", "seq", name=op.f("uq_service_detail_organisation_id_service_id_seq")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "service_entry",
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("change_cents", types.Cents, nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=True),
        sa.Column("posted_at", types.Instant(), nullable=False),
        sa.Column("posted_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('fee','insurance','adjustment','payment','returned')", name=op.f("ck_service_entry_kind")
        ),
        sa.CheckConstraint("change_cents <> 0", name=op.f("ck_service_entry_change")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_service_entry_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "charge_id"],
            ["charge.organisation_id", "charge.id"],
            name=op.f("fk_service_entry_organisation_id_charge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "service_id"],
            ["service.organisation_id", "service.id"],
            name=op.f("fk_service_entry_organisation_id_service_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_service_entry_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_service_entry")),
        sa.UniqueConstraint(
            "organisation_id",
            "service_id",
            "event_key",
            "kind",
            name=op.f("uq_service_entry_organisation_id_service_id_event_key_kind"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_service_entry_organisation_id_charge_id"),
        "service_entry",
        ["organisation_id", "charge_id"],
        unique=False,
    )
    op.create_table(
        "service_share",
        sa.Column("obligation_id", sa.Text(), nullable=True),
        sa.Column("refund_id", sa.Text(), nullable=True),
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("amount_cents", types.Cents, nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("(obligation_id IS NULL) <> (refund_id IS NULL)", name=op.f("ck_service_share_one_cause")),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_service_share_amount")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "obligation_id"],
            ["obligation.organisation_id", "obligation.id"],
            name=op.f("fk_service_share_organisation_id_obligation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "refund_id"],
            ["refund.organisation_id", "refund.id"],
            name=op.f("fk_service_share_organisation_id_refund_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "service_id"],
            ["service.organisation_id", "service.id"],
            name=op.f("fk_service_share_organisation_id_service_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_service_share_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_service_share")),
        sa.UniqueConstraint(
            "organisation_id",
            "obligation_id",
            "service_id",
            name=op.f("uq_service_share_organisation_id_obligation_id_service_id"),
        ),
        sa.UniqueConstraint(
            "organisation_id",
            "refund_id",
            "service_id",
            name=op.f("uq_service_share_organisation_id_refund_id_service_id"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_service_share_organisation_id_service_id"),
        "service_share",
        ["organisation_id", "service_id"],
        unique=False,
    )
    for table in APPEND_ONLY:
        _make_append_only(table)


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
    op.drop_index(op.f("ix_service_share_organisation_id_service_id"), table_name="service_share")
    op.drop_table("service_share")
    op.drop_index(op.f("ix_service_entry_organisation_id_charge_id"), table_name="service_entry")
    op.drop_table("service_entry")
    op.drop_table("service_detail")
    op.drop_index(
        "ix_service_unpaid",
        table_name="service",
        sqlite_where=sa.text("balance_cents > 0"),
        postgresql_where=sa.text("balance_cents > 0"),
    )
    op.drop_index(op.f("ix_service_organisation_id_account_id"), table_name="service")
    op.drop_table("service")
    op.drop_table("diagnosis")
    op.drop_index(op.f("ix_patient_organisation_id_customer_id"), table_name="patient")
    op.drop_table("patient")
    op.drop_table("provider")
