"""codes by which anybody can check that a receipt, agreement or message is genuine

Revision 0016, after 0015.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward. What was made before has no code."""
    op.create_table(
        "check_code",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('receipt','agreement','message')", name=op.f("ck_check_code_kind")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_check_code_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_check_code")),
        sa.UniqueConstraint("organisation_id", "code", name=op.f("uq_check_code_organisation_id_code")),
        sa.UniqueConstraint(
            "organisation_id", "kind", "subject_id", name=op.f("uq_check_code_organisation_id_kind_subject_id")
        ),
        sqlite_strict=True,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER check_code_append_only BEFORE UPDATE OR DELETE ON check_code "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER check_code_no_truncate BEFORE TRUNCATE ON check_code "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER check_code_no_{verb.lower()} BEFORE {verb} ON check_code "
                "BEGIN SELECT RAISE(ABORT, 'check_code is append only'); END"
            )


def downgrade() -> None:
    """Takes it back; the triggers go with their table."""
    op.drop_table("check_code")
