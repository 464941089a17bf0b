"""Reader: which requirements an example has, and which of them an answer missed.

The seam between tasks with a form and tasks with a world. What both share is here: which sample of
a failed example is read, and what a failed answer without content means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from rung.core.records import OUTAGE, REFUSED, Row
from rung.gate.rows import Samples
from rung.repair.records import UNANSWERED, Miss
from rung.tasks.task import Example

STOPS = ("malformed", "truncated", "abstained")
"""Causes of what an agent that was stopped had not done by then."""


class Reader(Protocol):
    """Reads answers of one task."""

    def requirements(self, example: Example) -> Mapping[str, str]:
        """Return the scope of each of the example's requirements, by its name."""
        ...

    def misses(self, example: Example, samples: Samples) -> list[Miss]:
        """Return what the example's answers missed, at least one where they failed, else none."""
        ...


def failing_row(samples: Samples) -> Row | None:
    """Return the first sample that is not strict, None where most are; of an example that nobody
    answered its first."""
    if not heard(samples):
        return samples.rows[0]
    return None if samples.strict else next(row for row in samples.rows if not row.strict)


def is_outage(row: Row) -> bool:
    """Return whether nobody answered: an outage or a refused request says nothing of the route."""
    return row.cause in (OUTAGE, REFUSED)


def heard(samples: Samples) -> tuple[Row, ...]:
    """Return the samples that were answered."""
    return tuple(row for row in samples.rows if not is_outage(row))


def cause_without_content(row: Row) -> str:
    """Return why a row has no usable answer; empty when it has one."""
    if row.status == "abstained":
        return "abstained"
    if row.status != "failed" and row.output is not None:
        return ""
    reason = row.error or ""
    if reason.startswith("cut at") or "context" in reason:
        return "truncated"
    return UNANSWERED if is_outage(row) else "malformed"


def shown(value: Any) -> str:
    """Return a value as one short line for people."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:79] + "…"
