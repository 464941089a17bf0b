"""Results files in, examples out: read rows, gather the samples of each example, pair two routes.

A results file is JSONL, one sample a line; `example` and `score` are required, everything else has
a default, unknown keys are ignored. Nothing here compares or judges.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from rung.core.errors import GateError, reason_of
from rung.core.records import Effort, Row, Status, Usage

_HINT = "`rung run NAME --route R` writes a results file"
_NUM_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """All samples of one example by one route."""

    example: str
    group: str
    rows: tuple[Row, ...]

    @property
    def timed(self) -> bool:
        """Whether what the samples cost can be compared."""
        return all(row.timed for row in self.rows)

    def mean(self, field: str) -> float:
        """Return the mean over samples of a numeric field of Row."""
        return math.fsum(float(getattr(row, field)) for row in self.rows) / len(self.rows)

    @property
    def strict(self) -> bool:
        """Whether more than half of the samples are strictly right."""
        return self.mean("strict") > 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Two routes on the same examples, aligned and sorted by example id."""

    reference: tuple[Samples, ...]
    candidate: tuple[Samples, ...]

    @property
    def groups(self) -> list[str]:
        """Return each example's group."""
        return [samples.group for samples in self.reference]


def gather(rows: Sequence[Row], *, name: str) -> dict[str, Samples]:
    """Gather rows by example, sorted by id; `name` says in errors whose rows they are.

    Raises GateError when there is no row, a score is outside 0..1, a sample comes twice, or an
    example has two groups.
    """
    if not rows:
        raise GateError(f"{name} has no rows", hint=_HINT)
    gathered: dict[str, dict[int, Row]] = {}
    for row in rows:
        if not 0.0 <= row.score <= 1.0:
            raise GateError(f"{name}: example {row.example!r} has score {row.score}, not 0 to 1")
        samples = gathered.setdefault(row.example, {})
        if row.sample in samples:
            raise GateError(
                f"{name}: example {row.example!r} has sample {row.sample} twice",
                hint="two runs may have been appended to one file",
            )
        if samples and next(iter(samples.values())).group != row.group:
            raise GateError(f"{name}: example {row.example!r} is in more than one group")
        samples[row.sample] = row
    return {
        example: Samples(
            example=example,
            group=next(iter(samples.values())).group,
            rows=tuple(samples[number] for number in sorted(samples)),
        )
        for example, samples in sorted(gathered.items())
    }


def pair(
    reference: Sequence[Row],
    candidate: Sequence[Row],
    *,
    reference_name: str,
    candidate_name: str,
) -> Pairs:
    """Align two routes by example; raises GateError unless examples and groups are the same.

    A comparison on the common examples alone would reward a route that leaves out the hard ones.
    """
    first, second = (
        gather(reference, name=reference_name),
        gather(candidate, name=candidate_name),
    )
    for missing, name in (
        (first.keys() - second.keys(), candidate_name),
        (second.keys() - first.keys(), reference_name),
    ):
        if missing:
            raise GateError(
                f"{name} lacks {len(missing)} examples that the other route has: {_named(missing)}",
                hint="run both routes on the same split; a failed example is a row with score 0",
            )
    moved = [example for example in first if first[example].group != second[example].group]
    if moved:
        raise GateError(
            f"{len(moved)} examples are in different groups in {reference_name} and"
            f" {candidate_name}: {_named(moved)}"
        )
    return Pairs(reference=tuple(first.values()), candidate=tuple(second.values()))


def _named(examples: Iterable[str]) -> str:
    names = sorted(examples)
    tail = ", ..." if len(names) > _NUM_NAMED else ""
    return ", ".join(map(repr, names[:_NUM_NAMED])) + tail


def read_rows(path: Path) -> list[Row]:
    """Read a results file; a missing `sample` counts up within its example.

    Defaults: group = example, strict = (score is 1), status = failed when there is an error.
    Raises GateError naming the file, the line and what is wrong with it.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GateError(
            f"cannot read results file {path}: {reason_of(error)}", hint=_HINT
        ) from error
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = _row(json.loads(line), seen)
        except (ValueError, RecursionError) as error:
            raise GateError(f"{path}, line {number}: {error}", hint=_HINT) from error
        seen[row.example] = seen.get(row.example, 0) + 1
        rows.append(row)
    if not rows:
        raise GateError(f"{path} has no rows", hint=_HINT)
    return rows


def _row(data: Any, seen: Mapping[str, int]) -> Row:
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {_shown(data)}")
    for key in ("example", "score"):
        if data.get(key) is None:
            raise ValueError(f"{key} is missing")
    example = _text(data, "example", "")
    score = _number(data, "score", 0.0, high=1.0)
    error = data.get("error")
    return Row(
        example=example,
        group=_text(data, "group", example),
        sample=_count(data, "sample", seen.get(example, 0)),
        score=score,
        strict=_flag(data, "strict", score >= 1.0),
        output=data.get("output"),
        usage=_usage(data.get("usage") or {}),
        effort=_effort(data.get("effort") or {}),
        latency_ms=_number(data, "latency_ms", 0.0),
        cost_usd=_number(data, "cost_usd", 0.0),
        timed=_flag(data, "timed", True),
        spent_usd=_numbers(data, "spent_usd"),
        error=None if error is None else str(error),
        status=_status(data.get("status") or ("failed" if error else "ok")),
        error_cost_usd=_number(data, "error_cost_usd", 0.0),
        fields=_numbers(data, "fields"),
        forbidden=_names(data.get("forbidden") or []),
        cause=_text(data, "cause", ""),
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _text(data: Mapping[str, Any], key: str, default: str) -> str:
    value = data.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{key} is {_shown(value)}, not a string")
    return str(value)


def _number(data: Mapping[str, Any], key: str, default: float, high: float = math.inf) -> float:
    value = data.get(key)
    if value is None:
        return default
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not 0.0 <= value <= high or math.isinf(value):
        rule = "a number of at least 0" if math.isinf(high) else f"a number from 0 to {high:g}"
        raise ValueError(f"{key} is {_shown(value)}, not {rule}")
    return float(value)


def _count(data: Mapping[str, Any], key: str, default: int) -> int:
    value = data.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{key} is {_shown(value)}, not a whole number of at least 0")
    return value


def _flag(data: Mapping[str, Any], key: str, default: bool) -> bool:
    value = data.get(key)
    if value is None:
        return default
    if value not in (0, 1):
        raise ValueError(f"{key} is {_shown(value)}, not true or false")
    return bool(value)


def _status(value: Any) -> Status:
    for status in get_args(Status):
        if value == status:
            return status  # type: ignore[no-any-return]
    raise ValueError(f"status is {_shown(value)}, not one of {', '.join(get_args(Status))}")


def _usage(value: Any) -> Usage:
    if not isinstance(value, dict):
        raise ValueError(f"usage is {_shown(value)}, not an object")
    return Usage(**{kind.name: _count(value, kind.name, 0) for kind in fields(Usage)})


def _effort(value: Any) -> Effort:
    if not isinstance(value, dict):
        raise ValueError(f"effort is {_shown(value)}, not an object")
    return Effort(**{kind.name: _count(value, kind.name, 0) for kind in fields(Effort)})


def _numbers(data: Mapping[str, Any], key: str) -> dict[str, float]:
    value = data.get(key) or {}
    if not isinstance(value, dict):
        raise ValueError(f"{key} is {_shown(value)}, not an object")
    return {name: _number(value, name, 0.0) for name in value}


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"forbidden is {_shown(value)}, not a list of names")
    return tuple(value)
