"""Cascades over recorded outputs of real models: a cheap one first, GPT-4 on doubt (WorkBench).

    python bench/cascades.py [--task workbench] [--margin 0.03]

The task must have been made from the data set (`rung init workbench --from FOLDER`). Outcomes are
WorkBench's own, of the published runs; nothing is asked of any model. Doubt is what the request and
the calls show and whether other cheap models call the same writes (structure), or GPT-4's lead on
the most similar requests (neighbours). It is fitted, and its threshold chosen, on other folds: of
templates (a new kind of request) or of requests (a bounded workflow, whose templates are known).
Two ways to choose: at least GPT-4's accuracy there, or the least cost per acceptable outcome.

Nobody recorded tokens, so cost is (calls + 1) turns of 2,500 prompt tokens and 60 generated ones,
at list prices of early 2024 (below). Writes are taken to be made once the cascade has settled.
Intervals are 95 %, clustered by template. Nothing here is a test.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rung.core.hashing import canonical_json
from rung.core.records import Row
from rung.flow.recorded import run_recorded
from rung.gate.recorded import every_example
from rung.routes.escalation.answer_signals import answer_signals
from rung.routes.escalation.candidates import Log
from rung.routes.escalation.doubt import crossed, fit_doubt
from rung.routes.escalation.mine import mine
from rung.routes.escalation.operating import Point, Trial, sweep
from rung.routes.escalation.outcomes import (
    Outcomes,
    Stage,
    Summary,
    cascade,
    stage_of,
    summarise,
)
from rung.routes.escalation.text_signals import text_signals
from rung.routes.escalation.wording import rule_sentence
from rung.routes.runtime import Answer
from rung.stats.calibration import auroc
from rung.stats.clusters import Floats
from rung.stats.paired import paired_difference
from rung.tasks.features import TextIndex
from rung.worlds.catalog import load

USD_PER_MILLION = {
    "gpt-4": (30.0, 60.0),
    "claude-2": (8.0, 24.0),
    "gpt-3.5": (0.5, 1.5),
    "mistral-8x7B": (0.6, 0.6),
    "llama2-70b": (0.9, 0.9),
}
"""List prices of early 2024, input and output."""
TURN_TOKENS = (2500, 60)
STRONG = "gpt-4"
CHEAP = ("mistral-8x7B", "gpt-3.5", "claude-2")
NEIGHBOURS, SHRINKAGE = 8, 4.0
WITNESSES = ("mistral-8x7B", "gpt-3.5")
_WRITES = ("create", "delete", "update", "send", "forward", "reply", "add")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Recorded rows of every model, priced, with what the requests show."""

    rows: Mapping[str, Sequence[Row]]
    stages: Mapping[str, Stage]
    texts: Sequence[str]
    before: Sequence[Mapping[str, float]]
    templates: tuple[str, ...]


def read(task_name: str) -> Runs:
    """Score the recorded runs, all models on the same 690 requests."""
    task = load(task_name)
    examples = {example.id: example for example in every_example(task)}
    ids = sorted(examples)
    rows, stages = {}, {}
    for model in USD_PER_MILLION:
        arm, _ = run_recorded(task, f"recorded:{model}")
        by_id = {row.example: row for row in arm.rows}
        rows[model] = [replace(by_id[i], cost_usd=cost(model, by_id[i])) for i in ids]
        stages[model] = stage_of(model, rows[model], error_usd=0.0)
    return Runs(
        rows=rows,
        stages=stages,
        texts=[examples[i].input for i in ids],
        before=[text_signals(examples[i].input) for i in ids],
        templates=tuple(str(examples[i].setup["template"]) for i in ids),
    )


def cost(model: str, row: Row) -> float:
    """Price the turns that a recorded run took."""
    prompt, output = TURN_TOKENS
    per_prompt, per_output = USD_PER_MILLION[model]
    turns = len(row.output["calls"]) + 1
    return turns * (prompt * per_prompt + output * per_output) / 1e6


def writes(row: Row) -> str:
    """Return the calls of a run that change something, in any order."""
    calls = (c for c in row.output["calls"] if c["tool"].split(".")[-1].startswith(_WRITES))
    return canonical_json(sorted(canonical_json([c["tool"], c["arguments"]]) for c in calls))


def signals_of(runs: Runs, model: str) -> list[dict[str, float]]:
    """Return what a request and a model's calls show, and whether the witnesses agree."""
    found = []
    for i, row in enumerate(runs.rows[model]):
        calls = row.output["calls"]
        answer = Answer(output=row.output, status=row.status)
        shown = dict(runs.before[i]) | answer_signals("", answer)
        shown.pop("num_unbound")
        for domain in ("email", "calendar", "analytics", "project_management", "customer"):
            shown[f"p_calls_{domain}"] = float(sum(c["tool"].startswith(domain) for c in calls))
        shown["p_writes"] = float(writes(row) != "[]")
        others = [name for name in WITNESSES if name != model]
        same = [writes(runs.rows[name][i]) == writes(row) for name in others]
        shown["disagreement"] = 1.0 - float(np.mean(same))
        found.append(shown)
    return found


def at_least_strong(trial: Trial) -> Point:
    """Return the cheapest point whose accuracy on these rows reaches the last stage's alone."""
    points = sweep(trial)
    aim = float(trial.stages[-1].right.mean())
    return min((p for p in points if p.accuracy >= aim - 1e-12), key=lambda p: p.cost_usd)


def least_cpao(trial: Trial) -> Point:
    """Return the point of least serving cost per right outcome on these rows."""
    return min(sweep(trial), key=lambda p: p.cost_usd / max(p.accuracy, 1e-9))


def with_witnesses(runs: Runs, model: str) -> Stage:
    """Return the cheap stage with its witnesses paid for."""
    extra = sum(runs.stages[name].cost_usd for name in WITNESSES if name != model)
    return replace(runs.stages[model], cost_usd=runs.stages[model].cost_usd + extra)


def trial_of(runs: Runs, model: str, score: Floats) -> Trial:
    """Return the cascade from a cheap model to GPT-4 with a score of what escalating gains."""
    nobody = np.zeros(len(runs.templates), dtype=bool)
    return Trial(
        stages=(with_witnesses(runs, model), runs.stages[STRONG]),
        scores=(score,),
        forced=nobody,
        skipped=nobody,
        direct=nobody,
        groups=runs.templates,
    )


def gain_by_doubt(
    runs: Runs, model: str, folds: Sequence[str], *, extra: Floats | None = None
) -> Floats:
    """Return by how much likelier the cheap model fails than GPT-4, fitted on other folds."""
    signals = signals_of(runs, model)
    if extra is not None:
        signals = [row | {"lead": float(x)} for row, x in zip(signals, extra, strict=True)]
    ours, theirs = (
        fit_doubt(signals, 1.0 - runs.stages[name].right, folds) for name in (model, STRONG)
    )
    return ours.p_error - theirs.p_error


def gain_by_neighbours(runs: Runs, model: str, folds: Sequence[str]) -> Floats:
    """Return GPT-4's lead on the most similar requests of other folds, shrunk to its usual lead."""
    lead = runs.stages[STRONG].right - runs.stages[model].right

    def fit(seen: Sequence[int], unseen: Sequence[int]) -> Floats:
        index = TextIndex([runs.texts[i] for i in seen])
        usual, known = float(lead[seen].mean()), lead[seen]
        found = []
        for i in unseen:
            near = np.argsort(-index.similarities(runs.texts[i]), kind="stable")[:NEIGHBOURS]
            found.append((known[near].sum() + SHRINKAGE * usual) / (len(near) + SHRINKAGE))
        return np.array(found)

    found = crossed(folds, fit)
    assert found is not None
    return found


def gain_by_both(runs: Runs, model: str, folds: Sequence[str]) -> Floats:
    """Return the lead by doubt that is told of the lead on similar requests."""
    near = gain_by_neighbours(runs, model, folds)
    return gain_by_doubt(runs, model, folds, extra=near)


def show(name: str, summary: Summary) -> None:
    """Print one line."""
    low, high = summary.accuracy_ci
    least, most = summary.cpao_ci
    print(
        f"{name:<38} {summary.share_escalated:>6.1%} {summary.accuracy:>6.1%}"
        f" [{low:.1%}, {high:.1%}]  ${summary.cost_usd:.4f}"
        f"  ${summary.cpao_usd:.4f} [{least:.4f}, {most:.4f}]"
    )


def report(runs: Runs, model: str, margin: float) -> None:
    """Print the cascades of one cheap model beside GPT-4 alone, and what knows nothing."""
    cheap, strong = runs.stages[model], runs.stages[STRONG]
    requests = [str(i) for i in range(len(runs.templates))]
    scores = {
        "unseen templates, structure": (gain_by_doubt(runs, model, runs.templates), runs.templates),
        "known templates, structure": (gain_by_doubt(runs, model, requests), requests),
        "known templates, neighbours": (gain_by_neighbours(runs, model, requests), requests),
        "known templates, both": (gain_by_both(runs, model, requests), requests),
    }
    print(f"\n{model} first, {STRONG} on doubt")
    helps = strong.right > cheap.right
    for name, (score, folds) in scores.items():
        trial = trial_of(runs, model, score)
        print(f"{name}: AUROC of where {STRONG} helps {auroc(score, helps):.3f}")
        for aim, pick in PICKS.items():
            found = outcomes_of(trial, pick, folds)
            show(f"  {aim}", summarise(aim, found, runs.templates))
            judge(trial, found, margin)
        share = outcomes_of(trial, at_least_strong, folds).share_escalated
        chance = np.random.default_rng(0).random(len(score))
        length = np.array([row["num_words"] for row in runs.before])
        for other, by in (("random", chance), ("longest prompts", length)):
            mask = by >= np.quantile(by, 1.0 - share)
            found = cascade([cheap, strong], [mask])
            show(f"  {other}, same share", summarise(other, found, runs.templates))
    show("oracle", summarise("oracle", cascade([cheap, strong], [helps]), runs.templates))


def outcomes_of(trial: Trial, pick: Callable[[Trial], Point], folds: Sequence[str]) -> Outcomes:
    """Return outcomes whose threshold was picked on other folds."""
    names = ("cost_usd", "loss_usd", "accepted", "right", "latency_ms", "stage")
    arrays = {name: np.zeros(len(folds)) for name in names}

    def fit(seen: Sequence[int], unseen: Sequence[int]) -> Floats:
        found = trial.take(unseen).at(pick(trial.take(seen)).thresholds)
        for name, array in arrays.items():
            array[unseen] = getattr(found, name)
        return np.zeros(len(unseen))

    crossed(folds, fit, seed=1)
    stage = arrays.pop("stage").astype(np.int64)
    return Outcomes(name="cascade", stage=stage, **arrays)


def judge(trial: Trial, found: Outcomes, margin: float) -> None:
    """Print whether a cascade is non-inferior to GPT-4 alone, and the ratio of their CPAOs."""
    strong = trial.stages[-1]
    diff = paired_difference(strong.right, found.right, trial.groups, margin=margin, alpha=0.05)
    low, ratio, high = bootstrap_ratio(
        found.cost_usd, found.right, strong.cost_usd, strong.right, trial.groups
    )
    verdict = "non-inferior" if diff.p_non_inferior <= 0.05 else "not shown non-inferior"
    print(
        f"{'':<4}accuracy {diff.diff:+.3f} [{diff.ci[0]:+.3f}, {diff.ci[1]:+.3f}], {verdict} at"
        f" {margin:g} (p {diff.p_non_inferior:.3f}); CPAO x{ratio:.2f} [{low:.2f}, {high:.2f}]"
        " of GPT-4 alone"
    )


def bootstrap_ratio(
    cost_a: Floats, right_a: Floats, cost_b: Floats, right_b: Floats, groups: Sequence[str]
) -> tuple[float, float, float]:
    """Return low, estimate and high of the ratio of two CPAOs, templates resampled."""
    codes = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    at = np.array([codes[group] for group in groups])
    sums = [np.bincount(at, array) for array in (cost_a, right_a, cost_b, right_b)]
    draws = np.random.default_rng(0).integers(0, len(codes), size=(4000, len(codes)))
    a, b, c, d = (values[draws].sum(axis=1) for values in sums)
    ratios = (a / b) / (c / d)
    whole = (sums[0].sum() / sums[1].sum()) / (sums[2].sum() / sums[3].sum())
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(low), float(whole), float(high)


PICKS = {"at least GPT-4's accuracy": at_least_strong, "least CPAO": least_cpao}


def main() -> None:
    """Report the recorded models, then cascades of each cheap one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="workbench")
    parser.add_argument("--margin", type=float, default=0.03)
    given = parser.parse_args()
    runs = read(given.task)
    print(f"n = {len(runs.templates)} requests of {len(set(runs.templates))} templates")
    print(f"{'':<38} {'strong':>6} {'right':>6} {'':<14}  {'$/req':>7}  CPAO")
    for model, stage in runs.stages.items():
        show(model, summarise(model, cascade([stage], []), runs.templates))
    for model in CHEAP:
        report(runs, model, given.margin)
    model = CHEAP[0]
    cheap, strong = runs.stages[model], runs.stages[STRONG]
    helps = ((cheap.right < 1) & (strong.right > 0)).astype(float)
    log = Log(signals=signals_of(runs, model), hits=helps, groups=runs.templates)
    mined = mine(log)
    print(f"\nrules where {STRONG} repairs {model}, found on half of the templates:")
    for rule in (*mined.kept, *mined.rejected):
        print(f"{'keep' if rule in mined.kept else 'reject':<7}{rule_sentence(rule)}")


if __name__ == "__main__":
    main()
