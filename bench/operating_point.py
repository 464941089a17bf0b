"""Where a head is most often right, and where it costs least: two operating points.

    python bench/operating_point.py [--task helpdesk-reply]… [--num-dev 2000] [--seed 0]

The head is fitted on the task's train split and asked about fresh messages in dev's words. It
decides by least expected loss under (1 - w) times zero-one loss plus w times the task's error
costs, both on one scale; w = 0 is the likeliest answer, w = 1 Elkan's rule. On each half of the
groups the w of highest accuracy and the w of least cost are chosen and measured on the other half.
Intervals are 95 %, clustered by group, of the choice once made.

For a task with approved replies also: what is answered without a person, workflow correctness (the
right outcome, whatever the label), and the cost per acceptable outcome, errors and people counted.
What a person handles is taken to end well. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.core.clock import monotonic_ms
from rung.forms import Value, compile_form, find, is_findable
from rung.routes.answer import head_slots
from rung.routes.head import Head, fit_head
from rung.stats.bootstrap import ratio_interval
from rung.stats.clusters import Floats, group_codes
from rung.stats.intervals import mean_interval
from rung.tasks.replies import compose
from rung.tasks.task import ErrorCost, Example, Task
from rung.worlds.catalog import BUNDLED, load

WEIGHTS = np.linspace(0.0, 1.0, 21)
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the head said of each message: `p` has shape (messages, labels)."""

    labels: tuple[str, ...]
    p: Floats
    right: Indices
    groups: list[str]
    priced: Floats
    """What answering the column costs where the row is true, shape (labels, labels), USD."""


def ask(head: Head, cost: ErrorCost, examples: Sequence[Example]) -> Asked:
    """Ask the head about every message."""
    decided, cpu_ms = [], []
    for example in examples:
        start = time.process_time()
        decided.append(head.decide(example.input)[cost.field][1])
        cpu_ms.append((time.process_time() - start) * 1000.0)
    p50, p95 = np.percentile(cpu_ms, (50, 95))
    print(f"\nthe head decides in {p50:.1f} ms of CPU time, p95 {p95:.1f} ms")
    labels = tuple(json.loads(key) for key in decided[0].probabilities)
    table = [[cost.cost_usd(str(true), str(said)) for said in labels] for true in labels]
    return Asked(
        labels=labels,
        p=np.array([list(one.probabilities.values()) for one in decided]),
        right=np.array([labels.index(example.target[cost.field]) for example in examples]),
        groups=[example.group for example in examples],
        priced=np.array(table),
    )


def decide(asked: Asked, weight: float) -> Indices:
    """Return the label of least expected loss for each message."""
    plain = 1.0 - np.eye(len(asked.labels))
    loss = (1.0 - weight) * plain * asked.priced.mean() + weight * asked.priced
    found: Indices = (asked.p @ loss).argmin(axis=1)
    return found


def cross_fitted(asked: Asked, *, by_cost: bool) -> tuple[Indices, list[float]]:
    """Return decisions with the weight chosen on the other half of the groups, and the weights."""
    half = group_codes(asked.groups) % 2
    said, chosen = np.zeros(len(half), dtype=np.int64), []
    for own in (0, 1):
        other = half != own
        best = max(WEIGHTS, key=lambda w: _worth(asked, decide(asked, w), other, by_cost))
        said[half == own] = decide(asked, best)[half == own]
        chosen.append(float(best))
    return said, chosen


def _worth(asked: Asked, said: Indices, rows: NDArray[np.bool_], by_cost: bool) -> float:
    if by_cost:
        return -float(asked.priced[asked.right, said][rows].mean())
    return float((said == asked.right)[rows].mean())


def show(task: Task, examples: Sequence[Example]) -> None:
    """Measure one task and print it."""
    assert task.error_cost is not None
    form = compile_form(task.schema, style=task.style)
    head = fit_head(task.train, head_slots(form))
    asked = ask(head, task.error_cost, examples)
    print(f"{task.name}: {len(examples)} messages in {len(set(asked.groups))} groups")
    points = {}
    for name, by_cost in (("most accurate", False), ("least cost", True)):
        said, weights = cross_fitted(asked, by_cost=by_cost)
        points[name] = said
        right = (said == asked.right).astype(float)
        usd = asked.priced[asked.right, said]
        print(
            f"  {name:<14} w {weights[0]:.2f}, {weights[1]:.2f}  accuracy {_mean(right, asked)}"
            f"  error cost ${_mean(usd, asked)} a message"
        )
        if task.replies is not None:
            show_workflow(task, asked, examples, said)
    accurate, cheap = points.values()
    for name, before, after in (
        ("accuracy", accurate == asked.right, cheap == asked.right),
        ("cost", asked.priced[asked.right, accurate], asked.priced[asked.right, cheap]),
    ):
        diff = after.astype(float) - before.astype(float)
        print(
            f"  least cost less most accurate, {name}: {_mean(diff, asked)}"
            f" ({diff.mean() / before.mean():+.0%})"
        )


def show_workflow(task: Task, asked: Asked, examples: Sequence[Example], said: Indices) -> None:
    """Print what comes of the answers: replies by code, the rest by people."""
    assert task.replies is not None and task.error_cost is not None
    form = compile_form(task.schema, style=task.style)
    bound = {name: node for name, node in form.fields if is_findable(node)}
    answered, spent, outcome, took = [], [], [], []
    for i, example in enumerate(examples):
        start = monotonic_ms()
        label = asked.labels[said[i]]
        output = {task.replies.field: label} | {
            name: find(node, example.input).value
            for name, node in bound.items()
            if isinstance(node, Value)
        }
        reply = compose(task.replies, output)
        took.append(monotonic_ms() - start)
        true = asked.labels[asked.right[i]]
        usd = task.error_cost.cost_usd(true, label)
        person_usd = task.error_cost.pairs[true, "*"]
        answered.append(float(reply is not None))
        outcome.append(float(usd == 0.0))
        spent.append(usd if reply is not None else person_usd)
    texts, right = np.array(answered), np.array(outcome)
    accepted = np.where(texts == 1.0, right, 1.0)
    low, high = ratio_interval(np.array(spent), accepted, asked.groups, num_resamples=2000)
    print(
        f"    workflow correctness {_mean(right, asked)}; answered without a person"
        f" {_mean(texts, asked)}, right of those {right[texts == 1.0].mean():.3f}; cost per"
        f" acceptable outcome ${sum(spent) / accepted.sum():.3f} [{low:.3f}, {high:.3f}];"
        f" binding and text p50 {np.median(took):.2f} ms"
    )


def _mean(values: Floats, asked: Asked) -> str:
    low, high = mean_interval(values, asked.groups)
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Measure each task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", action="append", default=[])
    parser.add_argument("--num-dev", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for name in given.task or ("helpdesk", "helpdesk-reply", "returns"):
        task = load(name)
        fresh = BUNDLED[name].generate(
            num_train=len(task.train), num_dev=given.num_dev, num_holdout=0, seed=given.seed
        )
        show(task, fresh["dev"])


if __name__ == "__main__":
    main()
