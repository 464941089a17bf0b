"""Modes of single slots: which arm filled which field of a call, and how often arms agree."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column and the table; the answers kept before came from one arm each."""
    op.add_column("calls", sa.Column("filled_by", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "agreements",
        sa.Column("task", sa.String(64), primary_key=True),
        sa.Column("slot", sa.Text, primary_key=True),
        sa.Column("route_hash", sa.String(64), primary_key=True),
        sa.Column("frontier", sa.Text, primary_key=True),
        sa.Column("num_compared", sa.Integer, nullable=False),
        sa.Column("num_agreed", sa.Integer, nullable=False),
    )
