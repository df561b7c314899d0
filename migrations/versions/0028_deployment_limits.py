"""counts of tries over all organisations

Revision 0028, after 0027.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage.types import Instant

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward. No row changes."""
    op.create_table(
        "deployment_limit_count",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("window_start", Instant(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "key_sha256", "window_start", name=op.f("pk_deployment_limit_count")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_table("deployment_limit_count")
