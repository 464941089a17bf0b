"""Labelled data as people have it: CSV, TSV, JSONL and fine-tuning JSONL, each also as .gz.

A source becomes a table of columns and rows; what a column means is decided in `importer.py`. In
fine-tuning JSONL (`{"messages": […]}`) the last assistant message is the target and what stands
before it the input. Traces of a running system are no source: `rung discover` reads those.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.core.errors import TaskError
from rung.core.spelling import listing, quote
from rung.tasks.lines import parse_json, read_lines
from rung.tasks.rows import MAX_ROWS

CHAT_INPUT = "input"
CHAT_TARGET = "answer"
_MAX_CELL_CHARS = 2**31 - 1
_DELIMITERS = (",", ";", "\t", "|")
_FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of one file; values are text (CSV) or JSON values (JSONL)."""

    path: Path
    columns: tuple[str, ...]
    rows: list[tuple[int, dict[str, Any]]]
    """(line number, values by column); a missing value is None."""
    text_cells: bool
    """Whether text is how the file writes every type, as CSV and chat messages do."""
    instruction: str = ""
    """The system message, where all conversations have the same one."""


def read_table(path: Path) -> Table:
    """Read a file by its name's ending; raises TaskError for anything that is not a table."""
    if not path.exists():
        raise TaskError(f"reading {path}: no such file or folder", hint="check how it is spelt")
    if path.is_dir():
        raise TaskError(f"reading {path}: it is a folder, not a file")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = next((s for s in reversed(suffixes) if s != ".gz"), "")
    if kind not in _FORMATS:
        raise TaskError(
            f"reading {path}: a name ending in {kind or 'nothing'!r} is not known",
            hint=f"use one of {', '.join(_FORMATS)}, each also with .gz",
        )
    table = _read_csv(path, kind) if kind in (".csv", ".tsv") else _read_jsonl(path)
    if not table.rows:
        raise TaskError(f"reading {path}: it has no rows", hint="check that the file is complete")
    return table


def _read_csv(path: Path, kind: str) -> Table:
    lines = (line for _, line in read_lines(path))
    first = next(lines, "")
    if not first.strip():
        raise TaskError(f"reading {path}: it is empty or has no header line")
    if first.lstrip().startswith(("{", "[")):
        raise TaskError(f"reading {path}: not CSV, it looks like JSON", hint="name it .jsonl")
    if "\r" in first.rstrip("\r\n") and '"' not in first:
        raise TaskError(
            f"reading {path}: its lines end in a carriage return alone",
            hint=f"tr '\\r' '\\n' < {path} > NEW{kind}",
        )
    if re.fullmatch(r"\s*sep=.\s*", first, re.IGNORECASE):
        raise TaskError(
            f"reading {path}: its first line is {first.strip()!r}, not the header",
            hint="delete that line; the separator is found without it",
        )
    csv.field_size_limit(_MAX_CELL_CHARS)
    delimiter = "\t" if kind == ".tsv" else max(_DELIMITERS, key=first.count)
    reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter, strict=True)
    records = _records(path, reader)
    columns = tuple(name.strip() for name in next(records)[1])
    if repeated := [name for name in columns if name and columns.count(name) > 1]:
        raise TaskError(
            f"reading {path}: two columns are named {repeated[0]!r}",
            hint="rename one of them in the header line",
        )
    rows = []
    for line, cells in records:
        if len(cells) != len(columns):
            raise TaskError(
                f"reading {path}, line {line}: {len(cells)} cells, the header has {len(columns)} "
                f"({listing(columns)})",
                hint=f"put a cell that holds {delimiter!r} in double quotes"
                if len(cells) > len(columns)
                else f"write the missing cells, empty if need be: {delimiter * (len(columns) - 1)}",
            )
        rows.append((line, dict(zip(columns, cells, strict=True))))
    return Table(path=path, columns=columns, rows=rows, text_cells=True)


def _records(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield (last line number, cells) of each record that is not blank."""
    num, start = 0, 1
    try:
        for cells in reader:
            start = reader.line_num + 1
            if len(cells) < 2 and not "".join(cells).strip():
                continue
            num += 1
            if num > MAX_ROWS + 1:
                raise TaskError(f"reading {path}: more than {MAX_ROWS:,} rows", hint="sample it")
            yield reader.line_num, cells
    except csv.Error as error:
        raise TaskError(
            f"reading {path}, line {start}: not CSV: {error}",
            hint=f"the row goes on to line {reader.line_num}; look for a quote not closed"
            if reader.line_num > start
            else "",
        ) from None


def _read_jsonl(path: Path) -> Table:
    rows: list[tuple[int, dict[str, Any]]] = []
    columns: dict[str, None] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        where = f"reading {path}, line {number}"
        value = parse_json(line, where)
        if not isinstance(value, dict):
            raise TaskError(f"{where}: a row is a JSON object, not {quote(value)}")
        if len(rows) == MAX_ROWS:
            raise TaskError(f"{where}: more than {MAX_ROWS:,} rows", hint="sample it")
        rows.append((number, value))
        columns.update(dict.fromkeys(value))
    if "messages" in columns:
        return _read_chats(path, rows)
    return Table(path=path, columns=tuple(columns), rows=rows, text_cells=False)


def _read_chats(path: Path, rows: list[tuple[int, dict[str, Any]]]) -> Table:
    systems = set()
    columns: dict[str, None] = {CHAT_INPUT: None, CHAT_TARGET: None}
    chats = []
    for number, row in rows:
        where = f"reading {path}, line {number}"
        system, text, answer = _parse_chat(row.get("messages"), where)
        systems.add(system)
        rest = {name: value for name, value in row.items() if name != "messages"}
        columns.update(dict.fromkeys(rest))
        chats.append((number, rest | {CHAT_INPUT: text, CHAT_TARGET: answer}))
    instruction = systems.pop() if len(systems) == 1 else ""
    return Table(
        path=path, columns=tuple(columns), rows=chats, text_cells=True, instruction=instruction
    )


def _parse_chat(messages: Any, where: str) -> tuple[str, str, str]:
    """Return the system text, the input and the answer of one conversation."""
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise TaskError(f"{where}: messages must be a list of objects, not {quote(messages)}")
    turns = [(str(m.get("role")), _content(m.get("content"), where)) for m in messages]
    answers = [at for at, (role, _) in enumerate(turns) if role == "assistant"]
    if not answers:
        raise TaskError(f"{where}: no assistant message to take as the target")
    before = turns[: answers[-1]]
    system = "\n".join(text for role, text in before if role in ("system", "developer"))
    said = [(role, text) for role, text in before if role not in ("system", "developer")]
    if len(said) == 1:
        return system, said[0][1], turns[answers[-1]][1]
    return system, "\n".join(f"{role}: {text}" for role, text in said), turns[answers[-1]][1]


def _content(content: Any, where: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    raise TaskError(f"{where}: content must be text, not {quote(content)}")
