"""Answers, ledger and registry."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "answers",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created", sa.String(20), nullable=False),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("created", sa.String(20), nullable=False),
        sa.Column("task", sa.String(64), nullable=False, index=True),
        sa.Column("split_hash", sa.String(64), nullable=False, index=True),
        sa.Column("question_hash", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.UniqueConstraint("split_hash", "question_hash"),
    )
    op.create_table(
        "registry",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("created", sa.String(20), nullable=False),
        sa.Column("task", sa.String(64), nullable=False, index=True),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("route_hash", sa.String(64), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
