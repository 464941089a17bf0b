"""A receipt: one JSON file from which anyone can recompute a verdict offline.

It references the row files by relative path and SHA-256, and embeds the rules, the seed, the hash
of the locked split, the few targets the recall limits read, and the report. `verify_receipt` reads
the row files again, judges again and lists every difference. The receipt's own hash exposes edits
to what cannot be recomputed (date, version, split hash); keep it in the registry, because someone
who may rewrite the receipt may also rewrite the hash in it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rung
from rung.core.clock import now_utc
from rung.core.errors import GateError, RungError, reason_of
from rung.core.files import write_atomic
from rung.core.hashing import canonical_json, content_hash, file_sha256
from rung.gate.limits import Targets
from rung.gate.rows import read_rows
from rung.gate.verdict import GateReport, judge
from rung.tasks.task import Forbidden, GateRules, RecallLimit

_FORMAT = 1
_KEYS = frozenset(
    {
        "format",
        "task",
        "made",
        "code_version",
        "split_sha256",
        "rules",
        "incumbent",
        "candidates",
        "targets",
        "report",
        "receipt_sha256",
    }
)
_TOLERANCE = 1e-9


def make_receipt(
    report: GateReport,
    *,
    folder: Path,
    task: str,
    incumbent: Path,
    candidates: Mapping[str, Path],
    rules: GateRules,
    targets: Targets,
    split_sha256: str,
) -> dict[str, Any]:
    """Return the receipt of `report` as JSON; `folder` is where it will be saved.

    `incumbent` and `candidates` are the row files that were judged, `candidates` in the same order.
    Raises GateError when a row file is missing or the candidates are not those of the report.
    """
    judged = [candidate.name for candidate in report.candidates]
    if judged != list(candidates):
        raise GateError(f"the report judged {judged}, the row files are of {list(candidates)}")
    read = sorted({limit.field for limit in rules.recall})
    receipt = {
        "format": _FORMAT,
        "task": task,
        "made": now_utc(),
        "code_version": rung.__version__,
        "split_sha256": split_sha256,
        "rules": asdict(rules),
        "incumbent": _reference(report.incumbent, incumbent, folder),
        "candidates": [_reference(name, path, folder) for name, path in candidates.items()],
        "targets": {
            example: {field: target.get(field) for field in read}
            for example, target in targets.items()
            if read
        },
        "report": report.to_json(),
    }
    plain: dict[str, Any] = json.loads(canonical_json(receipt))
    return plain | {"receipt_sha256": content_hash(plain)}


def save_receipt(path: Path, receipt: Mapping[str, Any]) -> None:
    """Write a receipt, keys in order, one per line."""
    write_atomic(path, json.dumps(receipt, indent=1, ensure_ascii=False) + "\n")


def _reference(name: str, path: Path, folder: Path) -> dict[str, str]:
    if not path.is_file():
        raise GateError(f"row file of {name} is missing: {path}")
    relative = Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    return {"name": name, "path": relative, "sha256": file_sha256(path)}


def verify_receipt(path: Path, *, split_sha256: str | None = None) -> list[str]:
    """Recompute a receipt offline and return what does not match; empty means all does.

    With `split_sha256` the recorded split hash is compared too. Raises GateError when the file
    itself cannot be read as a receipt.
    """
    receipt = _load(path)
    mismatches = []
    if _was_edited(receipt):
        mismatches.append("receipt_sha256: the receipt was edited after it was made")
    if split_sha256 is not None and split_sha256 != receipt["split_sha256"]:
        mismatches.append(f"split_sha256: {receipt['split_sha256']} is not {split_sha256}")
    try:
        files = [receipt["incumbent"], *receipt["candidates"]]
        for file in files:
            mismatches += _file_mismatch(file, path.parent)
        mismatches += _differences("report", receipt["report"], _judge_again(receipt, path.parent))
    except RungError as error:
        mismatches.append(f"cannot judge again: {error}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        mismatches.append(f"the receipt is malformed: {type(error).__name__}: {error}")
    return mismatches


def judged_on(path: Path) -> tuple[str, str]:
    """Return the task that a receipt is of, and the hash of its holdout as recorded.

    Raises GateError for what is no receipt.
    """
    receipt = _load(path)
    return str(receipt["task"]), str(receipt["split_sha256"])


def _load(path: Path) -> dict[str, Any]:
    try:
        receipt = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise GateError(f"cannot read receipt {path}: {reason_of(error)}") from error
    if not isinstance(receipt, dict) or receipt.keys() != _KEYS or receipt["format"] != _FORMAT:
        raise GateError(
            f"{path} is not a receipt of format {_FORMAT}",
            hint="pass the receipt that `rung gate` wrote, with its row files beside it",
        )
    return receipt


def _was_edited(receipt: Mapping[str, Any]) -> bool:
    recorded = {key: value for key, value in receipt.items() if key != "receipt_sha256"}
    try:
        return bool(content_hash(recorded) != receipt["receipt_sha256"])
    except ValueError:  # NaN, infinity, half a character: no receipt is made with one
        return True


def _file_mismatch(file: Mapping[str, str], folder: Path) -> Iterator[str]:
    path = folder / file["path"]
    if not path.is_file():
        yield f"rows of {file['name']}: {file['path']} is missing"
    elif file_sha256(path) != file["sha256"]:
        yield f"rows of {file['name']}: {file['path']} has changed"


def _judge_again(receipt: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    incumbent = receipt["incumbent"]
    report = judge(
        {file["name"]: read_rows(folder / file["path"]) for file in receipt["candidates"]},
        read_rows(folder / incumbent["path"]),
        incumbent_name=incumbent["name"],
        rules=_rules(receipt["rules"]),
        targets=receipt["targets"],
        seed=receipt["report"]["seed"],
        priced=receipt["report"].get("priced", True),
    )
    again: dict[str, Any] = json.loads(canonical_json(report.to_json()))
    return again


def _rules(data: Mapping[str, Any]) -> GateRules:
    limits = {
        "recall": tuple(RecallLimit(**limit) for limit in data["recall"]),
        "forbidden": tuple(
            Forbidden(**(limit | {"predicted": tuple(limit["predicted"])}))
            for limit in data["forbidden"]
        ),
    }
    added = {"min_saving": 0.0}  # receipts from before there was a least saving
    return GateRules(**(added | dict(data) | limits))


def _differences(where: str, recorded: Any, again: Any) -> Iterator[str]:
    """Yield every place where two JSON values differ by more than rounding."""
    if isinstance(recorded, dict) and isinstance(again, dict):
        for key in sorted(recorded.keys() | again.keys()):
            yield from _differences(f"{where}.{key}", recorded.get(key), again.get(key))
    elif isinstance(recorded, list) and isinstance(again, list) and len(recorded) == len(again):
        for i, (old, new) in enumerate(zip(recorded, again, strict=True)):
            yield from _differences(f"{where}[{i}]", old, new)
    elif not _same(recorded, again):
        yield f"{where}: recorded {recorded!r}, computed {again!r}"


def _same(recorded: Any, again: Any) -> bool:
    if isinstance(recorded, float) and isinstance(again, float):
        return math.isclose(recorded, again, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return type(recorded) is type(again) and bool(recorded == again)
