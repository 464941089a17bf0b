"""Run a route over examples and score it: one Row each, answered once and then cached.

An answer is stored the moment it exists, so a killed run repeats none. Scores are recomputed from
stored answers, so changing a scorer costs no model call. A failed example is a row, not a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from rung.core.errors import EngineError, TaskError
from rung.core.records import OUTAGE, REFUSED, Row
from rung.engines.prices import Price
from rung.routes.acting import score_calls, solve
from rung.routes.answer import answered
from rung.routes.in_flight import in_order, num_in_flight
from rung.routes.route import Route
from rung.routes.runtime import Answer, Runtime
from rung.routes.spent import answer_cost_usd, by_person, spent_usd
from rung.tasks.scorers import Score, score_output
from rung.tasks.task import Example, Task
from rung.worlds.world import World

MAX_OUTAGES = 3
"""Outages in a row after which the engine is taken to be gone."""
MAX_REJECTED = 5
"""Examples in a row whose requests are refused, after which it is not the examples."""

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
) -> Generator[Row, None, None]:
    """Yield one row per example and sample, in order; see `answer_all` for outages.

    Who has seen enough rows takes no more, in the same pass: errors in a row are counted in one.
    """
    with closing(answer_all(route, runtime, examples, samples)) as results:
        for found in results:
            row = to_row(runtime, found.example, found.answer, price, found.sample)
            if on_row:
                on_row(row, found.cached)
            yield row


def answer_all(
    route: Route, runtime: Runtime, examples: Sequence[Example], samples: int = 1
) -> Generator[Answered, None, None]:
    """Yield one answer per example and sample, in order; a server is asked for as many at once as
    its endpoint says (`in_flight.py`).

    A passing outage or a refused request makes a failed answer that is not stored; three outages,
    or five refused examples, in a row raise EngineError, as every other error of the engine does.
    """
    failures = Failures()
    asked = [(example, sample) for example in examples for sample in range(samples)]
    works = (partial(answered, route, runtime, *one) for one in asked)
    with closing(in_order(works, num_in_flight(route, runtime.task))) as results:
        for (example, sample), result in zip(asked, results, strict=True):
            try:
                found, cached = result()
                failures = Failures()
            except EngineError as error:
                failures.bear(error, example.id)
                stop = REFUSED if error.rejected else OUTAGE
                found = Answer(output=None, status="failed", reason=str(error), stop=stop)
                cached = False
            except KeyboardInterrupt:
                runtime.close()  # gives up what is in flight, which would else be waited for
                raise
            yield Answered(example=example, sample=sample, answer=found, cached=cached)


@dataclass(slots=True)
class Failures:
    """What went wrong since the last answer."""

    num_outages: int = 0
    rejected: set[str] = field(default_factory=set)
    """Ids of examples, or other names of inputs."""

    def bear(self, error: EngineError, named: str) -> None:
        """Count an error, or raise it where nothing speaks for the next example."""
        if error.rejected:
            self.rejected.add(named)
            if len(self.rejected) >= MAX_REJECTED:
                raise EngineError(
                    f"{error.message} ({MAX_REJECTED} examples in a row)", hint=error.hint
                )
            return
        self.num_outages += 1
        if not error.retryable or self.num_outages >= MAX_OUTAGES:
            raise error


def to_row(runtime: Runtime, example: Example, found: Answer, price: Price, sample: int) -> Row:
    """Score an answer against its example; a scorer that raises makes the row's error.

    What was never answered is wrong, also where doing nothing would have been right.
    An answer that breaks the schema is unusable: never strict, and it costs what no answer costs.
    Its soft score still counts the fields it got right, so that a blank page is not undersold. What
    a person was left to answer counts as right, at the person's price: assumed, not measured.
    """
    if by_person(found):
        found = replace(found, output=solve(runtime, example).output)
    world = runtime.world if runtime.task.world else None
    failed = found.status == "failed"
    score, partial, problem = scores_of(
        runtime.task, world, example, found.output, failed=failed, stop=found.stop
    )
    if found.stop in (OUTAGE, REFUSED):
        score = partial = replace(score, score=0.0, strict=False, cause=found.stop)
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
        error=problem or found.reason or None,
        status=found.status,
        error_cost_usd=score.error_cost_usd,
        fields=dict(partial.fields),
        forbidden=score.forbidden,
        cause=score.cause,
    )


def scores_of(
    task: Task,
    world: World | None,
    example: Example,
    output: dict[str, Any] | None,
    *,
    failed: bool,
    stop: str = "",
) -> tuple[Score, Score, str]:
    """Return what an answer is worth, what the fields it got right are, and why a scorer raised.

    An answer that failed is worth what no answer is, except in a world, where what was done counts.
    """

    def score(said: dict[str, Any] | None, stop: str = "") -> Score:
        if world is not None:
            return score_calls(world, task, example, said, stop)
        return score_output(task, example, said)

    try:
        partial = score(output, stop)
        return (score(None) if failed and world is None else partial), partial, ""
    except TaskError as error:
        none = score(None)
        return none, none, str(error)
