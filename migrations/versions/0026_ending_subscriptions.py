"""an index of the subscriptions that run, by the day their program ends

Revision 0026, after 0025.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

RUNNING = sa.text("state IN ('active','paused')")


def upgrade() -> None:
    """Brings the schema forward. No row changes."""
    op.create_index(
        "ix_subscription_end_on", "subscription", ["end_on", "id"], sqlite_where=RUNNING, postgresql_where=RUNNING
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_index("ix_subscription_end_on", "subscription")
