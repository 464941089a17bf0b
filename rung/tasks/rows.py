"""`examples.jsonl`: one example a line, `{"id", "input", "target", "group", "split", "setup",
"earlier"}`.

`group` defaults to the id, `split` may be missing, `setup` and `earlier` are for tasks with a
world. Every row is checked against the task's schema when it is read; nothing is repaired here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rung.core.errors import TaskError
from rung.core.records import SPLITS, Split
from rung.core.spelling import did_you_mean, quote
from rung.tasks.answers import Answers
from rung.tasks.lines import parse_json, read_lines
from rung.tasks.task import Example

MAX_INPUT_BYTES = 64 * 1024
MAX_ROWS = 5_000_000
_KEYS = ("id", "input", "target", "group", "split", "setup", "earlier")

Row = tuple[Example, Split | None]


def read_rows(path: Path, answers: Answers, *, may_be_empty: bool = False) -> list[Row]:
    """Read and check every row, in file order.

    Raises TaskError with the line number (and the row's id where it has one) for bad JSON, unknown
    or missing keys, duplicate ids, inputs above 64 KiB, targets the schema refuses, and files with
    no rows (unless it `may_be_empty`) or more than 5,000,000.
    """
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        where = f"reading {path}, line {number}"
        row = _parse(parse_json(line, where), where)
        example = row[0]
        if example.id in seen:
            raise TaskError(
                f"{where}: id {quote(example.id)} is already on line {seen[example.id]}"
            )
        seen[example.id] = number
        answers.check(example.target, f"{where}, row {quote(example.id)}")
        if len(rows) == MAX_ROWS:
            raise TaskError(f"{where}: more than {MAX_ROWS:,} rows", hint="sample the file first")
        rows.append(row)
    if not (rows or may_be_empty):
        raise TaskError(f"reading {path}: it has no examples", hint="add rows, one JSON a line")
    return rows


def check_input(text: str, where: str) -> None:
    """Raise TaskError for a blank input or one above 64 KiB of UTF-8."""
    if not text.strip():
        raise TaskError(f"{where}: the input is blank")
    if len(text) > MAX_INPUT_BYTES // 4 and (size := len(text.encode())) > MAX_INPUT_BYTES:
        raise TaskError(
            f"{where}: the input has {size:,} bytes, more than {MAX_INPUT_BYTES:,}",
            hint="shorten it to what the job needs",
        )


def format_rows(rows: Iterable[Row]) -> Iterator[str]:
    """Yield one JSON line a row, ends included."""
    for example, split in rows:
        row: dict[str, Any] = {
            "id": example.id,
            "input": example.input,
            "target": example.target,
            "group": example.group,
            "split": split,
        }
        if example.setup:
            row["setup"] = example.setup
        if example.earlier:
            row["earlier"] = example.earlier
        yield json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def _parse(value: Any, where: str) -> Row:
    if not isinstance(value, dict):
        raise TaskError(f"{where}: a row is a JSON object, not {quote(value)}")
    for key in value:
        if key not in _KEYS:
            raise TaskError(f"{where}: unknown key {key!r}", hint=did_you_mean(key, _KEYS))
    id_ = _text(value, "id", where)
    where = f"{where}, row {quote(id_)}"
    text = _text(value, "input", where)
    check_input(text, where)
    target = value.get("target")
    if not isinstance(target, dict):
        raise TaskError(f"{where}: target must be a JSON object, not {quote(target)}")
    split = value.get("split")
    if split is not None and split not in SPLITS:
        raise TaskError(f"{where}: unknown split {split!r}", hint=did_you_mean(split, SPLITS))
    group = _text(value, "group", where) if value.get("group") is not None else id_
    setup = value.get("setup", {})
    if not isinstance(setup, dict):
        raise TaskError(f"{where}: setup must be a JSON object, not {quote(setup)}")
    earlier = _earlier(value.get("earlier", []), where)
    found = Example(id=id_, input=text, target=target, group=group, setup=setup, earlier=earlier)
    return found, split


def _earlier(value: Any, where: str) -> tuple[tuple[str, ...], ...]:
    conversations = value if isinstance(value, list) else [value]
    for turns in conversations:
        if not isinstance(turns, list) or not all(isinstance(turn, str) for turn in turns):
            raise TaskError(
                f"{where}: earlier must be a list of conversations, each a list of texts, not"
                f" {quote(value)}"
            )
    return tuple(tuple(turns) for turns in conversations)


def _text(value: dict[str, Any], key: str, where: str) -> str:
    text = value.get(key)
    if not isinstance(text, str) or not text:
        raise TaskError(f"{where}: {key} must be text, not {quote(text)}")
    return text
