"""first tables: who is paid, who pays, links, visits, obligations, charges, ledger, messages

Revision 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "deployment_stamp",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_deployment_stamp")),
        sqlite_strict=True,
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("brand_colour", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("support_email", sa.Text(), nullable=False),
        sa.Column("support_phone", sa.Text(), nullable=False),
        sa.Column("postal_address", sa.Text(), nullable=False),
        sa.Column("is_active", types.Flag(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.CheckConstraint("profile IN ('supervision','receivables','therapy')", name=op.f("ck_organisation_profile")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("host", name=op.f("uq_organisation_host")),
        sa.UniqueConstraint("slug", name=op.f("uq_organisation_slug")),
        sqlite_strict=True,
    )
    op.create_table(
        "alarm",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("facts", types.Plain(), nullable=False),
        sa.Column("raised_at", types.Instant(), nullable=False),
        sa.Column("cleared_at", types.Instant(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_alarm_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_alarm")),
        sa.UniqueConstraint(
            "organisation_id", "kind", "subject_id", name=op.f("uq_alarm_organisation_id_kind_subject_id")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_entry",
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("facts", types.Plain(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_audit_entry_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_audit_entry")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_audit_entry_organisation_id_subject_id_at"),
        "audit_entry",
        ["organisation_id", "subject_id", "at"],
        unique=False,
    )
    op.create_table(
        "customer",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("address_line1", sa.Text(), nullable=True),
        sa.Column("address_line2", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("sms_consent_at", types.Instant(), nullable=True),
        sa.Column("gateway_customer_id", sa.Text(), nullable=True),
        sa.Column("is_active", types.Flag(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("locale IN ('en','es')", name=op.f("ck_customer_locale")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_customer_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_customer")),
        sa.UniqueConstraint("organisation_id", "reference", name=op.f("uq_customer_organisation_id_reference")),
        sqlite_strict=True,
    )
    op.create_table(
        "gateway_account",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("private_key_sealed", sa.Text(), nullable=False),
        sa.Column("merchant_account_id", sa.Text(), nullable=False),
        sa.Column("stopped_at", types.Instant(), nullable=True),
        sa.Column("stopped_reason", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_gateway_account_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_gateway_account")),
        sa.UniqueConstraint("organisation_id", name=op.f("uq_gateway_account_organisation_id")),
        sqlite_strict=True,
    )
    op.create_table(
        "limit_count",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("window_start", types.Instant(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_limit_count_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_limit_count")),
        sa.UniqueConstraint(
            "organisation_id",
            "bucket",
            "key_sha256",
            "window_start",
            name=op.f("uq_limit_count_organisation_id_bucket_key_sha256_window_start"),
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "organisation_setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("value", types.Plain(), nullable=False),
        sa.Column("set_at", types.Instant(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_organisation_setting_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_organisation_setting")),
        sa.UniqueConstraint(
            "organisation_id", "name", "seq", name=op.f("uq_organisation_setting_organisation_id_name_seq")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_organisation_setting_organisation_id_name"),
        "organisation_setting",
        ["organisation_id", "name"],
        unique=False,
    )
    op.create_table(
        "account",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=True),
        sa.Column("balance_cents", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('open','closed','on_hold')", name=op.f("ck_account_status")),
        sa.CheckConstraint("balance_cents >= 0", name=op.f("ck_account_balance")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_account_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_account_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_account")),
        sa.UniqueConstraint("organisation_id", "reference", name=op.f("uq_account_organisation_id_reference")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_account_organisation_id_customer_id"), "account", ["organisation_id", "customer_id"], unique=False
    )
    op.create_table(
        "message",
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("sealed_facts", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", types.Instant(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("channel IN ('email','sms')", name=op.f("ck_message_channel")),
        sa.CheckConstraint("state IN ('queued','sent','failed')", name=op.f("ck_message_state")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_message_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_message_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_message")),
        sa.UniqueConstraint("organisation_id", "dedupe_key", name=op.f("uq_message_organisation_id_dedupe_key")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_message_organisation_id_customer_id_created_at"),
        "message",
        ["organisation_id", "customer_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_message_queued",
        "message",
        ["next_try_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "payment_method",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("expires_month", sa.Integer(), nullable=False),
        sa.Column("expires_year", sa.Integer(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("consent_text", sa.Text(), nullable=False),
        sa.Column("saved_at", types.Instant(), nullable=False),
        sa.Column("removed_at", types.Instant(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('card')", name=op.f("ck_payment_method_kind")),
        sa.CheckConstraint("length(last4) = 4", name=op.f("ck_payment_method_last4")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_payment_method_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_payment_method_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_payment_method")),
        sa.UniqueConstraint("organisation_id", "token", name=op.f("uq_payment_method_organisation_id_token")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_payment_method_organisation_id_customer_id"),
        "payment_method",
        ["organisation_id", "customer_id"],
        unique=False,
    )
    op.create_table(
        "agreement",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("visit_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_sha256", sa.Text(), nullable=False),
        sa.Column("accepted_at", types.Instant(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_agreement_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_agreement_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_agreement_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_agreement")),
        sqlite_strict=True,
    )
    op.create_table(
        "contact_change_request",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("visit_id", sa.Text(), nullable=True),
        sa.Column("changes", types.Plain(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('open','done','refused')", name=op.f("ck_contact_change_request_status")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_contact_change_request_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_contact_change_request_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_contact_change_request_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_contact_change_request")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_contact_change_request_organisation_id_status_made_at"),
        "contact_change_request",
        ["organisation_id", "status", "made_at"],
        unique=False,
    )
    op.create_table(
        "offer",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("basis_points", sa.Integer(), nullable=True),
        sa.Column("valid_until", types.Instant(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("(kind = 'amount') = (amount_cents IS NOT NULL)", name=op.f("ck_offer_amount")),
        sa.CheckConstraint("(kind = 'percent') = (basis_points IS NOT NULL)", name=op.f("ck_offer_percent")),
        sa.CheckConstraint("kind IN ('amount','percent')", name=op.f("ck_offer_kind")),
        sa.CheckConstraint("status IN ('open','taken','withdrawn')", name=op.f("ck_offer_status")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_offer_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_offer_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_offer")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_offer_organisation_id_account_id"), "offer", ["organisation_id", "account_id"], unique=False
    )
    op.create_table(
        "payment_link",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("purpose IN ('pay','card')", name=op.f("ck_payment_link_purpose")),
        sa.CheckConstraint("status IN ('active','revoked')", name=op.f("ck_payment_link_status")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_payment_link_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_payment_link_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_payment_link_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_payment_link")),
        sa.UniqueConstraint(
            "organisation_id", "token_sha256", name=op.f("uq_payment_link_organisation_id_token_sha256")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_payment_link_organisation_id_account_id"),
        "payment_link",
        ["organisation_id", "account_id"],
        unique=False,
    )
    op.create_table(
        "obligation",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("forgiven_cents", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=True),
        sa.Column("agreement_id", sa.Text(), nullable=True),
        sa.Column("payment_method_id", sa.Text(), nullable=True),
        sa.Column("card_nonce", sa.Text(), nullable=True),
        sa.Column("card_brand", sa.Text(), nullable=True),
        sa.Column("card_last4", sa.Text(), nullable=True),
        sa.Column("keep_card_consent", sa.Text(), nullable=True),
        sa.Column("refused_code", sa.Text(), nullable=True),
        sa.Column("due_at", types.Instant(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('checkout','scheduled')", name=op.f("ck_obligation_kind")),
        sa.CheckConstraint(
            "status IN ('due','charging','paid','declined','cancelled','review')", name=op.f("ck_obligation_status")
        ),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_obligation_amount")),
        sa.CheckConstraint("forgiven_cents >= 0", name=op.f("ck_obligation_forgiven")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_obligation_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "agreement_id"],
            ["agreement.organisation_id", "agreement.id"],
            name=op.f("fk_obligation_organisation_id_agreement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_obligation_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "offer_id"],
            ["offer.organisation_id", "offer.id"],
            name=op.f("fk_obligation_organisation_id_offer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "payment_method_id"],
            ["payment_method.organisation_id", "payment_method.id"],
            name=op.f("fk_obligation_organisation_id_payment_method_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_obligation_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_obligation")),
        sa.UniqueConstraint(
            "organisation_id", "subject_id", "seq", name=op.f("uq_obligation_organisation_id_subject_id_seq")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_obligation_due",
        "obligation",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'due'"),
        postgresql_where=sa.text("status = 'due'"),
    )
    op.create_index(
        op.f("ix_obligation_organisation_id_account_id"), "obligation", ["organisation_id", "account_id"], unique=False
    )
    op.create_index(
        "uq_obligation_live_checkout",
        "obligation",
        ["organisation_id", "subject_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'checkout' AND status IN ('due','charging','paid','review')"),
        postgresql_where=sa.text("kind = 'checkout' AND status IN ('due','charging','paid','review')"),
    )
    op.create_table(
        "charge",
        sa.Column("obligation_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("is_keyed", types.Flag(), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("held_cents", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("payment_method_id", sa.Text(), nullable=True),
        sa.Column("card_brand", sa.Text(), nullable=True),
        sa.Column("card_last4", sa.Text(), nullable=True),
        sa.Column("lease_until", types.Instant(), nullable=False),
        sa.Column("send_deadline", types.Instant(), nullable=False),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column("next_try_at", types.Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("burned_at", types.Instant(), nullable=True),
        sa.Column("used_at", types.Instant(), nullable=True),
        sa.Column("gateway_id", sa.Text(), nullable=True),
        sa.Column("gateway_status", sa.Text(), nullable=True),
        sa.Column("processor_code", sa.Text(), nullable=True),
        sa.Column("processor_type", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("claimed_at", types.Instant(), nullable=False),
        sa.Column("resolved_at", types.Instant(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('sending','succeeded','declined','not_sent','unknown','never_received','review')",
            name=op.f("ck_charge_state"),
        ),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_charge_amount")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_charge_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_charge_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "obligation_id"],
            ["obligation.organisation_id", "obligation.id"],
            name=op.f("fk_charge_organisation_id_obligation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "payment_method_id"],
            ["payment_method.organisation_id", "payment_method.id"],
            name=op.f("fk_charge_organisation_id_payment_method_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_charge_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_charge")),
        sa.UniqueConstraint("organisation_id", "gateway_id", name=op.f("uq_charge_organisation_id_gateway_id")),
        sa.UniqueConstraint(
            "organisation_id", "obligation_id", "n", name=op.f("uq_charge_organisation_id_obligation_id_n")
        ),
        sa.UniqueConstraint("organisation_id", "order_id", name=op.f("uq_charge_organisation_id_order_id")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_charge_open",
        "charge",
        ["next_try_at", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('sending','unknown')"),
        postgresql_where=sa.text("state IN ('sending','unknown')"),
    )
    op.create_index(
        op.f("ix_charge_organisation_id_account_id_state"),
        "charge",
        ["organisation_id", "account_id", "state"],
        unique=False,
    )
    op.create_index(
        "uq_charge_live",
        "charge",
        ["organisation_id", "obligation_id"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('declined','never_received','not_sent')"),
        postgresql_where=sa.text("state NOT IN ('declined','never_received','not_sent')"),
    )
    op.create_table(
        "visit",
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("contact_seen_at", types.Instant(), nullable=True),
        sa.Column("offer_id", sa.Text(), nullable=True),
        sa.Column("offer_skipped_at", types.Instant(), nullable=True),
        sa.Column("amount_choice", sa.Text(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("payment_method_id", sa.Text(), nullable=True),
        sa.Column("method_proven_at", types.Instant(), nullable=True),
        sa.Column("card_nonce", sa.Text(), nullable=True),
        sa.Column("card_brand", sa.Text(), nullable=True),
        sa.Column("card_last4", sa.Text(), nullable=True),
        sa.Column("card_entered_at", types.Instant(), nullable=True),
        sa.Column("save_card", types.Flag(), nullable=False),
        sa.Column("quote_version", sa.Text(), nullable=True),
        sa.Column("confirmed_at", types.Instant(), nullable=True),
        sa.Column("agreement_id", sa.Text(), nullable=True),
        sa.Column("obligation_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_choice IN ('whole','minimum','other','offer')", name=op.f("ck_visit_amount_choice")),
        sa.CheckConstraint("method IN ('new_card','card_on_file')", name=op.f("ck_visit_method")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_visit_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "agreement_id"],
            ["agreement.organisation_id", "agreement.id"],
            name=op.f("fk_visit_organisation_id_agreement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_visit_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "link_id"],
            ["payment_link.organisation_id", "payment_link.id"],
            name=op.f("fk_visit_organisation_id_link_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "obligation_id"],
            ["obligation.organisation_id", "obligation.id"],
            name=op.f("fk_visit_organisation_id_obligation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "offer_id"],
            ["offer.organisation_id", "offer.id"],
            name=op.f("fk_visit_organisation_id_offer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "payment_method_id"],
            ["payment_method.organisation_id", "payment_method.id"],
            name=op.f("fk_visit_organisation_id_payment_method_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_visit_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_visit")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_visit_organisation_id_account_id"), "visit", ["organisation_id", "account_id"], unique=False
    )
    op.create_index(
        op.f("ix_visit_organisation_id_link_id_opened_at"),
        "visit",
        ["organisation_id", "link_id", "opened_at"],
        unique=False,
    )
    op.create_table(
        "gateway_fact",
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("facts", types.Plain(), nullable=False),
        sa.Column("heard_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "charge_id"],
            ["charge.organisation_id", "charge.id"],
            name=op.f("fk_gateway_fact_organisation_id_charge_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_gateway_fact_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_gateway_fact")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_gateway_fact_organisation_id_charge_id"),
        "gateway_fact",
        ["organisation_id", "charge_id"],
        unique=False,
    )
    op.create_table(
        "ledger_entry",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=True),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("debit_book", sa.Text(), nullable=False),
        sa.Column("credit_book", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("posted_at", types.Instant(), nullable=False),
        sa.Column("posted_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_ledger_entry_amount")),
        sa.CheckConstraint("debit_book <> credit_book", name=op.f("ck_ledger_entry_books")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_ledger_entry_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "charge_id"],
            ["charge.organisation_id", "charge.id"],
            name=op.f("fk_ledger_entry_organisation_id_charge_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_ledger_entry_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("organisation_id", "event_key", name=op.f("uq_ledger_entry_organisation_id_event_key")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_ledger_entry_organisation_id_account_id"),
        "ledger_entry",
        ["organisation_id", "account_id"],
        unique=False,
    )
    op.create_table(
        "receipt",
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("facts", types.Plain(), nullable=False),
        sa.Column("issued_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"],
            ["account.organisation_id", "account.id"],
            name=op.f("fk_receipt_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "charge_id"],
            ["charge.organisation_id", "charge.id"],
            name=op.f("fk_receipt_organisation_id_charge_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_receipt_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_receipt_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("organisation_id", "charge_id", name=op.f("uq_receipt_organisation_id_charge_id")),
        sa.UniqueConstraint("organisation_id", "number", name=op.f("uq_receipt_organisation_id_number")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_table("receipt")
    op.drop_index(op.f("ix_ledger_entry_organisation_id_account_id"), table_name="ledger_entry")
    op.drop_table("ledger_entry")
    op.drop_index(op.f("ix_gateway_fact_organisation_id_charge_id"), table_name="gateway_fact")
    op.drop_table("gateway_fact")
    op.drop_index(op.f("ix_visit_organisation_id_link_id_opened_at"), table_name="visit")
    op.drop_index(op.f("ix_visit_organisation_id_account_id"), table_name="visit")
    op.drop_table("visit")
    op.drop_index(
        "uq_charge_live",
        table_name="charge",
        sqlite_where=sa.text("state NOT IN ('declined','never_received','not_sent')"),
        postgresql_where=sa.text("state NOT IN ('declined','never_received','not_sent')"),
    )
    op.drop_index(op.f("ix_charge_organisation_id_account_id_state"), table_name="charge")
    op.drop_index(
        "ix_charge_open",
        table_name="charge",
        sqlite_where=sa.text("state IN ('sending','unknown')"),
        postgresql_where=sa.text("state IN ('sending','unknown')"),
    )
    op.drop_table("charge")
    op.drop_index(
        "uq_obligation_live_checkout",
        table_name="obligation",
        sqlite_where=sa.text("kind = 'checkout' AND status IN ('due','charging','paid','review')"),
        postgresql_where=sa.text("kind = 'checkout' AND status IN ('due','charging','paid','review')"),
    )
    op.drop_index(op.f("ix_obligation_organisation_id_account_id"), table_name="obligation")
    op.drop_index(
        "ix_obligation_due",
        table_name="obligation",
        sqlite_where=sa.text("status = 'due'"),
        postgresql_where=sa.text("status = 'due'"),
    )
    op.drop_table("obligation")
    op.drop_index(op.f("ix_payment_link_organisation_id_account_id"), table_name="payment_link")
    op.drop_table("payment_link")
    op.drop_index(op.f("ix_offer_organisation_id_account_id"), table_name="offer")
    op.drop_table("offer")
    op.drop_index(op.f("ix_contact_change_request_organisation_id_status_made_at"), table_name="contact_change_request")
    op.drop_table("contact_change_request")
    op.drop_table("agreement")
    op.drop_index(op.f("ix_payment_method_organisation_id_customer_id"), table_name="payment_method")
    op.drop_table("payment_method")
    op.drop_index(
        "ix_message_queued",
        table_name="message",
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.drop_index(op.f("ix_message_organisation_id_customer_id_created_at"), table_name="message")
    op.drop_table("message")
    op.drop_index(op.f("ix_account_organisation_id_customer_id"), table_name="account")
    op.drop_table("account")
    op.drop_index(op.f("ix_organisation_setting_organisation_id_name"), table_name="organisation_setting")
    op.drop_table("organisation_setting")
    op.drop_table("limit_count")
    op.drop_table("gateway_account")
    op.drop_table("customer")
    op.drop_index(op.f("ix_audit_entry_organisation_id_subject_id_at"), table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_table("alarm")
    op.drop_table("organisation")
    op.drop_table("deployment_stamp")
