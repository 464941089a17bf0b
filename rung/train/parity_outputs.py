"""Whole answers of the trainer's side and of what serves, through the form, on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rung.core.records import Message
from rung.engines.base import Engine, Thinking
from rung.forms import Filling, Form, fill
from rung.stats.intervals import Interval, wilson
from rung.stats.paired import paired_difference
from rung.tasks.scorers import score_output
from rung.tasks.task import Example, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """How often what serves gives another answer, and whether that is better or worse."""

    num_examples: int
    num_differ: int
    differ_ci: Interval
    num_gained: int
    """Examples that only what serves has strictly right."""
    num_lost: int
    """Examples that only the trainer's side has strictly right."""
    strict_diff: float
    """Served minus trainer, of the share that is strictly right."""
    strict_diff_ci: Interval


def compare_outputs(
    trainer: Engine,
    server: Engine,
    task: Task,
    form: Form,
    asks: Sequence[tuple[Example, tuple[Message, ...]]],
) -> Outputs:
    """Let both sides fill the form; `asks` are examples with what the model is told."""
    differ = 0
    strict: tuple[list[float], list[float]] = ([], [])
    for example, messages in asks:
        said = [_fill(engine, form, example, messages) for engine in (trainer, server)]
        differ += said[0] != said[1]
        for kept, output in zip(strict, said, strict=True):
            kept.append(float(score_output(task, example, output).strict))
    paired = paired_difference(*strict, [example.group for example, _ in asks])
    pairs = list(zip(*strict, strict=True))
    return Outputs(
        num_examples=len(asks),
        num_differ=differ,
        differ_ci=wilson(differ, len(asks)),
        num_gained=pairs.count((0.0, 1.0)),
        num_lost=pairs.count((1.0, 0.0)),
        strict_diff=paired.diff,
        strict_diff_ci=paired.ci,
    )


def _fill(engine: Engine, form: Form, example: Example, messages: tuple[Message, ...]) -> Any:
    thinking: Thinking = "off" if engine.capabilities.thinking else "default"
    return fill(form, engine, messages, Filling(thinking=thinking), source=example.input).output
