"""Run a route over examples and score it: one Row each, answered once and then cached.

An answer is stored the moment it exists, so a killed run repeats none. Scores are recomputed from
stored answers, so changing a scorer costs no model call. A failed example is a row, not a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rung.core.errors import EngineError, TaskError
from rung.core.records import Row
from rung.engines.prices import Price
from rung.routes.acting import score_calls, solve
from rung.routes.answer import answered
from rung.routes.route import Route
from rung.routes.runtime import Answer, Runtime
from rung.routes.spent import answer_cost_usd, by_person, spent_usd
from rung.tasks.scorers import Score, score_output
from rung.tasks.task import Example

MAX_OUTAGES = 3
"""Outages in a row after which the engine is taken to be gone."""

OnRow = Callable[[Row, bool], None]
"""Called after each example with its row and whether it came from the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer of a run."""

    example: Example
    sample: int
    answer: Answer
    cached: bool
    """Whether the answer was known."""


def evaluate(
    route: Route,
    runtime: Runtime,
    examples: Sequence[Example],
    *,
    price: Price,
    samples: int = 1,
    on_row: OnRow | None = None,
) -> list[Row]:
    """Return one row per example and sample, in order; see `answer_all` for outages."""
    rows = []
    for found in answer_all(route, runtime, examples, samples):
        row = to_row(runtime, found.example, found.answer, price, found.sample)
        rows.append(row)
        if on_row:
            on_row(row, found.cached)
    return rows


def answer_all(
    route: Route, runtime: Runtime, examples: Sequence[Example], samples: int = 1
) -> Iterator[Answered]:
    """Yield one answer per example and sample, in order.

    A passing outage makes a failed answer that is not stored; three in a row raise EngineError.
    """
    outages = 0
    for example in examples:
        for sample in range(samples):
            try:
                found, cached = answered(route, runtime, example, sample)
                outages = 0
            except EngineError as error:
                outages += 1
                if not error.retryable or outages >= MAX_OUTAGES:
                    raise
                found, cached = Answer(output=None, status="failed", reason=str(error)), False
            yield Answered(example=example, sample=sample, answer=found, cached=cached)


def to_row(runtime: Runtime, example: Example, found: Answer, price: Price, sample: int) -> Row:
    """Score an answer against its example; a scorer that raises makes the row's error.

    An answer that breaks the schema is unusable: never strict, and it costs what no answer costs.
    Its soft score still counts the fields it got right, so that a blank page is not undersold. What
    a person was left to answer counts as right, at the person's price: assumed, not measured.
    """
    if by_person(found):
        found = replace(found, output=solve(runtime, example).output)
    usable = found.output if runtime.task.world or found.status != "failed" else None
    error = found.reason or None
    try:
        score = _score(runtime, example, usable, found.stop)
        partial = _score(runtime, example, found.output, found.stop)
    except TaskError as problem:
        score = partial = _score(runtime, example, None)
        error = str(problem)
    return Row(
        example=example.id,
        group=example.group,
        sample=sample,
        score=partial.score,
        strict=score.strict,
        output=found.output,
        usage=found.usage,
        effort=found.effort,
        latency_ms=found.latency_ms,
        cost_usd=answer_cost_usd(price, found),
        spent_usd=spent_usd(found),
        error=error,
        status=found.status,
        error_cost_usd=score.error_cost_usd,
        fields=dict(partial.fields),
        forbidden=score.forbidden,
        cause=score.cause,
    )


def _score(
    runtime: Runtime, example: Example, output: dict[str, Any] | None, stop: str = ""
) -> Score:
    if runtime.task.world:
        return score_calls(runtime, example, output, stop)
    return score_output(runtime.task, example, output)
