"""payment plans, the walk to a signature under one, and its evidence; signature, consent and papers are append only

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APPEND_ONLY = ("plan_signature", "record_consent", "plan_paper")
OFFERED = sa.text("state = 'offered'")
UNDER_SIGNATURE = sa.text("state IN ('signed','paused')")


def tenant(table: str, **references: str) -> tuple[sa.Constraint, ...]:
    """Key and references of a row of one organisation, as `portal.storage.rows.tenant_args` makes them."""
    return (
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f(f"fk_{table}_organisation_id")),
        *(
            sa.ForeignKeyConstraint(
                ["organisation_id", column],
                [f"{other}.organisation_id", f"{other}.id"],
                name=op.f(f"fk_{table}_organisation_id_{column}"),
            )
            for column, other in references.items()
        ),
    )


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "plan_preset",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settlement_basis_points", sa.Integer(), nullable=True),
        sa.Column("down_basis_points", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("first_in_days", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("offer_days", sa.Integer(), nullable=False),
        sa.Column("set_at", types.Instant(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("channels IN ('email','sms','both')", name=op.f("ck_plan_preset_channels")),
        sa.CheckConstraint("down_basis_points BETWEEN 0 AND 9999", name=op.f("ck_plan_preset_down")),
        sa.CheckConstraint("number > 0 AND offer_days > 0 AND first_in_days >= 0", name=op.f("ck_plan_preset_numbers")),
        sa.CheckConstraint("settlement_basis_points BETWEEN 1 AND 9999", name=op.f("ck_plan_preset_settlement")),
        sa.UniqueConstraint("organisation_id", "name", name=op.f("uq_plan_preset_organisation_id_name")),
        *tenant("plan_preset"),
        sqlite_strict=True,
    )
    op.create_table(
        "plan",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("replaces_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("balance_cents", types.WholeCents(), nullable=False),
        sa.Column("total_cents", types.WholeCents(), nullable=False),
        sa.Column("down_cents", types.WholeCents(), nullable=False),
        sa.Column("instalments", types.Plain(), nullable=False),
        sa.Column("wish", types.Plain(), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("offer_days", sa.Integer(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("offered_at", types.Instant(), nullable=True),
        sa.Column("expires_at", types.Instant(), nullable=True),
        sa.Column("signed_at", types.Instant(), nullable=True),
        sa.Column("schedule_id", sa.Text(), nullable=True),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("paused_for", sa.Text(), nullable=True),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'paused') = (paused_for IS NOT NULL)", name=op.f("ck_plan_paused")),
        sa.CheckConstraint("channels IN ('email','sms','both')", name=op.f("ck_plan_channels")),
        sa.CheckConstraint("kind IN ('total','settlement')", name=op.f("ck_plan_kind")),
        sa.CheckConstraint("paused_for IN ('staff','change')", name=op.f("ck_plan_paused_for")),
        sa.CheckConstraint(
            "state IN ('draft','offered','signed','paused','completed','broken','cancelled','expired','superseded')",
            name=op.f("ck_plan_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('draft','offered','expired') OR schedule_id IS NULL", name=op.f("ck_plan_before_signature")
        ),
        sa.CheckConstraint(
            "state NOT IN ('signed','paused','completed','broken') OR schedule_id IS NOT NULL",
            name=op.f("ck_plan_under_signature"),
        ),
        sa.CheckConstraint("(schedule_id IS NULL) = (signed_at IS NULL)", name=op.f("ck_plan_signed_with_schedule")),
        sa.CheckConstraint("total_cents <= balance_cents", name=op.f("ck_plan_balance")),
        sa.CheckConstraint(
            "total_cents > 0 AND down_cents >= 0 AND down_cents < total_cents", name=op.f("ck_plan_cents")
        ),
        sa.UniqueConstraint(
            "organisation_id", "reference", "edition", name=op.f("uq_plan_organisation_id_reference_edition")
        ),
        sa.UniqueConstraint("organisation_id", "schedule_id", name=op.f("uq_plan_organisation_id_schedule_id")),
        *tenant("plan", account_id="account", customer_id="customer", replaces_id="plan", schedule_id="schedule"),
        sqlite_strict=True,
    )
    op.create_index("ix_plan_expires", "plan", ["expires_at", "id"], sqlite_where=OFFERED, postgresql_where=OFFERED)
    op.create_index(op.f("ix_plan_organisation_id_customer_id"), "plan", ["organisation_id", "customer_id"])
    op.create_index(
        "uq_plan_offered",
        "plan",
        ["organisation_id", "account_id"],
        unique=True,
        sqlite_where=OFFERED,
        postgresql_where=OFFERED,
    )
    op.create_index(
        "uq_plan_under_signature",
        "plan",
        ["organisation_id", "account_id"],
        unique=True,
        sqlite_where=UNDER_SIGNATURE,
        postgresql_where=UNDER_SIGNATURE,
    )
    op.create_table(
        "plan_link",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.UniqueConstraint("organisation_id", "token_sha256", name=op.f("uq_plan_link_organisation_id_token_sha256")),
        *tenant("plan_link", customer_id="customer", plan_id="plan"),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_plan_link_organisation_id_plan_id"), "plan_link", ["organisation_id", "plan_id"])
    op.create_table(
        "plan_paper",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("kept_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('agreement','schedule','completion')", name=op.f("ck_plan_paper_kind")),
        sa.UniqueConstraint(
            "organisation_id", "plan_id", "kind", name=op.f("uq_plan_paper_organisation_id_plan_id_kind")
        ),
        *tenant("plan_paper", plan_id="plan"),
        sqlite_strict=True,
    )
    op.create_table(
        "signing",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("identity_method", sa.Text(), nullable=True),
        sa.Column("identity_proven_at", types.Instant(), nullable=True),
        sa.Column("started_at", types.Instant(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("payment_method_id", sa.Text(), nullable=True),
        sa.Column("method_proven_at", types.Instant(), nullable=True),
        sa.Column("card_nonce", sa.Text(), nullable=True),
        sa.Column("card_brand", sa.Text(), nullable=True),
        sa.Column("card_last4", sa.Text(), nullable=True),
        sa.Column("card_expires_month", sa.Integer(), nullable=True),
        sa.Column("card_expires_year", sa.Integer(), nullable=True),
        sa.Column("card_entered_at", types.Instant(), nullable=True),
        sa.Column("opened_sha256", sa.Text(), nullable=True),
        sa.Column("document_opened_at", types.Instant(), nullable=True),
        sa.Column("consented_sha256", sa.Text(), nullable=True),
        sa.Column("consented_at", types.Instant(), nullable=True),
        sa.Column("terms_sha256", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("identity_method IN ('zip','phone')", name=op.f("ck_signing_identity_method")),
        sa.CheckConstraint("locale IN ('en','es')", name=op.f("ck_signing_locale")),
        sa.CheckConstraint("method IN ('new_card','card_on_file')", name=op.f("ck_signing_method")),
        *tenant(
            "signing", customer_id="customer", link_id="plan_link", payment_method_id="payment_method", plan_id="plan"
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_signing_organisation_id_plan_id"), "signing", ["organisation_id", "plan_id"])
    op.create_table(
        "record_consent",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("signing_id", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_sha256", sa.Text(), nullable=False),
        sa.Column("document_opened_at", types.Instant(), nullable=True),
        sa.Column("said_at", types.Instant(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("said IN ('given','withdrawn')", name=op.f("ck_record_consent_said")),
        *tenant("record_consent", customer_id="customer", signing_id="signing"),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_record_consent_organisation_id_customer_id_said_at"),
        "record_consent",
        ["organisation_id", "customer_id", "said_at"],
    )
    op.create_table(
        "plan_signature",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("signing_id", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("consent_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("typed_name", sa.Text(), nullable=True),
        sa.Column("image", sa.LargeBinary(), nullable=True),
        sa.Column("facts", types.Plain(), nullable=False),
        sa.Column("agreement_pdf_sha256", sa.Text(), nullable=False),
        sa.Column("schedule_pdf_sha256", sa.Text(), nullable=False),
        sa.Column("signed_at", types.Instant(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("(way = 'drawn') = (image IS NOT NULL)", name=op.f("ck_plan_signature_drawn")),
        sa.CheckConstraint("(way = 'typed') = (typed_name IS NOT NULL)", name=op.f("ck_plan_signature_typed")),
        sa.CheckConstraint("way IN ('typed','drawn','pressed')", name=op.f("ck_plan_signature_way")),
        sa.UniqueConstraint("organisation_id", "plan_id", name=op.f("uq_plan_signature_organisation_id_plan_id")),
        *tenant(
            "plan_signature",
            agreement_id="agreement",
            consent_id="record_consent",
            customer_id="customer",
            plan_id="plan",
            signing_id="signing",
        ),
        sqlite_strict=True,
    )
    _protect()


def downgrade() -> None:
    """Takes it back."""
    for table in ("plan_signature", "record_consent", "plan_paper", "signing", "plan_link", "plan", "plan_preset"):
        op.drop_table(table)


def _protect() -> None:
    """Triggers that refuse UPDATE and DELETE; on PostgreSQL TRUNCATE as well. A dropped table takes its own along."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for table in APPEND_ONLY:
        if is_postgres:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
            )
