"""a selection remembers that Check All was pressed: its amount is fixed, also where only one service is owed

Revision 0024, after 0023.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward. What is on its way was chosen one by one, as far as anybody knows."""
    op.add_column("selection", sa.Column("is_whole", types.Flag(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Takes it back."""
    op.drop_column("selection", "is_whole")
