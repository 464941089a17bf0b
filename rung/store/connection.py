"""How the store reaches its database: transactions, migrations, and errors in the user's words.

Knows nothing of what the tables hold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from rung.core import config
from rung.core.errors import StoreError

HEAD = "0007"
_MIGRATIONS = Path(__file__).parent / "migrations"


class Connected:
    """A database at `url`, by default `RUNG_HOME/store.db`; created and migrated when opened.

    Several processes may use it at once. Raises StoreError when it cannot be read or written.
    """

    def __init__(self, url: str | None = None) -> None:
        with boundary("opening the store"):
            self._engine = sa.create_engine(url or _default_url())
            if self._engine.dialect.name == "sqlite":
                sa.event.listen(self._engine, "connect", _tune_sqlite)
                sa.event.listen(self._engine, "begin", _begin_sqlite)
            with self._transaction() as connection:
                _migrate(connection)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @contextmanager
    def reading(self, doing: str) -> Iterator[sa.Connection]:
        """Open a connection to read from; `doing` is what an error says was tried."""
        with boundary(doing), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, doing: str) -> Iterator[sa.Connection]:
        """Open a transaction that sees no other writer until it ends."""
        with boundary(doing), self._transaction() as connection:
            yield connection

    @contextmanager
    def writing_raw(self, doing: str) -> Iterator[Any]:
        """Open a transaction on a cursor of the driver, for writes so frequent that a statement
        costs less than its wrapping."""
        with boundary(doing):
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                if self.dialect == "sqlite":
                    cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                connection.close()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        sqlite = self._engine.dialect.name == "sqlite"
        options = {"write": True} if sqlite else {"isolation_level": "SERIALIZABLE"}
        connection = self._engine.connect().execution_options(**options)
        with connection, connection.begin():
            yield connection


@contextmanager
def boundary(doing: str) -> Iterator[None]:
    """Turn an error of the database or the disk into a StoreError that names what was tried."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
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
    """Wait for other writers, overwrite what is deleted, and leave every BEGIN to `_begin_sqlite`,
    schema changes included."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "busy_timeout=10000",
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
