"""logins of customers, their devices and codes

Revision 0013, after 0012.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _tenant(table: str, *references: tuple[str, str]) -> tuple[Any, ...]:
    return (
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f(f"fk_{table}_organisation_id")),
        *(
            sa.ForeignKeyConstraint(
                ["organisation_id", column],
                [f"{other}.organisation_id", f"{other}.id"],
                name=op.f(f"fk_{table}_organisation_id_{column}"),
            )
            for column, other in references
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f(f"pk_{table}")),
    )


def upgrade() -> None:
    """Brings the schema forward."""
    op.create_table(
        "login",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("pin_hash", sa.Text(), nullable=True),
        sa.Column("pepper_version", sa.Integer(), nullable=True),
        sa.Column("pin_set_at", types.Instant(), nullable=True),
        sa.Column("wrong_pins", sa.Integer(), nullable=False),
        sa.Column("ssn_digest", sa.Text(), nullable=True),
        sa.Column("ssn_last4_sealed", sa.Text(), nullable=True),
        sa.Column("is_active", types.Flag(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        *_tenant("login", ("customer_id", "customer")),
        sa.UniqueConstraint("organisation_id", "customer_id", name=op.f("uq_login_organisation_id_customer_id")),
        sa.UniqueConstraint("organisation_id", "username", name=op.f("uq_login_organisation_id_username")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_login_organisation_id_ssn_digest"), "login", ["organisation_id", "ssn_digest"])
    op.create_table(
        "device",
        sa.Column("login_id", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("added_at", types.Instant(), nullable=False),
        sa.Column("seen_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("ended_at", types.Instant(), nullable=True),
        *_tenant("device", ("login_id", "login")),
        sa.UniqueConstraint("organisation_id", "secret_sha256", name=op.f("uq_device_organisation_id_secret_sha256")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_device_organisation_id_login_id"), "device", ["organisation_id", "login_id"])
    op.create_table(
        "login_code",
        sa.Column("login_id", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("code_digest", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("made_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("used_at", types.Instant(), nullable=True),
        *_tenant("login_code", ("login_id", "login")),
        sa.UniqueConstraint(
            "organisation_id", "secret_sha256", name=op.f("uq_login_code_organisation_id_secret_sha256")
        ),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_login_code_organisation_id_login_id"), "login_code", ["organisation_id", "login_id"])
    # SQLite adds a reference to a table only with a column that may be empty, which this one is
    op.execute("ALTER TABLE visit ADD COLUMN sign_in_id TEXT")


def downgrade() -> None:
    """Takes it back."""
    op.drop_column("visit", "sign_in_id")
    op.drop_table("login_code")
    op.drop_table("device")
    op.drop_table("login")
