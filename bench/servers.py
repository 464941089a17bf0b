"""Forms on a real server: what requests cost, and slot by slot against one structured answer.

    PYTHONPATH=tests python bench/servers.py MODEL [--task helpdesk] [--limit 10] [--way NAME]…
        [--out FILE] [--reference FILE]

MODEL is a name of `rung models`, `llama-server:NAME` (the wheel's own server), `vllm:FOLDER`
(started from RUNG_TEST_VLLM, see tests/real_servers.py) or `http:NAME@URL`. `--out` keeps the
outputs by way, `--reference` compares with those that a run of the in-process engine kept. Every
way has an engine and a prompt cache of its own (vLLM's by a salt) and meets the same dev examples
after six train examples that do not count; `auto` decides by what its own requests took. The ways
take turns. Use a quiet machine, and one model at a time. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from request_costs import request_costs
from server_engines import Open, count_requests, opener

from rung.engines.base import Engine, Request
from rung.forms import Filling, Form, compile_form, fill, parse_answer, violation
from rung.forms.form import Filled
from rung.forms.validity import violations
from rung.ladder.climb import draw
from rung.routes.prompt import build_messages
from rung.stats.intervals import mean_interval
from rung.stats.paired import paired_difference
from rung.tasks.scorers import score_output
from rung.tasks.task import Example, Task
from rung.worlds.catalog import load

WARM_UP = 6
WAYS = {
    "blank": None,
    "slots": Filling(asking="slots"),
    "side by side": Filling(asking="slots", parallel=True),
    "whole": Filling(asking="whole"),
    "auto": Filling(),
}
IN_PROCESS = "in process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One way's answers, in the order of the examples."""

    way: str
    rows: list[Filled] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """Sent to the server, those that asked a choice again included."""


def blank(form: Form, engine: Engine, messages: Sequence[Any]) -> Filled:
    """Ask the raw model once for a free answer, read tolerantly."""
    done = engine.complete(Request(messages=tuple(messages)))
    output = parse_answer(done.text, form)
    reason = violation(output, form) if output is not None else "no fields in the answer"
    return Filled(
        output=None if reason else output,
        status="failed" if reason else "ok",
        reason=reason,
        text=done.text,
        usage=done.usage,
        latency_ms=done.latency_ms,
        num_calls=1,
    )


def asker(task: Task, engine: Engine, how: Filling | None) -> Callable[[Example], Filled]:
    """Return what answers one example one way."""
    form = compile_form(task.schema)

    def ask(example: Example) -> Filled:
        messages = build_messages(task.instruction, form, example.input)
        if how is None:
            return blank(form, engine, messages)
        return fill(form, engine, messages, how, source=example.input)

    return ask


def measure(
    task: Task, open_for: Open, ways: Mapping[str, Filling | None], some: Sequence[Example]
) -> dict[str, Measured]:
    """Answer every example each way; the ways take turns, so that all meet the same noise."""
    engines = {way: open_for(way) for way in ways}
    asks = {way: asker(task, engines[way], how) for way, how in ways.items()}
    for example in task.train[:WARM_UP]:
        for ask in asks.values():
            ask(example)
    found = {way: Measured(way=way, requests=count_requests(engines[way])) for way in ways}
    for example in some:
        for way, ask in asks.items():
            row = ask(example)
            found[way].rows.append(row)
            found[way].scores.append(score_output(task, example, row.output).score)
    for engine in engines.values():
        engine.close()
    return found


def describe(found: Measured, task: Task, groups: Sequence[str], reference: Sequence[Any]) -> str:
    """Return one line of the table."""
    rows = found.rows
    valid = sum(not violations(row.output, task.schema) for row in rows if row.output is not None)
    p50, p95 = np.percentile([row.latency_ms for row in rows], (50, 95))
    usage = [(u.prompt_tokens, u.cached_tokens, u.output_tokens) for u in (r.usage for r in rows)]
    read, cached, written = np.mean(usage, axis=0)
    low, high = mean_interval(found.scores, groups, low=0.0, high=1.0)
    line = (
        f"{found.way:<13}{len(rows):>4} {valid:>5}  {np.mean(found.scores):.3f} [{low:.3f},"
        f" {high:.3f}] {len(found.requests) / len(rows):>8.1f} {read:>7.1f} {cached:>7.1f}"
        f" {written:>9.1f} {p50:>6.0f} {p95:>6.0f}"
    )
    if not reference:
        return line
    outputs = [row.output or {} for row in rows]
    same = {
        name: sum(
            a.get(name) == (b or {}).get(name) for a, b in zip(outputs, reference, strict=True)
        )
        for name in task.schema["properties"]
    }
    return f"{line}  same: {same}"


def compare(first: Measured, other: Measured, groups: Sequence[str]) -> str:
    """Return the paired differences of two ways, in score and in latency."""
    score = paired_difference(other.scores, first.scores, groups)
    gained = [a.latency_ms - b.latency_ms for a, b in zip(first.rows, other.rows, strict=True)]
    low, high = mean_interval(gained, groups)
    return (
        f"- {first.way} against {other.way}: score {score.diff:+.3f} [{score.ci[0]:+.3f},"
        f" {score.ci[1]:+.3f}], latency {np.mean(gained):+.0f} ms [{low:+.0f}, {high:+.0f}]"
    )


def main() -> None:
    """Print both tables of one model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--task", default="helpdesk")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--way", action="append", choices=WAYS, help="only these ways")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--reference", type=Path)
    args = parser.parse_args()
    task = load(args.task)
    some = list(draw(task.dev, args.limit, seed=0, name="dev"))
    groups = [example.group for example in some]
    kept = json.loads(args.reference.read_text("utf-8")) if args.reference else {}
    ways = {way: WAYS[way] for way in args.way or WAYS}
    with opener(args.model) as open_for:
        engine = open_for("costs")
        if engine.capabilities.tokens:
            ways = {"blank": None, IN_PROCESS: Filling()}
        for name, value in request_costs(engine, args.rounds).items():
            print(f"{name:<20} {value:>8.2f} ms", flush=True)
        engine.close()
        found = measure(task, open_for, ways, some)
    print(
        f"{args.model}, {args.task}, load {os.getloadavg()[0]:.2f}\n"
        "way             n valid  score                 requests    read  cached   written"
        "    p50    p95"
    )
    for way in found:
        print(describe(found[way], task, groups, kept.get(IN_PROCESS, ())))
    for way in found:
        if way != "slots" and "slots" in found:
            print(compare(found["slots"], found[way], groups))
    if args.out:
        outputs = {way: [row.output for row in one.rows] for way, one in found.items()}
        args.out.write_text(json.dumps(outputs, indent=1), "utf-8")


if __name__ == "__main__":
    main()
