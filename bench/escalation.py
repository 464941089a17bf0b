"""Do escalation's promises hold, and which signals tell errors? On rows with planted structure.

    python bench/escalation.py [--runs 1000]

1. Thresholds: how often the true error rate of what stays local breaks 10 %, for the certified
   threshold (delta 10 %) and the naive one (the loosest whose error rate on the sample is 10 %).
2. Conformal risk control: the mean loss over calibration sets against the level asked for.
3. Mining: how often a rule is kept where none is true, and where one is; its lift on fresh rows.
4. Signals: a specialist that fails on structure (two intents, corrections, long context), states
   slot probabilities that know a part of it, and whose perplexity follows the wording. AUROC and
   expected cost at the same share of escalations; 95 % intervals over replications.

No model is asked. Nothing here is a test.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rung.routes.escalation.candidates import Log
from rung.routes.escalation.doubt import fit_doubt
from rung.routes.escalation.mine import judge, mine
from rung.stats.calibration import auroc, ece
from rung.stats.intervals import wilson
from rung.stats.risk import certify_threshold, conformal_risk_threshold

Floats = NDArray[np.float64]
MAX_RISK = 0.1


def true_risk(threshold: float) -> float:
    """Return the error rate above a threshold where P(right | s) = 0.6 + 0.4 s, s uniform."""
    return 0.4 * (1.0 - (1.0 + threshold) / 2.0)


def draw(num: int, random: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Return scores and whether each answer is right."""
    s = random.random(num)
    return s, random.random(num) < 0.6 + 0.4 * s


def share(hits: int, runs: int) -> str:
    """Write a share with its interval."""
    low, high = wilson(hits, runs)
    return f"{hits / runs:.1%} [{low:.1%}, {high:.1%}]"


def thresholds(runs: int) -> None:
    """Print violations of certified and naive thresholds, and what they cover."""
    print(f"thresholds at an error rate of {MAX_RISK:.0%}, {runs} runs each")
    for num in (300, 500, 2000):
        random = np.random.default_rng(num)
        broken, naive, none, covered = 0, 0, 0, []
        for _ in range(runs):
            s, right = draw(num, random)
            found = certify_threshold(s, right, max_risk=MAX_RISK, delta=0.1)
            none += found is None
            if found is not None:
                broken += true_risk(found.threshold) > MAX_RISK
                covered.append(found.coverage)
            order = np.argsort(-s)
            rates = np.cumsum(~right[order]) / np.arange(1, num + 1)
            good = np.flatnonzero(rates <= MAX_RISK)
            naive += bool(good.size) and true_risk(float(s[order[good[-1]]])) > MAX_RISK
        print(
            f"  n {num:>5}: certified breaks it in {share(broken, runs)}, naive in"
            f" {share(naive, runs)}; covers {np.mean(covered):.2f}, nothing certified in"
            f" {none / runs:.1%}"
        )


def conformal(runs: int) -> None:
    """Print the mean loss that conformal risk control leaves, against the level asked for."""
    random = np.random.default_rng(1)
    for level in (0.05, 0.1):
        left = []
        for _ in range(runs):
            s, right = draw(300, random)
            t = conformal_risk_threshold(s, (~right).astype(float), max_risk=level)
            left.append(0.0 if t is None else (1.0 - t) * true_risk(t))
        se = np.std(left) / np.sqrt(runs)
        print(f"conformal: mean loss {np.mean(left):.4f} ± {1.96 * se:.4f} at level {level}")


def mining(runs: int) -> None:
    """Print how often mining keeps a rule where there is none, and finds the one there is."""
    spurious, found, lifts = 0, 0, []
    for seed in range(runs):
        spurious += bool(mine(log(300, seed, planted=False)).kept)
        kept = mine(log(300, seed, planted=True)).kept
        found += any(c.signal == "num_corrections" for rule in kept for c in rule.when)
        if kept:
            lifts.append(judge(kept[0], log(1000, 10_000 + seed, planted=True)).lift)
    print(f"mining, {runs} runs of 300 rows: spurious rule kept in {share(spurious, runs)}")
    low, high = np.quantile(lifts, [0.025, 0.975])
    print(
        f"  planted rule found in {share(found, runs)}; lift on fresh rows {np.mean(lifts):.1f}",
        end="",
    )
    print(f" [{low:.1f}, {high:.1f}], planted 8.0")


def log(num: int, seed: int, *, planted: bool) -> Log:
    """Return rows that fail one time in ten, and four in five after two corrections."""
    random = np.random.default_rng(seed)
    twice = random.integers(0, 3, num)
    p = np.where((twice >= 2) & planted, 0.8, 0.1)
    noise = random.random((num, 8))
    signals = [
        {"num_corrections": float(t), **{f"p_noise{i}": float(x) for i, x in enumerate(row)}}
        for t, row in zip(twice, noise, strict=True)
    ]
    hits = (random.random(num) < p).astype(float)
    return Log(signals=signals, hits=hits, groups=[str(i // 2) for i in range(num)])


def specialist(num: int, random: np.random.Generator) -> tuple[dict[str, Floats], Floats]:
    """Return signals and errors of a specialist that fails on structure."""
    intents = (random.random(num) < 0.12).astype(float)
    corrections = (random.random(num) < 0.10).astype(float) * 2
    tokens = random.lognormal(6.5, 0.8, num)
    hidden = random.normal(size=num)
    odds = -2.2 + 2.5 * intents + 1.2 * corrections + 1.5 * (tokens > 3000) + 0.9 * hidden
    wrong = (random.random(num) < 1 / (1 + np.exp(-odds))).astype(float)
    margin = 1 / (1 + np.exp(0.9 * hidden + 0.6 * random.normal(size=num)))
    signals = {
        "both_intents": intents,
        "num_corrections": corrections,
        "num_tokens": tokens,
        "margin_min": margin,
        "perplexity": np.exp(0.5 + 0.4 * random.normal(size=num) + 0.15 * hidden),
    }
    return signals, wrong


def signals(runs: int) -> None:
    """Print what each family of signals is worth at the same share of escalations."""
    error_usd, strong_usd, strong_p, at = 8.0, 0.5, 0.03, 0.2
    structure = ("both_intents", "num_corrections", "num_tokens")
    families = {
        "perplexity": ("perplexity",),
        "structure": structure,
        "calibrated slots": ("margin_min",),
        "structure and slots": (*structure, "margin_min"),
    }
    areas: dict[str, list[float]] = {name: [] for name in families}
    costs: dict[str, list[float]] = {name: [] for name in (*families, "random")}
    errors: list[float] = []
    for seed in range(runs):
        random = np.random.default_rng(seed)
        columns, wrong = specialist(600, random)
        rows = [{k: float(v[i]) for k, v in columns.items()} for i in range(len(wrong))]
        groups = [str(i) for i in range(len(wrong))]
        for name, names in families.items():
            p = fit_doubt(rows, wrong, groups, names=names).p_error
            areas[name].append(auroc(p, wrong > 0))
            costs[name].append(cost(p, wrong, at, error_usd, strong_usd, strong_p))
            if name == "structure and slots":
                errors.append(ece(p, wrong))
        costs["random"].append(cost(random.random(600), wrong, at, error_usd, strong_usd, strong_p))
    print(f"signals, {runs} runs of 600 rows, {at:.0%} escalated; USD a request")
    for name, values in costs.items():
        area = "" if name == "random" else f"AUROC {spread(areas[name], '{:.3f}')}"
        print(f"  {name:<20} cost {spread(values, '{:.3f}')}  {area}")
    print(f"  expected calibration error of the fitted doubt {spread(errors, '{:.3f}')}")


def cost(
    p: Floats, wrong: Floats, at: float, error_usd: float, strong_usd: float, strong_p: float
) -> float:
    """Return serving and error cost a request where the most doubtful share goes on."""
    on = p >= np.quantile(p, 1.0 - at)
    kept = np.where(on, strong_usd + strong_p * error_usd, wrong * error_usd)
    return float(kept.mean())


def spread(values: list[float], form: str) -> str:
    """Write a mean with the interval that holds 95 % of the runs."""
    write: Callable[[float], str] = form.format
    low, high = np.quantile(values, [0.025, 0.975])
    return f"{write(float(np.mean(values)))} [{write(float(low))}, {write(float(high))}]"


def main() -> None:
    """Run the four parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    given = parser.parse_args()
    thresholds(given.runs)
    conformal(given.runs)
    mining(max(1, given.runs // 5))
    signals(max(1, given.runs // 10))


if __name__ == "__main__":
    main()
