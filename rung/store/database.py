"""The store: one small database of append-only records.

Owns connections, migrations and the three logs; knows nothing of what routes or verdicts mean.
Each answer is committed by itself, so a killed run loses at most the answer being computed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from rung.core import config
from rung.core.clock import now_utc
from rung.core.errors import StoreError
from rung.core.hashing import canonical_json, content_hash
from rung.store import tables

HEAD = "0001"
_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One opening of a holdout."""

    id: int
    created: str
    task: str
    split_hash: str
    question_hash: str
    """Hash of what was asked of it; asking the same again is not a new opening."""
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEntry:
    """One promotion or rollback."""

    id: int
    created: str
    task: str
    action: str
    route_hash: str
    payload: dict[str, Any]


class Store:
    """The database at `url`, by default `RUNG_HOME/store.db`; created and migrated when opened.

    Several processes may use one store at once. Every method raises StoreError when the database
    cannot be read or written.
    """

    def __init__(self, url: str | None = None) -> None:
        with _boundary("opening the store"):
            self._engine = sa.create_engine(url or _default_url())
            if self._engine.dialect.name == "sqlite":
                sa.event.listen(self._engine, "connect", _tune_sqlite)
                sa.event.listen(self._engine, "begin", _begin_sqlite)
            with self._writing() as connection:
                _migrate(connection)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that sees no other writer until it ends."""
        sqlite = self._engine.dialect.name == "sqlite"
        options = {"write": True} if sqlite else {"isolation_level": "SERIALIZABLE"}
        connection = self._engine.connect().execution_options(**options)
        with connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def get_answer(self, key: str) -> dict[str, Any] | None:
        """Return the answer cached under a content hash, or None."""
        with _boundary("reading a cached answer"), self._engine.connect() as connection:
            text = connection.scalar(
                sa.select(tables.answers.c.payload).where(tables.answers.c.key == key)
            )
        return None if text is None else dict(json.loads(text))

    def put_answer(self, key: str, payload: dict[str, Any]) -> None:
        """Cache an answer durably; the first writer wins."""
        row = {"key": key, "payload": json.dumps(payload), "created": now_utc()}
        with (
            _boundary("caching an answer"),
            suppress(IntegrityError),
            self._writing() as connection,
        ):
            connection.execute(tables.answers.insert(), row)

    def record_opening(
        self, *, task: str, split_hash: str, question: Any, detail: dict[str, Any]
    ) -> int:
        """Log that a holdout is opened for `question`; return which opening of it this is (1, …).

        The same question asked again returns its first number and adds no entry.
        """
        asked = content_hash(question)
        row = {"created": now_utc(), "task": task, "split_hash": split_hash}
        row |= {"question_hash": asked, "detail": canonical_json(detail)}
        ledger = tables.ledger.c
        query = sa.select(ledger.question_hash).where(ledger.split_hash == split_hash)
        with _boundary("writing the holdout ledger"), self._writing() as connection:
            known = list(connection.scalars(query.order_by(ledger.id)))
            if asked not in known:
                connection.execute(tables.ledger.insert(), row)
                known.append(asked)
        return known.index(asked) + 1

    def openings(self, split_hash: str) -> list[LedgerEntry]:
        """Return every opening of a holdout, oldest first."""
        query = sa.select(tables.ledger).where(tables.ledger.c.split_hash == split_hash)
        with _boundary("reading the holdout ledger"), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(tables.ledger.c.id)).mappings().all()
        return [LedgerEntry(**{**row, "detail": json.loads(row["detail"])}) for row in rows]

    def append_registry(
        self, *, task: str, action: str, route_hash: str, payload: dict[str, Any]
    ) -> None:
        """Append one line to a task's registry."""
        row = {"created": now_utc(), "task": task, "action": action}
        row |= {"route_hash": route_hash, "payload": canonical_json(payload)}
        with _boundary("writing the registry"), self._writing() as connection:
            connection.execute(tables.registry.insert(), row)

    def registry(self, task: str) -> list[RegistryEntry]:
        """Return a task's registry, oldest first."""
        query = sa.select(tables.registry).where(tables.registry.c.task == task)
        with _boundary("reading the registry"), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(tables.registry.c.id)).mappings().all()
        return [RegistryEntry(**{**row, "payload": json.loads(row["payload"])}) for row in rows]


@contextmanager
def _boundary(doing: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error)
        raise StoreError(
            f"{doing} failed: {reason}",
            hint="check free disk space and the rights of RUNG_HOME",
        ) from None


def _default_url() -> sa.URL:
    config.home().mkdir(parents=True, exist_ok=True)
    return sa.URL.create("sqlite", database=str(config.home() / "store.db"))


def _migrate(connection: sa.Connection) -> None:
    """Bring the schema to HEAD within the caller's transaction: wholly or not at all."""
    found = None
    if sa.inspect(connection).has_table("alembic_version"):
        found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise StoreError(
            f"the store has schema {found}, this rung knows up to {HEAD}",
            hint="upgrade rung, or point RUNG_HOME at another folder",
        )
    from alembic import command
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    command.upgrade(settings, HEAD)


def _tune_sqlite(connection: Any, _record: object) -> None:
    """Wait for other writers, and leave every BEGIN to `_begin_sqlite`, schema changes included."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
