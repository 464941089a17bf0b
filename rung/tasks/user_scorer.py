"""`scorer.py` of a task folder: a function `score(example, output)` written by the task's owner.

It returns a number from 0 to 1, or `{"score": …, "strict": …, "fields": {name: …}}`. Mistakes in it
become TaskErrors that name the file and the line; how it is loaded is in `user_code.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from rung.core.errors import TaskError
from rung.core.spelling import did_you_mean, quote
from rung.tasks import user_code
from rung.tasks.task import Example

FILE = "scorer.py"
_HINT = "def score(example, output): …"
_KEYS = ("score", "strict", "fields")

Scored = tuple[float, bool, dict[str, float]]
"""Score, strict, score of each field."""


def check_source(path: Path) -> None:
    """Raise TaskError when the file is not Python or defines no `score`; nothing is run."""
    user_code.check_source(path, "score", hint=_HINT)


def run_scorer(path: Path, example: Example, output: dict[str, Any]) -> Scored:
    """Call the task's own scorer on one answer; the caller turns a TaskError into a failed row."""
    score = user_code.load_name(path, "score", what="scorer", hint=_HINT)
    if not callable(score):
        raise TaskError(f"loading {path}: score is no function", hint=_HINT)
    try:
        result = score(example, output)
    except Exception as error:
        raise user_code.failed(path, f"scoring example {example.id!r}", error) from error
    return _check(result, f"{path}: score() of example {example.id!r}")


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
