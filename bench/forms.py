"""Forms against other ways to get structure: same model, same examples, one run.

    python bench/forms.py [--task NAME]… [--arm NAME]… [--limit 40] [--model NAME] [--html FILE]
                          [--peer-python PATH]…

Arms: a blank page read tolerantly, the engine's own JSON-schema mode, the form's grammar as a mask
only (every token a pass of its own), the form, the form with scalar slots side by side; guidance
and outlines where a Python named with `--peer-python` (this one by default) has them, see
`peers.py`. `RUNG_LLAMA=llama-cpp-python` runs the others on the same llama.cpp. The arms take
turns, each at another example, so that a machine that slows down slows all of them; two examples
warm each up and do not count. Ratios are paired, with clustered 95 % intervals. Use a quiet
machine. Nothing here is a test.

Tasks are names or folders; `rung init banking --from FILE --input text --target category` makes
the banking77 one.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from contenders import contenders

from rung.core.records import Row
from rung.engines.catalogue import DEFAULT_MODEL
from rung.engines.llama_packages import describe, library
from rung.engines.open import open_engine, price_of_model
from rung.forms.cost import floor_of, measure_costs
from rung.forms.validity import violations
from rung.ladder.climb import draw
from rung.ladder.measure import to_arm
from rung.ladder.result import Arm
from rung.report import plots
from rung.report.pairing import Pair, latency_of, output_tokens_of, pair
from rung.routes.evaluate import to_row
from rung.routes.route import Route
from rung.routes.runtime import Runtime
from rung.store import Store
from rung.tasks.task import Task
from rung.worlds.catalog import load

WARM_UP = 2
APART = 7
"""Examples between two arms, so that none finds another's input in the cache."""
HEAD = "arm                score                  valid  output  forced  passes    p50     p95  n"
STYLES = Path(__file__).parents[1] / "rung" / "report" / "templates" / "report.css"


def run(
    task: Task,
    model: str,
    limit: int,
    max_tokens: int,
    only: Sequence[str] = (),
    pythons: Sequence[str] = (sys.executable,),
) -> list[Arm]:
    """Return one arm for each contender, on the same dev examples."""
    store = Store("sqlite://")
    price = price_of_model(model)
    arms = []
    with Runtime(task, open_engine=open_engine, store=store) as runtime:
        examples = list(draw(task.dev, limit, seed=0, name="dev"))
        able = contenders(runtime, model, max_tokens, pythons)
        chosen = [contender for contender in able if not only or contender.name in only]
        for contender in chosen:
            for example in task.train[:WARM_UP]:
                contender.ask(example)
        rows: dict[str, list[Row]] = {contender.name: [] for contender in chosen}
        for turn in range(len(examples)):
            for number, contender in enumerate(chosen):
                example = examples[(turn + number * APART) % len(examples)]
                answer = contender.ask(example)
                rows[contender.name].append(to_row(runtime, example, answer, price, 0))
        for contender in chosen:
            contender.close()
            name = contender.name
            route = Route(name=name, rung=name, output="form", model=model)
            priced = task.error_cost is not None
            arms.append(to_arm(route, rows[name], "dev", priced_errors=priced))
            print_arm(arms[-1], task)
        _print_floor(runtime, model, arms)
    store.close()
    return arms


def print_arm(arm: Arm, task: Task) -> None:
    """Print one line of the table."""
    valid = sum(_is_valid(row, task) for row in arm.rows) / len(arm.rows)
    print(
        f"{arm.route:<18} {arm.score:.3f} [{arm.score_ci[0]:.3f}, {arm.score_ci[1]:.3f}] "
        f"{valid:>6.0%} {arm.output_tokens:>7.1f} {arm.forced_tokens:>7.1f} {arm.passes:>7.1f} "
        f"{arm.latency_p50_ms:>7.0f} {arm.latency_p95_ms:>7.0f}  {arm.num_examples}",
        flush=True,
    )


def _is_valid(row: Row, task: Task) -> bool:
    return row.output is not None and not violations(row.output, task.schema)


def print_pairs(arms: Sequence[Arm]) -> None:
    """Print paired ratios of the form arms against every other one."""
    by_name = {arm.route: arm for arm in arms}
    for name in by_name.keys() & {"form", "form+parallel"}:
        for reference in arms:
            both = pair(reference, by_name[name])
            if reference.route == name or both is None:
                continue
            print(f"- {name} against {reference.route}: {_paired(both)}")


def _paired(both: Pair) -> str:
    tokens, time = both.ratio(output_tokens_of), both.ratio(latency_of)
    p50 = both.reference.latency_p50_ms / max(both.candidate.latency_p50_ms, 1e-9)
    parts = [both.difference_text(both.difference())]
    parts += [tokens.text("fewer generated tokens", "more generated tokens")] if tokens else []
    parts += [time.text("lower mean latency", "higher mean latency")] if time else []
    return "; ".join([*parts, f"p50 ratio {p50:.2f}", both.size])


def _print_floor(runtime: Runtime, model: str, arms: Sequence[Arm]) -> None:
    """Print what the cost model says no form can go below on this machine."""
    arm = next((arm for arm in arms if arm.route == "form"), None)
    if arm is None:
        return
    costs = measure_costs(runtime.engine(model))
    floor_ms = floor_of(costs, [(row.usage, row.output) for row in arm.rows], runtime.form)
    print(
        f"cost model: a pass {costs.pass_ms:.1f} ms, a token {costs.token_ms:.2f} ms; floor of a"
        f" form {floor_ms:.0f} ms an example (prompt not cached, longest value)"
    )


def write_html(path: Path, found: dict[str, list[Arm]]) -> None:
    """Write tokens and latency of every arm as one HTML page of drawings."""
    parts = [f"<style>{STYLES.read_text('utf-8')}</style>"]
    for task, arms in found.items():
        parts += [f"<h2>{task}</h2>", plots.output_tokens(arms, None), plots.latency(arms, None)]
    path.write_text("\n".join(parts), "utf-8")


def main() -> None:
    """Measure the arms on each task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", action="append")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--arm", action="append", help="only these arms")
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--html", type=Path)
    parser.add_argument("--peer-python", action="append", help="a Python that has other libraries")
    given = parser.parse_args()
    found = {}
    for name in given.task or ["helpdesk", "orders"]:
        load_now = os.getloadavg()[0]
        print(f"\n{name}, {given.model}, {given.limit} dev examples, load {load_now:.2f}")
        if not given.model.startswith(("http:", "transformers:")):
            print(f"# rung's own arms: {describe(library())}")
        print(HEAD)
        pythons = given.peer_python or [sys.executable]
        found[name] = run(
            load(name), given.model, given.limit, given.max_tokens, given.arm or (), pythons
        )
        print_pairs(found[name])
    if given.html:
        write_html(given.html, found)


if __name__ == "__main__":
    main()
