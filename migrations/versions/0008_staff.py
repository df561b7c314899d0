"""staff and sign-ins

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "staff",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("pepper_version", sa.Integer(), nullable=False),
        sa.Column("totp_sealed", sa.Text(), nullable=False),
        sa.Column("totp_step", sa.Integer(), nullable=False),
        sa.Column("is_active", types.Flag(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("role IN ('auditor','clerk','manager','admin')", name=op.f("ck_staff_role")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_staff_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_staff")),
        sa.UniqueConstraint("organisation_id", "username", name=op.f("uq_staff_organisation_id_username")),
        sqlite_strict=True,
    )
    op.create_table(
        "sign_in",
        sa.Column("staff_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.Column("seen_at", types.Instant(), nullable=False),
        sa.Column("proved_at", types.Instant(), nullable=False),
        sa.Column("wrong_proofs", sa.Integer(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.CheckConstraint("(staff_id IS NULL) <> (customer_id IS NULL)", name=op.f("ck_sign_in_one_person")),
        sa.CheckConstraint("way IN ('password','username','account','ssn')", name=op.f("ck_sign_in_way")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_sign_in_organisation_id")),
        *(
            sa.ForeignKeyConstraint(
                ["organisation_id", column],
                [f"{table}.organisation_id", f"{table}.id"],
                name=op.f(f"fk_sign_in_organisation_id_{column}"),
            )
            for column, table in (("staff_id", "staff"), ("customer_id", "customer"))
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("organisation_id", "secret_sha256", name=op.f("uq_sign_in_organisation_id_secret_sha256")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_sign_in_organisation_id_staff_id"), "sign_in", ["organisation_id", "staff_id"])
    op.create_index(op.f("ix_sign_in_organisation_id_customer_id"), "sign_in", ["organisation_id", "customer_id"])


def downgrade() -> None:
    """Takes it back."""
    op.drop_index(op.f("ix_sign_in_organisation_id_customer_id"), table_name="sign_in")
    op.drop_index(op.f("ix_sign_in_organisation_id_staff_id"), table_name="sign_in")
    op.drop_table("sign_in")
    op.drop_table("staff")
