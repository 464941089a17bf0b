"""SQL over captured calls, by DuckDB: one table `calls`, read once, in memory.

Texts stay out unless they are asked for. One statement that reads is run, and it sees that table
and nothing else: no file, no address and no extension, whatever it says.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rung.core.errors import TraceError
from rung.store.calls import Call

TEXTS = ("request", "response")
_KINDS = {"str": "VARCHAR", "int": "BIGINT", "bool": "BOOLEAN", "float": "DOUBLE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a statement answered."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def query(calls: Iterable[Call], sql: str, *, texts: bool = False) -> Table:
    """Return what one SQL statement says of the calls.

    Raises TraceError for a statement that is no query or cannot be run, or when DuckDB is not
    installed.
    """
    if find_spec("duckdb") is None:
        raise TraceError("queries need DuckDB", hint="pip install 'rung[analytics]'")
    import duckdb

    columns = {
        field.name: _KINDS[str(field.type).split(" | ")[0]]
        for field in fields(Call)
        if texts or field.name not in TEXTS
    }
    _demand_query(sql, columns)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(":memory:") as database:
        path = Path(folder) / "calls.jsonl"
        with path.open("w", encoding="utf-8") as lines:
            for call in calls:
                row = asdict(call)
                lines.write(json.dumps({name: row[name] for name in columns}) + "\n")
        database.execute(
            "CREATE TABLE calls AS SELECT * FROM read_json($path, format='newline_delimited',"
            f" columns={columns!r}, maximum_object_size=67108864)",
            {"path": str(path)},
        )
        database.execute("SET enable_external_access=false")
        database.execute("SET lock_configuration=true")
        try:
            found = database.execute(sql)
            told = [column[0] for column in found.description or ()]
            rows = found.fetchall()
        except duckdb.Error as error:
            raise _cannot_run(error, columns) from None
    return Table(columns=tuple(told), rows=tuple(rows))


def _demand_query(sql: str, columns: Iterable[str]) -> None:
    """Raise TraceError for anything but one statement that only reads."""
    import duckdb

    try:
        kinds = [statement.type.name for statement in duckdb.extract_statements(sql)]
    except duckdb.Error as error:
        raise _cannot_run(error, columns) from None
    except (TypeError, UnicodeEncodeError):  # what duckdb says of half a surrogate pair
        raise TraceError("the query is not UTF-8 text") from None
    if kinds != ["SELECT"]:
        what = kinds[0] if len(kinds) == 1 else f"{len(kinds)} statements"
        raise TraceError(
            f"the query is {what}; only one SELECT, WITH, DESCRIBE or SHOW is answered",
            hint=_hint(columns),
        )


def _cannot_run(error: Exception, columns: Iterable[str]) -> TraceError:
    reason = str(error).splitlines()[0]
    return TraceError(f"the query cannot be run: {reason}", hint=_hint(columns))


def _hint(columns: Iterable[str]) -> str:
    return f"the table is calls({', '.join(columns)})"
