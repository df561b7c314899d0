"""when a refund settled at the gateway, or was refused there after all

Revision 0019, after 0018.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

UNSETTLED = sa.text("way = 'refund' AND state = 'succeeded' AND settled_at IS NULL")


def upgrade() -> None:
    """Brings the schema forward. Refunds made before are looked at once more: nobody asked how they settled."""
    for name in ("settled_at", "failed_at"):
        op.add_column("refund", sa.Column(name, types.Instant(), nullable=True))
    op.create_index(
        "ix_refund_unsettled",
        "refund",
        ["next_try_at", "id"],
        unique=False,
        sqlite_where=UNSETTLED,
        postgresql_where=UNSETTLED,
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_index("ix_refund_unsettled", table_name="refund")
    for name in ("failed_at", "settled_at"):
        op.drop_column("refund", name)
