"""Table definitions, SQLAlchemy Core. A change here needs a numbered migration beside it."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("created", sa.String(20), nullable=False),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("created", sa.String(20), nullable=False),
    sa.Column("task", sa.String(64), nullable=False, index=True),
    sa.Column("split_hash", sa.String(64), nullable=False, index=True),
    sa.Column("question_hash", sa.String(64), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.UniqueConstraint("split_hash", "question_hash"),
)

registry = sa.Table(
    "registry",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("created", sa.String(20), nullable=False),
    sa.Column("task", sa.String(64), nullable=False, index=True),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("route_hash", sa.String(64), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
)

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("created", sa.String(20), nullable=False),
    sa.Column("expires", sa.String(20), nullable=False),
    sa.Column("task", sa.String(64), nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("attribute", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("salience", sa.Float, nullable=False),
    sa.Column("conversation", sa.Text, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("quote", sa.Text, nullable=False),
    sa.Column("supersedes", sa.Text, nullable=False),
    sa.UniqueConstraint("task", "owner", "conversation", "turn", "start", "subject", "attribute"),
)
