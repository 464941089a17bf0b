"""How far from the optimiser a distilled picker ends a shift, and how fast it decides.

    python bench/warehouse.py [--shifts 12] [--decisions 2000]

Deciders play the same shifts: the exact optimiser of each snapshot (the frontier), the ranker
distilled from its train decisions under the task's latency budget, the same without its fall-back,
the least own cost (the optimiser without the other workers), and the greedy rule. Gap: walking and
weighted lateness of a shift against the optimiser's, with a 95 % interval over shifts (Student's
t). A decision's latency counts everything from snapshot to label: text written, read, ranked. Run
it on a quiet machine; nothing here is a test.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable

import numpy as np

from rung.core.clock import monotonic_ms
from rung.forms import Choice
from rung.routes.rank import rank
from rung.routes.ranker import Ranker, fit_ranker
from rung.stats.intervals import mean_interval
from rung.worlds.catalog import load
from rung.worlds.warehouse import Snapshot, best_pick, first_pick, play, write_snapshot
from rung.worlds.warehouse.floor import costs
from rung.worlds.warehouse.snapshot import LABELS

SLOT = Choice(path="pick", values=LABELS)


class Timed:
    """A decider that keeps how long each decision took, in milliseconds."""

    def __init__(self, decide: Callable[[Snapshot], str]) -> None:
        self._decide, self.ms = decide, list[float]()

    def __call__(self, snapshot: Snapshot) -> str:
        """Decide."""
        start = monotonic_ms()
        label = self._decide(snapshot)
        self.ms.append(monotonic_ms() - start)
        return label


def distilled(ranker: Ranker, budget_ms: float, fallen: Counter[str]) -> Callable[[Snapshot], str]:
    """Return the ranker as the route serves it; `fallen` counts why it fell back."""

    def decide(snapshot: Snapshot) -> str:
        found = rank(ranker, SLOT, write_snapshot(snapshot), budget_ms=budget_ms)
        assert found.output is not None
        if found.reason:
            fallen["late" if found.reason.startswith("no decision") else "unsure"] += 1
        return str(found.output["pick"])

    return decide


def own_cost(snapshot: Snapshot) -> str:
    """Decide without a thought for the other workers."""
    return snapshot.labels[int(costs([snapshot.worker], list(snapshot.picks))[0].argmin())]


def main() -> None:
    """Play the shifts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shifts", type=int, default=12)
    parser.add_argument("--decisions", type=int, default=2000)
    asked = parser.parse_args()
    task = load("warehouse")
    ranker = fit_ranker(task.train, SLOT.path, SLOT.values)
    assert ranker is not None
    sure = Ranker(columns=ranker.columns, scale=ranker.scale, weights=ranker.weights, sure_from=0.0)
    fallen: Counter[str] = Counter()
    deciders = {
        "optimiser": Timed(best_pick),
        "ranker": Timed(distilled(ranker, task.latency_budget_ms, fallen)),
        "ranker, never unsure": Timed(distilled(sure, 0.0, Counter())),
        "least own cost": Timed(own_cost),
        "greedy": Timed(first_pick),
    }
    spent = {
        name: np.array(
            [
                play(decide, seed=1000 + seed, num_decisions=asked.decisions).cost_s
                for seed in range(asked.shifts)
            ]
        )
        for name, decide in deciders.items()
    }
    print(f"{asked.shifts} shifts of {asked.decisions} decisions, {len(task.train)} to learn from")
    for name, decide in deciders.items():
        gaps = spent[name] / spent["optimiser"] - 1.0
        low, high = mean_interval(gaps)
        p50, p95, p99 = np.percentile(decide.ms, (50, 95, 99))
        over = np.mean(np.array(decide.ms) > task.latency_budget_ms)
        print(
            f"{name:<22} gap {gaps.mean():+.2%} [{low:+.2%}, {high:+.2%}]  "
            f"p50 {p50:.2f} ms  p95 {p95:.2f} ms  p99 {p99:.2f} ms  over budget {over:.3%}"
        )
    decisions = asked.shifts * asked.decisions
    told = ", ".join(f"{why} {n / decisions:.2%}" for why, n in sorted(fallen.items()))
    print(f"ranker fell back to the greedy rule: {told or 'never'}; silent: 0")


if __name__ == "__main__":
    main()
