"""`scorer.py` of a task folder: a function `score(example, output)` written by the task's owner.

It returns a number from 0 to 1, or `{"score": …, "strict": …, "fields": {name: …}}`. The file runs
in this process with all its rights: it is the owner's code, not a sandboxed plugin. Mistakes in it
become TaskErrors that name the file and the line.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from numbers import Real
from pathlib import Path
from types import CodeType
from typing import Any

from rung.core.errors import TaskError
from rung.core.hashing import short_hash
from rung.core.spelling import did_you_mean, quote
from rung.tasks.task import Example

FILE = "scorer.py"
_KEYS = ("score", "strict", "fields")

Scored = tuple[float, bool, dict[str, float]]
"""Score, strict, score of each field."""


def check_source(path: Path) -> None:
    """Raise TaskError when the file is not Python or defines no `score`; nothing is run."""
    try:
        code = compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError, OSError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise TaskError(f"reading {path}{line}: {error.args[0]}") from None
    if "score" not in code.co_names:
        raise TaskError(f"reading {path}: no function score", hint="def score(example, output): …")


def run_scorer(path: Path, example: Example, output: dict[str, Any]) -> Scored:
    """Call the task's own scorer on one answer; the caller turns a TaskError into a failed row."""
    stat = path.stat()
    score = _load(path, stat.st_mtime_ns, stat.st_size)
    try:
        result = score(example, output)
    except Exception as error:
        raise _failed(path, f"scoring example {example.id!r}", error) from error
    return _check(result, f"{path}: score() of example {example.id!r}")


class _Loader(SourceFileLoader):
    """Compiles the source each time, so that an edit is never hidden by cached bytecode."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


@lru_cache(maxsize=16)
def _load(path: Path, _mtime_ns: int, _size: int) -> Callable[[Example, dict[str, Any]], Any]:
    name = f"rung_task_scorer_{short_hash(str(path))}"
    spec = spec_from_loader(name, _Loader(name, str(path)))
    if spec is None or spec.loader is None:
        raise TaskError(f"loading {path}: not a Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _failed(path, "loading the scorer", error) from error
    score = getattr(module, "score", None)
    if not callable(score):
        raise TaskError(f"loading {path}: no function score", hint="def score(example, output): …")
    return score  # type: ignore[no-any-return]


def _failed(path: Path, doing: str, error: BaseException) -> TaskError:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    where = f"{path}, line {lines[-1]}" if lines else str(path)
    return TaskError(f"{where}: {doing} raised {type(error).__name__}: {error}")


def _check(result: Any, where: str) -> Scored:
    if not isinstance(result, Mapping):
        score = _ratio(result, where)
        return score, score == 1.0, {}
    for key in result:
        if key not in _KEYS:
            raise TaskError(f"{where} returned the key {key!r}", hint=did_you_mean(key, _KEYS))
    score = _ratio(result.get("score"), where)
    strict = result.get("strict", score == 1.0)
    fields = result.get("fields", {})
    if not isinstance(strict, bool):
        raise TaskError(f"{where} returned strict = {quote(strict)}, not a bool")
    if not isinstance(fields, Mapping):
        raise TaskError(f"{where} returned fields = {quote(fields)}, not a dict")
    return score, strict, {str(name): _ratio(value, where) for name, value in fields.items()}


def _ratio(value: Any, where: str) -> float:
    number = float(value) if isinstance(value, Real) else -1.0
    if not 0.0 <= number <= 1.0:
        raise TaskError(f"{where} returned {quote(value)}", hint="return a number from 0 to 1")
    return number
