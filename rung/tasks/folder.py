"""A task's folder, read and written: task.toml, form.json, examples.jsonl, splits.lock.json.

Splits are locked at the first load. Afterwards an edited holdout is refused; edited train and dev
examples are accepted and locked anew as long as they share nothing with the holdout. The Task that
comes out holds train and dev examples only; the holdout is read by `holdout.py`. Whole folders are
written beside their place and renamed, and an existing task is never overwritten.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from rung.core import config
from rung.core.errors import GateError, TaskError, reason_of
from rung.core.files import write_atomic
from rung.core.hashing import canonical_json
from rung.core.records import SPLITS, Split
from rung.core.spelling import did_you_mean, quote
from rung.tasks import lock as locks
from rung.tasks import user_scorer
from rung.tasks.answers import Answers, read_answers
from rung.tasks.contract import (
    Contract,
    check_name,
    default_scoring,
    format_contract,
    parse_contract,
    read_contract,
)
from rung.tasks.rows import Row, check_input, format_rows, read_rows
from rung.tasks.splits import Splits, Ties, check_leaks, split_examples, split_hash
from rung.tasks.task import SIDE_EFFECTS, Example, Task

CONTRACT = "task.toml"
FORM = "form.json"
EXAMPLES = "examples.jsonl"
QUARANTINE = "quarantine.jsonl"
SHOTS = "shots.jsonl"
"""Instead of examples and lock, where a task only serves: train examples that its route shows, or
that its simulated world can be asked."""
_log = logging.getLogger(__name__)


def tasks_home() -> Path:
    """Return the folder of the user's own tasks."""
    return config.home() / "tasks"


def load_task(path: Path) -> Task:
    """Read a task folder; makes and locks the splits when none are locked yet.

    Raises TaskError for anything unusable in the folder, GateError when the holdout was edited.
    """
    path = path.absolute()
    if not path.is_dir():
        raise TaskError(f"loading a task: no folder {path}", hint="see rung tasks, or rung init")
    answers = read_answers(path / FORM)
    own_scorer = path / user_scorer.FILE
    if own_scorer.is_file():
        user_scorer.check_source(own_scorer)
    contract = read_contract(path / CONTRACT, answers, own_scorer=own_scorer.is_file())
    if (path / SHOTS).is_file():
        splits: Splits = group_by_split(read_rows(path / SHOTS, answers, may_be_empty=True))
        hashes, num_holdout = {split: split_hash(splits[split]) for split in SPLITS}, 0
        generation = 1
    else:
        lock = locks.read_lock(path / locks.FILE)
        rows = read_rows(path / (lock.examples if lock else EXAMPLES), answers)
        splits, lock = _first_lock(path, rows) if lock is None else _check_lock(path, rows, lock)
        hashes, num_holdout = dict(lock.hashes), lock.counts["holdout"]
        generation = lock.generation
    if not contract.world and any(one.earlier for split in SPLITS for one in splits[split]):
        raise TaskError(
            f"loading {path}: an example has `earlier`, which only agents remember",
            hint="leave it out, or give the task a world",
        )
    if contract.world and not (path / SHOTS).is_file():
        _check_forbidden_acts(path, contract, splits)
    return Task(
        name=contract.name,
        title=contract.title,
        instruction=contract.instruction,
        schema=answers.schema,
        scoring=contract.scoring,
        error_cost=contract.error_cost,
        replies=contract.replies,
        gate=contract.gate,
        style=contract.style,
        world=contract.world,
        local_only=contract.local_only,
        volume_per_day=contract.volume_per_day,
        latency_budget_ms=contract.latency_budget_ms,
        reference_price=contract.reference_price,
        default_limit=contract.default_limit,
        path=path,
        train=tuple(splits["train"]),
        dev=tuple(splits["dev"]),
        num_holdout=num_holdout,
        generation=generation,
        split_hashes=MappingProxyType({str(split): hashes[split] for split in SPLITS}),
    )


def _check_forbidden_acts(path: Path, contract: Contract, splits: Splits) -> None:
    """Raise TaskError for a forbidden act that no example asserts: it would never be counted."""
    nevers = [one.setup.get("never") for split in SPLITS for one in splits[split]]
    rules = [rule for never in nevers if isinstance(never, list) for rule in never]
    known = {str(rule.get("name", rule.get("tool"))) for rule in rules if isinstance(rule, Mapping)}
    for limit in contract.gate.forbidden:
        if limit.name not in known | {SIDE_EFFECTS}:
            raise TaskError(
                f"loading {path}: gate.forbidden names {quote(limit.name)},"
                " which no example's setup.never does",
                hint=did_you_mean(limit.name, [SIDE_EFFECTS, *sorted(known)]),
            )


def packed_files(task: Task, shots: Sequence[Example]) -> dict[str, str]:
    """Return the files of a folder that only serves: the contract, and examples of train.

    An own scorer is left out, being code; nothing is scored where nothing is measured.
    """
    plain = replace(task, scoring=default_scoring(Answers(task.schema)))
    return {
        CONTRACT: format_contract(plain),
        FORM: json.dumps(task.schema, indent=1, ensure_ascii=False) + "\n",
        SHOTS: "".join(format_rows((example, "train") for example in shots)),
    }


def save_task(
    task: Task,
    splits: Splits,
    path: Path,
    *,
    ties: Ties = "group",
    seed: int = 0,
    quarantine: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write a new task folder with these splits; `task.path` and its examples are not used.

    `ties` says what must not straddle the splits, now and after later edits. Raises TaskError when
    the folder exists, an example does not fit the schema, or the splits leak.
    """
    check_name(task.name)
    check_free(path, task.name)
    answers = Answers(task.schema)
    _check_examples(splits, answers)
    check_leaks(splits, ties)
    contract = format_contract(task)
    _check_encodable(contract, f"saving task {task.name!r}")
    # A task with a scorer.py gets it after it is saved, so fields need not be scored yet.
    parse_contract(contract, answers, f"saving task {task.name!r}", own_scorer=True)
    rows: list[Row] = [(example, split) for split in SPLITS for example in splits[split]]
    files: dict[str, Iterable[str]] = {
        CONTRACT: [contract],
        FORM: [json.dumps(task.schema, indent=1, ensure_ascii=False) + "\n"],
        EXAMPLES: format_rows(rows),
        locks.FILE: [locks.seal(splits, ties=ties, seed=seed).to_json()],
    }
    if quarantine:
        files[QUARANTINE] = (json.dumps(row, ensure_ascii=False) + "\n" for row in quarantine)
    _write_folder(path, files)


def check_free(path: Path, name: str) -> None:
    """Raise TaskError when something is already at `path`."""
    if os.path.lexists(path):
        raise TaskError(
            f"making task {name!r}: {path} exists", hint="take another name, or delete that folder"
        )


def group_by_split(rows: Iterable[Row]) -> dict[Split, list[Example]]:
    """Return the examples of each split; rows without one join train."""
    splits: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for example, split in rows:
        splits[split or "train"].append(example)
    return splits


def check_holdout(file: Path, holdout: Sequence[Example], locked: str) -> None:
    """Raise GateError unless the holdout's content in a file has the locked hash."""
    found = split_hash(holdout)
    if found != locked:
        raise GateError(
            f"the holdout in {file} was edited: its hash is {found[:12]}…, "
            f"{locks.FILE} says {locked[:12]}…",
            hint="restore the file, or make a new task with rung init",
        )


def _first_lock(path: Path, rows: list[Row]) -> tuple[Splits, locks.Lock]:
    unsplit = [example for example, split in rows if split is None]
    if unsplit and len(unsplit) < len(rows):
        raise TaskError(
            f"reading {path / EXAMPLES}: row {unsplit[0].id!r} has no split, others have one",
            hint="give every row a split, or none",
        )
    if unsplit:
        made = split_examples(unsplit)
        place = {example.id: split for split in SPLITS for example in made[split]}
        rows = [(example, place[example.id]) for example, _ in rows]
    splits = group_by_split(rows)
    if not unsplit:
        check_leaks(splits)
    lock = locks.seal(splits, ties="near", seed=0)
    if unsplit:
        write_atomic(path / EXAMPLES, "".join(format_rows(rows)))
    write_atomic(path / locks.FILE, lock.to_json())
    return splits, lock


def _check_lock(path: Path, rows: list[Row], lock: locks.Lock) -> tuple[Splits, locks.Lock]:
    splits = group_by_split(rows)
    check_holdout(path / lock.examples, splits["holdout"], lock.hashes["holdout"])
    now = locks.seal(splits, ties=lock.ties, seed=lock.seed, generation=lock.generation)
    if now != lock:
        check_leaks(splits, lock.ties, sealed_only=True)
        if any(split is None for _, split in rows):
            text = format_rows((example, split or "train") for example, split in rows)
            write_atomic(path / lock.examples, "".join(text))
        write_atomic(path / locks.FILE, now.to_json())
        _log.warning("%s: train or dev examples changed; the splits are locked anew", path)
    return splits, now


def _check_examples(splits: Splits, answers: Answers) -> None:
    seen = set()
    for split in SPLITS:
        for example in splits.get(split, ()):
            where = f"saving row {example.id!r}"
            if example.id in seen or not example.id or not example.group:
                raise TaskError(f"{where}: an id must be unique, id and group not empty")
            seen.add(example.id)
            answers.check(example.target, where)
            texts = (example.id, example.input, example.group, canonical_json(example.target))
            _check_encodable("".join(texts), where)
            check_input(example.input, where)


def _check_encodable(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TaskError(
            f"{where}: {text[error.start]!r} is half of a surrogate pair, not a character"
        ) from None


def _write_folder(path: Path, files: Mapping[str, Iterable[str]]) -> None:
    scratch = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        scratch.mkdir(parents=True)
        for name, parts in files.items():
            with (scratch / name).open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(parts)
        scratch.rename(path)
    except OSError as error:
        raise TaskError(f"writing {path}: {reason_of(error)}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
