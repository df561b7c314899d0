"""row security on PostgreSQL: a transaction sees the rows of the organisation it named, and no other

Revision 0018, after 0017.
"""

from alembic import op

from portal.storage import row_security

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Policies on every table with `organisation_id`; `env.py` forces them on the owner, and on newer tables."""
    if op.get_bind().dialect.name == "postgresql":
        row_security.enable(op.get_bind())


def downgrade() -> None:
    """Takes them away."""
    if op.get_bind().dialect.name == "postgresql":
        row_security.disable(op.get_bind())
