"""an index of the sales that were taken and that the gateway has not paid out

Revision 0023, after 0022.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

UNSETTLED = sa.text(
    "state = 'succeeded' AND settled_at IS NULL"
    " AND gateway_status NOT IN ('voided','settlement_declined','settlement_failed')"
)


def upgrade() -> None:
    """Brings the schema forward. No row changes."""
    op.create_index(
        "ix_charge_unsettled",
        "charge",
        ["organisation_id", "next_try_at"],
        sqlite_where=UNSETTLED,
        postgresql_where=UNSETTLED,
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_index("ix_charge_unsettled", "charge")
