"""Agents in a world, arm by arm: score, strict, tokens, latency, by category and by cause.

    python bench/worlds.py [--task operations] [--arm NAME]… [--limit 30] [--samples 1]
                           [--model NAME] [--split dev|train]

Arms are the routes of the ladder of tasks with a world, the raw model (`blank`, ReAct-style) first.
Examples are drawn one of each group in turn, so that few examples still meet many workflows.
Intervals are 95 %, clustered by group; ratios and differences are paired with the raw model.
Answers are kept in the store of RUNG_HOME, so the same command goes on where it stopped. Recorded
models of WorkBench are scored on the same queries. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter, defaultdict
from collections.abc import Sequence

from rung.core.records import Row
from rung.engines.catalogue import DEFAULT_MODEL
from rung.flow.recorded import run_recorded
from rung.flow.session import Session, open_session, situation
from rung.ladder.agent import AGENT_LADDER
from rung.ladder.climb import draw
from rung.ladder.measure import to_arm
from rung.ladder.result import Arm
from rung.report.pairing import latency_of, output_tokens_of, pair
from rung.stats.intervals import mean_interval
from rung.tasks.task import Example

RECORDED = ("gpt-4", "claude-2", "mistral-8x7B", "gpt-3.5", "llama2-70b")


def run(session: Session, given: argparse.Namespace) -> list[Arm]:
    """Return one arm for each route that was asked for."""
    small = situation(session, given.model, 0)
    routes = [route for rung in AGENT_LADDER for route in rung.propose(small)]
    examples = spread(session, given.split, given.limit)
    arms = []
    for route in routes:
        if given.arm and route.name not in given.arm:
            continue
        rows = session.climber.rows(route, examples, given.split, samples=given.samples)
        arms.append(to_arm(route, rows, given.split, priced_errors=False))
        print_arm(arms[-1])
    return arms


def spread(session: Session, split: str, limit: int) -> list[Example]:
    """Return examples of one split, one of every group before a second one of any."""
    task = session.task
    drawn = draw(task.train if split == "train" else task.dev, 10**9, seed=0, name=split)
    turns: dict[str, int] = defaultdict(int)
    ranked = []
    for example in drawn:
        ranked.append((turns[example.group], example))
        turns[example.group] += 1
    return [example for _, example in sorted(ranked, key=lambda pair: pair[0])][:limit]


def print_arm(arm: Arm) -> None:
    """Print one line of the table."""
    extra = sum(row.fields.get("extra_writes", 0.0) > 0 for row in arm.rows)
    unasked = sum(row.fields.get("side_effects", 0.0) > 0 for row in arm.rows)
    abstained = sum(row.status == "abstained" for row in arm.rows)
    print(
        f"{arm.route:<22} {arm.score:.3f} [{arm.score_ci[0]:.3f}, {arm.score_ci[1]:.3f}]"
        f" {arm.strict:.3f} [{arm.strict_ci[0]:.3f}, {arm.strict_ci[1]:.3f}]"
        f" {extra:>5} {unasked:>7} {abstained:>9}"
        f" {arm.prompt_tokens + arm.cached_tokens:>7.0f} {arm.output_tokens:>7.0f}"
        f" {arm.latency_p50_ms / 1000:>7.1f} {arm.latency_p95_ms / 1000:>6.1f}  {len(arm.rows)}",
        flush=True,
    )


def print_pairs(arms: Sequence[Arm]) -> None:
    """Print each arm against the raw model."""
    raw = next((arm for arm in arms if arm.rung == "blank"), None)
    if raw is None:
        return
    for arm in arms:
        both = pair(raw, arm)
        if arm is raw or both is None:
            continue
        tokens, time = both.ratio(output_tokens_of), both.ratio(latency_of)
        parts = [both.difference_text(both.difference())]
        parts += [tokens.text("fewer generated tokens", "more generated tokens")] if tokens else []
        parts += [time.text("lower mean latency", "higher mean latency")] if time else []
        print(f"- {arm.route} against blank: {'; '.join([*parts, both.size])}")


def print_breakdown(session: Session, arms: Sequence[Arm]) -> None:
    """Print score by category and failures by cause."""
    known = {e.id: e for e in (*session.task.train, *session.task.dev)}
    for arm in arms:
        rows: dict[str, list[Row]] = defaultdict(list)
        for row in arm.rows:
            rows[category_of(known[row.example])].append(row)
        parts = [f"{name} {_mean(found)} ({len(found)})" for name, found in sorted(rows.items())]
        causes = Counter(row.cause or "none" for row in arm.rows if not row.strict)
        told = ", ".join(f"{cause} {count}" for cause, count in causes.most_common())
        print(f"- {arm.route}: {'; '.join(parts)}. Failed by: {told or 'nothing'}")


def category_of(example: Example) -> str:
    """Return the category of an Operations example, the domains of a WorkBench query."""
    return str(example.setup.get("category") or "+".join(example.setup.get("domains", ["all"])))


def _mean(rows: Sequence[Row]) -> str:
    return f"{sum(row.score for row in rows) / len(rows):.2f}"


def print_recorded(session: Session, arms: Sequence[Arm]) -> None:
    """Print what recorded models got right of the very queries that the arms answered."""
    asked = {row.example for row in arms[0].rows} if arms else set()
    for name in RECORDED if session.task.world == "workbench" else ():
        arm, _ = run_recorded(session.task, f"recorded:{name}")
        rows = [row for row in arm.rows if row.example in asked]
        right = [float(row.strict) for row in rows]
        low, high = mean_interval(right, [row.group for row in rows], low=0.0, high=1.0)
        print(f"recorded:{name:<13} {sum(right) / len(right):.3f} [{low:.3f}, {high:.3f}]")


def main() -> None:
    """Measure the arms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="operations")
    parser.add_argument("--arm", action="append")
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--split", choices=("dev", "train"), default="dev")
    given = parser.parse_args()
    with open_session(given.task) as session:
        print(f"{given.task}, {given.model}, {given.split}, load {os.getloadavg()[0]:.2f}")
        print(
            f"{'arm':<22} {'score':<20} {'strict':<20} {'extra':>5} unasked abstained"
            "  prompt  output   p50 s  p95 s  n"
        )
        arms = run(session, given)
        print_recorded(session, arms)
        print_pairs(arms)
        print_breakdown(session, arms)


if __name__ == "__main__":
    main()
