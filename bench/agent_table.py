"""The table of `agents.py`: one line an arm, then ours against every other, paired."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from agent_arms import OURS, Played

from rung.stats.intervals import mean_interval
from rung.stats.paired import paired_difference

COLUMNS = (
    "arm", "n", "strict", "action level", "says done", "of these right", "silent wrong",
    "abstained", "side effects", "late", "requests", "prompt", "cached", "output", "wall s",
)  # fmt: skip
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"
Value = Callable[[Played], float]


def silent(played: Played) -> float:
    """Return 1 where the agent says that it is done and the task is not."""
    return float(played.status == "ok" and not played.strict)


def print_table(found: Sequence[Played]) -> None:
    """Print what all runs come to."""
    arms = {arm: [p for p in found if p.arm == arm] for arm in dict.fromkeys(p.arm for p in found)}
    print(f"\n{HEAD}")
    for arm, runs in arms.items():
        print(_line(arm, runs))
    for ours in OURS:
        for arm, runs in arms.items():
            if ours in arms and arm != ours:
                print(_pair(ours, arms[ours], arm, runs))


def _line(arm: str, runs: Sequence[Played]) -> str:
    counts = [
        sum(p.status == "ok" for p in runs),
        sum(p.status == "ok" and p.strict for p in runs),
        _mean(runs, silent),
        sum(p.status == "abstained" for p in runs),
        sum(p.side_effects for p in runs),
        sum(p.reason == "out of time" for p in runs),
    ]
    means = [
        float(np.mean([value(p) for p in runs]))
        for value in (
            lambda p: p.requests,
            lambda p: p.prompt_tokens,
            lambda p: p.cached_tokens,
            lambda p: p.output_tokens,
            lambda p: p.wall_s,
        )
    ]
    cells = [
        arm,
        len(runs),
        _mean(runs, lambda p: float(p.strict)),
        _mean(runs, lambda p: p.action_level),
        *counts,
        *(f"{value:,.1f}" if value < 100 else f"{value:,.0f}" for value in means),
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def _mean(runs: Sequence[Played], value: Value) -> str:
    values = [value(p) for p in runs]
    low, high = mean_interval(values, [p.group for p in runs], low=0.0, high=1.0)
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def _pair(ours: str, mine: Sequence[Played], arm: str, other: Sequence[Played]) -> str:
    """Return the paired differences of ours to another arm, on the examples of both."""
    by_example = {p.example: p for p in other}
    both = [(p, by_example[p.example]) for p in mine if p.example in by_example]
    parts = []
    values: dict[str, Value] = {
        "strict": lambda p: float(p.strict),
        "action level": lambda p: p.action_level,
        "silent wrong": silent,
    }
    for name, value in values.items():
        a, b = [value(p) for p, _ in both], [value(q) for _, q in both]
        found = paired_difference(b, a, [p.group for p, _ in both])
        parts.append(f"{name} {found.diff:+.3f} [{found.ci[0]:+.3f}, {found.ci[1]:+.3f}]")
    return f"- {ours} against {arm} (n = {len(both)}): {'; '.join(parts)}"
