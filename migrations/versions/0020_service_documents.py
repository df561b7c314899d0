"""invoices and superbills as they were issued, their numbers, and check codes on them

Revision 0020, after 0019.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BEFORE = "'receipt','agreement','message'"
AFTER = "'receipt','agreement','message','invoice','superbill'"


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "document_counter",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("last_seq > 0", name=op.f("ck_document_counter_last_seq")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_document_counter_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_document_counter")),
        sa.UniqueConstraint("organisation_id", "kind", name=op.f("uq_document_counter_organisation_id_kind")),
        sqlite_strict=True,
    )
    op.create_table(
        "service_document",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("services", types.Plain(), nullable=False),
        sa.Column("services_sha256", sa.Text(), nullable=False),
        sa.Column("replaces_id", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("facts", types.Plain(), nullable=False),
        sa.Column("facts_sha256", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("issued_at", types.Instant(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('invoice','superbill')", name=op.f("ck_service_document_kind")),
        sa.CheckConstraint("locale IN ('en','es')", name=op.f("ck_service_document_locale")),
        sa.CheckConstraint("seq > 0", name=op.f("ck_service_document_seq")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "account_id"], ["account.organisation_id", "account.id"],
            name=op.f("fk_service_document_organisation_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"], ["customer.organisation_id", "customer.id"],
            name=op.f("fk_service_document_organisation_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "replaces_id"], ["service_document.organisation_id", "service_document.id"],
            name=op.f("fk_service_document_organisation_id_replaces_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_service_document_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_service_document")),
        sa.UniqueConstraint(
            "organisation_id", "kind", "seq", name=op.f("uq_service_document_organisation_id_kind_seq")
        ),
        sa.UniqueConstraint("organisation_id", "number", name=op.f("uq_service_document_organisation_id_number")),
        sa.UniqueConstraint(
            "organisation_id", "replaces_id", name=op.f("uq_service_document_organisation_id_replaces_id")
        ),
        sqlite_strict=True,
    )  # fmt: skip
    op.create_index(
        op.f("ix_service_document_organisation_id_customer_id_issued_at"), "service_document",
        ["organisation_id", "customer_id", "issued_at"],
    )  # fmt: skip
    op.create_index(
        op.f("ix_service_document_organisation_id_services_sha256"), "service_document",
        ["organisation_id", "services_sha256"],
    )  # fmt: skip
    _append_only("service_document")
    _check_codes(BEFORE, AFTER)


def downgrade() -> None:
    """Takes it back, with the codes that stood on the documents."""
    _check_codes(AFTER, BEFORE)
    op.drop_table("service_document")
    op.drop_table("document_counter")


def _check_codes(before: str, after: str) -> None:
    """Another list of kinds; SQLite builds the table anew for it, and its triggers go and come back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER check_code_append_only ON check_code")
        op.execute("DROP TRIGGER check_code_no_truncate ON check_code")
    else:
        for verb in ("update", "delete"):
            op.execute(f"DROP TRIGGER check_code_no_{verb}")
    op.execute(sa.text(f"DELETE FROM check_code WHERE kind NOT IN ({after})"))  # noqa: S608 - a constant of this file
    with op.batch_alter_table("check_code", copy_from=_as_it_is(before), table_kwargs={"sqlite_strict": True}) as to:
        to.drop_constraint(op.f("ck_check_code_kind"), type_="check")
        to.create_check_constraint(op.f("ck_check_code_kind"), f"kind IN ({after})")
    _append_only("check_code")


def _append_only(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
            )


def _as_it_is(kinds: str) -> sa.Table:
    return sa.Table(
        "check_code",
        sa.MetaData(),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint(f"kind IN ({kinds})", name=op.f("ck_check_code_kind")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_check_code_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_check_code")),
        sa.UniqueConstraint("organisation_id", "code", name=op.f("uq_check_code_organisation_id_code")),
        sa.UniqueConstraint(
            "organisation_id", "kind", "subject_id", name=op.f("uq_check_code_organisation_id_kind_subject_id")
        ),
        sqlite_strict=True,
    )
