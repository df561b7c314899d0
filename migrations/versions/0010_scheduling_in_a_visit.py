"""what a visitor who schedules payments has chosen, and one schedule for a visit

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

from portal.storage import types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema forward."""
    for column in (
        sa.Column("is_scheduling", types.Flag(), nullable=True),
        sa.Column("schedule_wish", types.Plain(), nullable=True),
        sa.Column("card_expires_month", sa.Integer(), nullable=True),
        sa.Column("card_expires_year", sa.Integer(), nullable=True),
    ):
        op.add_column("visit", column)
    op.create_index("uq_schedule_visit", "schedule", ["organisation_id", "visit_id"], unique=True)


def downgrade() -> None:
    """Takes it back."""
    op.drop_index("uq_schedule_visit", table_name="schedule")
    for column in ("card_expires_year", "card_expires_month", "schedule_wish", "is_scheduling"):
        op.drop_column("visit", column)
