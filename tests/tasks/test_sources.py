import csv
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.core.errors import TaskError
from rung.tasks.sources import read_table


def table(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path)


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.csv", "text,label\nhi,a\n"),
        ("a.csv", "\ufefftext , label\r\nhi,a\r\n"),
        ("a.csv", "text;label\nhi;a"),
        ("a.CSV", 'text,label\n\n"hi",a\n  \n'),
        ("a.tsv", "text\tlabel\nhi\ta\n"),
        ("a.csv.gz", gzip.compress(b"text,label\nhi,a\n", mtime=0)),
        ("a.jsonl", '{"text": "hi", "label": "a"}\n\n'),
        ("a.ndjson.gz", gzip.compress(b'{"text": "hi", "label": "a"}', mtime=0)),
    ],
)
def test_formats(tmp_path, name, content):
    found = table(tmp_path, name, content)
    assert found.columns == ("text", "label")
    assert [row for _, row in found.rows] == [{"text": "hi", "label": "a"}]


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.xlsx", b"PK\x03\x04", "'.xlsx' is not known"),
        ("a", "x", "a name ending in 'nothing' is not known"),
        ("a.csv", "", "empty or has no header"),
        ("a.csv", "text,label\n", "it has no rows"),
        ("a.csv", b"PK\x03\x04", "a zip or Excel file"),
        ("a.csv", '{"text": 1}\n', "not CSV, it looks like JSON"),
        ("a.csv", "a,a\n1,2\n", "two columns are named 'a'"),
        ("a.csv", "text,label\nhi, there,a\n", "line 2: 3 cells, the header has 2"),
        ("a.csv", "text,label\nhi\n", r"line 2: 1 cells.*write the missing cells"),
        ("a.csv", "sep=;\ntext;label\nhi;a\n", r"first line is 'sep=;', not the header"),
        ("a.csv", 'text,label\n"hi,a\n', "not CSV: unexpected end of data"),
        (
            "a.csv",
            'text,label\nx,y\n\n"hi,a\n' + "b,c\n" * 50_000,
            r"line 4: not CSV: .* \(the row goes on to line 50004; look for a quote not closed\)",
        ),
        ("a.csv", "text,label\rhi,a\r", r"lines end in a carriage return alone \(tr "),
        ("a.csv", b"text,label\nna\xefve,a\n", "line 2: byte 0xef is not UTF-8"),
        ("a.jsonl", "", "it has no rows"),
        ("a.jsonl", "[1]\n", "line 1: a row is a JSON object"),
        ("a.jsonl", '{"a": 1}\nx\n', "line 2: not JSON"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    with pytest.raises(TaskError, match=message):
        table(tmp_path, name, content)


def test_a_path_that_is_not_there_is_said_to_be_missing(tmp_path):
    for name in ("nowhere", "nowhere.csv"):
        with pytest.raises(TaskError, match="nowhere.*: no such file or folder"):
            read_table(tmp_path / name)


def test_long_cells_and_columns_without_a_name(tmp_path):
    content = f",text,label,,\n0,hi,{'a' * 200_000},,\n"
    ((_, row),) = table(tmp_path, "a.csv", content).rows
    assert (row["text"], len(row["label"])) == ("hi", 200_000)


def test_row_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("rung.tasks.sources.MAX_ROWS", 1)
    for name, text in (("a.csv", "a\n1\n2\n"), ("a.jsonl", '{"a": 1}\n{"a": 2}\n')):
        with pytest.raises(TaskError, match="more than 1 rows"):
            table(tmp_path, name, text)


def chat(*turns, **rest):
    return json.dumps({"messages": [{"role": r, "content": c} for r, c in turns]} | rest)


def test_fine_tuning_files(tmp_path):
    lines = [
        chat(("system", "Decide."), ("user", "hi"), ("assistant", "a"), user="u1"),
        chat(("system", "Decide."), ("user", [{"type": "text", "text": "yo"}]), ("assistant", "b")),
        chat(
            ("system", "Decide."),
            ("user", "one"),
            ("assistant", "two"),
            ("user", "three"),
            ("assistant", '{"x": 1}'),
            ("user", "thanks"),
        ),
    ]
    found = table(tmp_path, "a.jsonl", "\n".join(lines))
    assert found.instruction == "Decide."
    assert found.columns == ("input", "answer", "user")
    assert [row for _, row in found.rows] == [
        {"input": "hi", "answer": "a", "user": "u1"},
        {"input": "yo", "answer": "b"},
        {"input": "user: one\nassistant: two\nuser: three", "answer": '{"x": 1}'},
    ]


def test_different_system_messages_give_no_instruction(tmp_path):
    lines = [chat(("system", s), ("user", "hi"), ("assistant", "a")) for s in "xy"]
    assert table(tmp_path, "a.jsonl", "\n".join(lines)).instruction == ""


@pytest.mark.parametrize(
    "line, message",
    [
        (chat(("user", "hi")), "no assistant message"),
        ('{"messages": "hi"}', "messages must be a list"),
        (chat(("user", 3), ("assistant", "a")), "content must be text, not 3"),
        (chat(("user", "a"), ("assistant", "b")) + '\n{"text": "x"}', "line 2: messages must be"),
    ],
)
def test_bad_chats(tmp_path, line, message):
    with pytest.raises(TaskError, match=message):
        table(tmp_path, "a.jsonl", line)


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=12)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
def test_any_cell_survives_csv(tmp_path_factory, rows):
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    found = table(tmp_path_factory.mktemp("csv"), "a.csv", buffer.getvalue())
    assert [tuple(row.values()) for _, row in found.rows] == rows
