"""corrections of contact details are found by the visit they were made in: every page of the walk asks for them

Revision 0031, after 0030.
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

INDEX = "ix_contact_change_request_organisation_id_visit_id"


def upgrade() -> None:
    op.create_index(op.f(INDEX), "contact_change_request", ["organisation_id", "visit_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f(INDEX), table_name="contact_change_request")
