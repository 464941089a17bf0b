"""SQL over calls: what was captured, and nothing else of the machine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rung.cli.traces import query_calls
from rung.core.errors import TraceError
from rung.store import Store
from rung.store.calls import Call, CallLog
from rung.traces.query import query

pytest.importorskip("duckdb", reason="pip install 'rung[analytics]'")

CALLS = [
    Call(
        id=f"call_{number:028x}",
        created=f"2026-11-26T10:00:{number:02}+00:00",
        model="task/mail",
        task="mail",
        arm="specialist" if number % 3 else "frontier",
        status=200,
        cost_usd=0.01 * number if number else None,
        latency_ms=float(number),
        request='{"input": "my card é \\u2028"}',
    )
    for number in range(9)
]


def test_calls_are_a_table_with_their_types() -> None:
    found = query(CALLS, "SELECT arm, count(*) n, sum(cost_usd), max(latency_ms) FROM calls "
                         "GROUP BY arm ORDER BY arm")  # fmt: skip
    assert found.columns == ("arm", "n", "sum(cost_usd)", "max(latency_ms)")
    (frontier, n, cost, slowest), specialist = found.rows
    assert (frontier, n, slowest) == ("frontier", 3, 6.0)
    assert cost == pytest.approx(0.09)
    assert specialist[1] == 6
    assert query([], "SELECT count(*) FROM calls").rows == ((0,),)


def test_texts_are_columns_only_when_they_are_asked_for() -> None:
    with pytest.raises(TraceError, match="request"):
        query(CALLS, "SELECT request FROM calls")
    found = query(CALLS, "SELECT DISTINCT request FROM calls", texts=True)
    assert found.rows == ((CALLS[0].request,),)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{file}', columns={{'a': 'VARCHAR'}})",
        "SELECT * FROM read_text('{file}')",
        "FROM '{file}'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sqlite_scan('{file}', 'calls')",
    ],
)
def test_a_query_reaches_no_file_and_no_network(tmp_path: Path, sql: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    with pytest.raises(TraceError, match="cannot be run"):
        query(CALLS, sql.format(file=secret))
    assert [path.name for path in tmp_path.iterdir() if path.name != "rung"] == ["secret"]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DROP TABLE calls", "DROP"),
        ("DELETE FROM calls", "DELETE"),
        ("WITH x AS (SELECT 1) DELETE FROM calls", "DELETE"),
        ("CREATE TABLE mine AS SELECT 1", "CREATE"),
        ("COPY calls TO '{file}.csv'", "COPY"),
        ("ATTACH '{file}.db'", "ATTACH"),
        ("INSTALL httpfs", "LOAD"),
        ("LOAD httpfs", "LOAD"),
        ("SET enable_external_access=true", "SET"),
        ("PRAGMA database_list", "PRAGMA"),
        ("EXPLAIN ANALYZE DELETE FROM calls", "EXPLAIN"),
        ("SELECT 1; DROP TABLE calls", "2 statements"),
        (" -- nothing", "0 statements"),
        ("", "0 statements"),
    ],
)
def test_a_statement_that_is_no_query_is_refused(tmp_path: Path, sql: str, what: str) -> None:
    with pytest.raises(TraceError, match=f"the query is {what}") as caught:
        query(CALLS, sql.format(file=tmp_path / "file"))
    assert "calls(" in caught.value.hint
    assert not list(tmp_path.glob("file*"))


@pytest.mark.parametrize(
    "sql",
    [
        "FROM calls",
        "WITH x AS (FROM calls) FROM x",
        "DESCRIBE calls",
        "SHOW TABLES",
        "TABLE calls;",
    ],
)
def test_whatever_reads_is_answered(sql: str) -> None:
    assert query(CALLS, sql).rows


def test_a_wrong_statement_names_the_columns() -> None:
    with pytest.raises(TraceError) as caught:
        query(CALLS, "SELECT nothing FROM calls")
    assert "cost_usd" in (caught.value.hint or "")
    for sql in ("SELEC 1", "SELECT '", "SELECT \0", "half \udcff"):
        with pytest.raises(TraceError, match="the query"):
            query(CALLS, sql)


def test_texts_are_shown_as_they_are_and_json_stays_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = Store()
    text = '{"input": "[mail] said [/b]"}'
    CallLog(store).append([replace(CALLS[0], request=text)])
    store.close()
    query_calls('SELECT request AS "[red]" FROM calls', texts=True)
    shown = capsys.readouterr().out
    assert "[mail] said [/b]" in shown and "[red]" in shown
    query_calls("SELECT 1/0.0 AS x, [created::TIMESTAMP] AS y FROM calls", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"x": None, "y": ["2026-11-26 10:00:00"]}
