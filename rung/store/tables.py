"""Table definitions, SQLAlchemy Core. A change here needs a numbered migration beside it."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("created", sa.String(20), nullable=False, index=True),
)

turns = sa.Table(
    "turns",
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

calls = sa.Table(
    "calls",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("created", sa.String(20), nullable=False, index=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("conversation", sa.Text, nullable=False),
    sa.Column("wire", sa.String(16), nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("served_by", sa.Text, nullable=False),
    sa.Column("task", sa.String(64), nullable=False, index=True),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("arm", sa.String(16), nullable=False),
    sa.Column("pair", sa.String(40), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("streamed", sa.Boolean, nullable=False),
    sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("cached_tokens", sa.Integer, nullable=False),
    sa.Column("forced_tokens", sa.Integer, nullable=False),
    sa.Column("output_tokens", sa.Integer, nullable=False),
    sa.Column("estimated", sa.Boolean, nullable=False),
    sa.Column("cost_usd", sa.Float, nullable=True),
    sa.Column("latency_ms", sa.Float, nullable=False),
    sa.Column("upstream_ms", sa.Float, nullable=False),
    sa.Column("first_ms", sa.Float, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("response", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("hedge", sa.Text, nullable=False, server_default=""),
    sa.Column("filled_by", sa.Text, nullable=False, server_default=""),
    sa.Index("ix_calls_conversation", "conversation"),
)

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("created", sa.String(20), nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("call_id", sa.String(40), nullable=False, index=True),
    sa.Column("accepted", sa.Boolean, nullable=True),
    sa.Column("reward", sa.Float, nullable=True),
    sa.Column("correction", sa.Text, nullable=True),
    sa.Column("comment", sa.Text, nullable=False),
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("created", sa.String(20), nullable=False),
    sa.Column("revoked", sa.String(20), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("budget_usd", sa.Float, nullable=True),
    sa.Column("requests_per_minute", sa.Integer, nullable=False),
)

spend = sa.Table(
    "spend",
    metadata,
    sa.Column("key_id", sa.String(40), primary_key=True),
    sa.Column("month", sa.String(7), primary_key=True),
    sa.Column("cost_usd", sa.Float, nullable=False),
    sa.Column("num_calls", sa.Integer, nullable=False),
)

modes = sa.Table(
    "modes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("created", sa.String(20), nullable=False),
    sa.Column("task", sa.String(64), nullable=False, index=True),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

rounds = sa.Table(
    "rounds",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("created", sa.String(20), nullable=False),
    sa.Column("task", sa.String(64), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)

agreements = sa.Table(
    "agreements",
    metadata,
    sa.Column("task", sa.String(64), primary_key=True),
    sa.Column("slot", sa.Text, primary_key=True),
    sa.Column("route_hash", sa.String(64), primary_key=True),
    sa.Column("frontier", sa.Text, primary_key=True),
    sa.Column("num_compared", sa.Integer, nullable=False),
    sa.Column("num_agreed", sa.Integer, nullable=False),
)
