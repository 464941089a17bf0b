"""Forms on a real server: what requests cost, and slot by slot against one structured answer.

    python bench/servers.py MODEL [--task helpdesk] [--limit 10] [--out FILE] [--reference FILE]

MODEL is a name of `rung models`, `llama-server:NAME` (the wheel's own server, started here) or
`http:NAME@URL`; tests/real_servers.py shows how vLLM is started. `--out` keeps the outputs,
`--reference`
compares with kept ones, e.g. those of the in-process engine. Every way meets the same dev examples
in its own turn, after two train examples that do not count. Use a quiet machine, and one model at a
time. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rung.core.clock import monotonic_ms
from rung.core.records import Message
from rung.engines.base import Completion, Engine, Request
from rung.engines.llama_server import LlamaServerEngine
from rung.engines.models import locate
from rung.engines.open import open_engine
from rung.forms import Filling, compile_form, fill
from rung.forms.form import Filled
from rung.forms.validity import violations
from rung.routes.prompt import build_messages
from rung.tasks.task import Example, Task
from rung.worlds.catalog import load

WARM_UP = 2
WAYS = {
    "slot by slot": Filling(asking="slots"),
    "side by side": Filling(asking="slots", parallel=True),
    "whole": Filling(asking="whole"),
}
LONG = "a story of [a-z ,.]{400}"


def opened(name: str) -> Engine:
    """Open an engine by the name of the command line."""
    if name.startswith("llama-server:"):
        return LlamaServerEngine(name, locate(name.removeprefix("llama-server:")).path)
    return open_engine(name)


def asked(engine: Engine, text: str, max_tokens: int, regex: str = "") -> Completion:
    """Ask once."""
    messages = (Message(role="system", content="Tell stories."), Message(role="user", content=text))
    return engine.complete(Request(messages=messages, max_tokens=max_tokens, regex=regex))


def line(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Return the intercept and the slope of a line through the fastest answer of each size.

    The fastest, because what else a machine does only ever adds.
    """
    sizes = sorted({size for size, _ in points})
    fastest = [min(taken for size, taken in points if size == at) for at in sizes]
    slope, at_zero = np.polyfit(sizes, fastest, 1)
    return float(at_zero), float(slope)


def costs(engine: Engine, rounds: int) -> dict[str, float]:
    """Return what a request, a token written and a token read take, in milliseconds."""
    draw = random.Random(0)
    words = ("river", "cold", "and", "men", "sat", "by", "it", "to", "talk", "of", "boats", "rain")

    def fresh(count: int) -> str:
        return f"{draw.random()} " + " ".join(draw.choice(words) for _ in range(count))

    text = fresh(60)
    asked(engine, text, 1)
    written, masked, read = [], [], []
    for _ in range(rounds):
        for limit in (1, 9, 33):
            written.append((limit, asked(engine, text, limit).latency_ms))
            if engine.capabilities.regex:
                masked.append((limit, asked(engine, text, limit, LONG).latency_ms))
        for count in (10, 400):
            done = asked(engine, fresh(count), 1)
            read.append((round(done.usage.prompt_tokens, -1), done.latency_ms))
    request_ms, token_ms = line(written)
    found = {"request": request_ms, "token written": token_ms, "token read": line(read)[1]}
    if masked:
        found |= dict(zip(("constrained request", "constrained token"), line(masked), strict=True))
    return found


def filled(task: Task, engine: Engine, how: Filling, examples: Sequence[Example]) -> list[Filled]:
    """Fill the form for every example in turn."""
    form = compile_form(task.schema)

    def one(example: Example) -> Filled:
        messages = build_messages(task.instruction, form, example.input)
        return fill(form, engine, messages, how, source=example.input)

    for example in task.train[:WARM_UP]:
        one(example)
    return [one(example) for example in examples]


def describe(way: str, rows: Sequence[Filled], task: Task, reference: Sequence[Any]) -> str:
    """Return one line of the table."""
    latencies = sorted(row.latency_ms for row in rows)
    valid = sum(not violations(row.output, task.schema) for row in rows if row.output is not None)

    def mean(count: Callable[[Filled], float]) -> float:
        return statistics.fmean(map(count, rows))

    line = (
        f"{way:<14} {len(rows):>3} {valid:>5} {statistics.median(latencies):>7.0f}"
        f" {latencies[0]:>7.0f} {mean(lambda row: row.num_calls):>6.1f}"
        f" {mean(lambda row: row.usage.output_tokens):>7.1f}"
        f" {mean(lambda row: row.usage.prompt_tokens):>7.1f}"
        f" {mean(lambda row: row.usage.cached_tokens):>8.1f}"
        f" {mean(lambda row: len(row.decisions)):>6.1f}"
    )
    if not reference:
        return line
    same = {
        name: sum(
            (row.output or {}).get(name) == (other or {}).get(name)
            for row, other in zip(rows, reference, strict=True)
        )
        for name in task.schema["properties"]
    }
    return f"{line}  same: {same}"


def main() -> None:
    """Print both tables of one model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--task", default="helpdesk")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--reference", type=Path)
    args = parser.parse_args()
    task = load(args.task)
    examples = task.dev[: args.limit]
    reference = json.loads(args.reference.read_text("utf-8")) if args.reference else []
    start = monotonic_ms()
    engine = opened(args.model)
    print(f"{args.model}: open after {(monotonic_ms() - start) / 1000:.1f} s", flush=True)
    in_process = engine.capabilities.tokens
    for name, value in costs(engine, args.rounds).items():
        print(f"{name:<20} {value:>8.2f} ms")
    print(
        "way              n valid  p50 ms  min ms  calls written  read    cached  scored",
        flush=True,
    )
    ways = {"in process": Filling()} if in_process else WAYS
    for way, how in ways.items():
        rows = filled(task, engine, how, examples)
        print(describe(way, rows, task, reference), flush=True)
        if args.out:
            args.out.write_text(json.dumps([row.output for row in rows], indent=1), "utf-8")
    engine.close()


if __name__ == "__main__":
    main()
