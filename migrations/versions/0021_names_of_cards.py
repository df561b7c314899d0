"""cards on file have a name of the customer's own, and one of them is what they pay with first

Revision 0021, after 0020.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward. Until somebody chooses, the newest card comes first, as it did."""
    op.add_column("payment_method", sa.Column("label", sa.Text(), nullable=False, server_default=""))
    op.add_column("payment_method", sa.Column("preferred_at", types.Instant(), nullable=True))


def downgrade() -> None:
    """Takes it back."""
    op.drop_column("payment_method", "preferred_at")
    op.drop_column("payment_method", "label")
