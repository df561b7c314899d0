"""cards whose holder had the bank stop what is charged to them by itself

Revision 0029, after 0028.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward. What was declined before stays as it was treated then."""
    op.add_column("payment_method", sa.Column("stopped_at", types.Instant(), nullable=True))


def downgrade() -> None:
    """Takes it back."""
    op.drop_column("payment_method", "stopped_at")
