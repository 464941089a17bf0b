"""Turns of openings, and answers by age."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table and the index."""
    op.create_table(
        "turns",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created", sa.String(20), nullable=False),
    )
    op.create_index("ix_answers_created", "answers", ["created"])
