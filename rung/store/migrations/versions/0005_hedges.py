"""Which endpoint a slow request was sent to beside."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; calls kept before had none."""
    op.add_column("calls", sa.Column("hedge", sa.Text, nullable=False, server_default=""))
