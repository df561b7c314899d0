"""customers that are erased, and the one exception for them: what is append only may be emptied, never taken away

Revision 0030, after 0029.
"""

# ruff: noqa: S608 - only names of ours are put into the statements

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

OPEN = sa.text("finished_at IS NULL")

# What may be emptied, and whose a row is: named by itself, or by a row it refers to.
OWN = {
    "agreement": ("text", "ip", "user_agent"),
    "receipt": ("facts",),
    "contact_wish": ("subject", "words", "ip", "user_agent"),
    "inbound_text": ("sender", "words"),
    "record_consent": ("text", "ip", "user_agent"),
    "plan_signature": ("typed_name", "image", "facts", "ip", "user_agent"),
    "service_document": ("facts",),
}
BY_ANOTHER = {
    "message_fact": (("facts",), "message_id", "message"),
    "plan_paper": (("content",), "plan_id", "plan"),
    "service_detail": (("description", "diagnoses"), "service_id", "service"),
}
ON_AN_ACCOUNT = {"service"}
TABLES = OWN | {name: way[0] for name, way in BY_ANOTHER.items()}

FUNCTION = """
CREATE FUNCTION refuse_change_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  owner text;
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - string_to_array(TG_ARGV[0], ',')
      = to_jsonb(OLD) - string_to_array(TG_ARGV[0], ',') THEN
    EXECUTE TG_ARGV[1] INTO owner USING OLD;
    IF EXISTS (SELECT 1 FROM erasure e WHERE e.organisation_id = OLD.organisation_id AND e.customer_id = owner
               AND e.is_wiping) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION '% is append only', TG_TABLE_NAME;
END $$
"""


def owner_of(table: str, old: str) -> str:
    """An SQL expression for the id of the customer a row is about."""
    if table == "inbound_text":  # a text from a number that was on nobody's file is whose number it turned out to be
        wiped = f"(SELECT w.customer_id FROM erasure w WHERE w.organisation_id = {old}.organisation_id AND w.is_wiping)"
        return f"coalesce({old}.customer_id, {wiped})"
    if table in OWN:
        return f"{old}.customer_id"
    _, column, above = BY_ANOTHER[table]
    this = f"r.organisation_id = {old}.organisation_id AND r.id = {old}.{column}"
    if above in ON_AN_ACCOUNT:
        return (
            f"(SELECT a.customer_id FROM {above} r JOIN account a ON a.organisation_id = r.organisation_id "
            f"AND a.id = r.account_id WHERE {this})"
        )
    return f"(SELECT r.customer_id FROM {above} r WHERE {this})"


def upgrade() -> None:
    """Brings the schema forward. Nobody is erased yet."""
    op.create_table(
        "erasure",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("erased_at", types.Instant(), nullable=False),
        sa.Column("keep_until", types.Instant(), nullable=False),
        sa.Column("papers_wiped_at", types.Instant(), nullable=True),
        sa.Column("forgotten_at", types.Instant(), nullable=True),
        sa.Column("is_wiping", types.Flag(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", types.Instant(), nullable=False),
        sa.Column("finished_at", types.Instant(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("finished_at IS NULL OR papers_wiped_at IS NOT NULL", name=op.f("ck_erasure_finished")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_erasure_organisation_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "customer_id"],
            ["customer.organisation_id", "customer.id"],
            name=op.f("fk_erasure_organisation_id_customer_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("organisation_id", "customer_id", name=op.f("uq_erasure_organisation_id_customer_id")),
        sa.UniqueConstraint("organisation_id", "pseudonym", name=op.f("uq_erasure_organisation_id_pseudonym")),
        sqlite_strict=True,
    )
    op.create_index("ix_erasure_open", "erasure", ["next_try_at", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION)
        for table, columns in TABLES.items():
            owner = owner_of(table, "($1)").replace("'", "''")
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW "
                f"EXECUTE FUNCTION refuse_change_unless_erased('{','.join(columns)}', 'SELECT {owner}')"
            )
        return
    for table, columns in TABLES.items():
        kept = [each["name"] for each in sa.inspect(op.get_bind()).get_columns(table) if each["name"] not in columns]
        same = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in kept)
        op.execute(f"DROP TRIGGER {table}_no_update")
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} WHEN NOT ({same} AND EXISTS (SELECT 1 FROM "
            f"erasure e WHERE e.organisation_id = OLD.organisation_id AND e.is_wiping = 1 "
            f"AND e.customer_id = {owner_of(table, 'OLD')})) BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
        )


def downgrade() -> None:
    """Takes it back: nothing can be emptied any more, and nothing comes back."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for table in TABLES:
        if is_postgres:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            continue
        op.execute(f"DROP TRIGGER {table}_no_update")
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
        )
    if is_postgres:
        op.execute("DROP FUNCTION refuse_change_unless_erased()")
    op.drop_table("erasure")
