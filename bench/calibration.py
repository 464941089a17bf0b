"""Do the probabilities of a form's choices mean what they say, before and after calibration?

    python bench/calibration.py [--task NAME]… [--limit 150] [--minutes 7] [--svg FILE]

On dev, for each choice slot: accuracy, expected calibration error, Brier score and log-loss of the
raw softmax, with content-free priors, and with maps fitted on the train examples that the rung
`calibrated` draws; beside them the class frequencies of the same labels. Coverage and size of
split-conformal sets. The task score of the form, with priors, and calibrated. Trie, likelihood and
normalised scoring on the same examples. Intervals are 95 %, clustered by group; those of ECE are
bootstrapped over groups.

Answers are kept in the store of RUNG_HOME: after `--minutes` it stops asking, and the same command
goes on from there. banking77 is a default task where its data lies beside the checkout. Nothing
here is a test.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from reliability import Curve, write_svg
from scipy import special
from scoring import decided_again, print_scorings, weigh_all

from rung.core.clock import monotonic_ms
from rung.core.errors import TaskError
from rung.engines.catalogue import DEFAULT_MODEL
from rung.engines.open import price_of_model
from rung.flow.session import Session, open_session, situation
from rung.forms import Calibration
from rung.forms.decisions import Floats, calibrated
from rung.ladder import calibrated as rung_calibrated
from rung.ladder import form as rung_form
from rung.ladder.climb import draw
from rung.routes.answer import answered
from rung.routes.calibrate import (
    NO_MAP,
    Labelled,
    Observed,
    calibratable,
    cross_validate,
    fit_map,
    observe,
)
from rung.routes.evaluate import to_row
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.stats.calibration import ece
from rung.stats.clusters import group_codes
from rung.stats.intervals import mean_interval
from rung.stats.paired import paired_difference
from rung.stats.risk import lac_threshold
from rung.tasks.importer import init_task
from rung.tasks.task import Example, Task
from rung.worlds.catalog import load

BANKING = Path(__file__).parents[2] / "shared" / "data" / "banking77" / "train.csv"
NUM_RESAMPLES = 2000


class Purse:
    """The time that may be spent on asking the model."""

    def __init__(self, minutes: float) -> None:
        self._end_ms = monotonic_ms() + minutes * 60_000.0

    def spend(self) -> None:
        """End the run where no time is left for one more answer."""
        if monotonic_ms() > self._end_ms:
            raise SystemExit("time is up; the same command goes on from here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """One way to state the probabilities of one slot on dev."""

    name: str
    p: Floats
    """Shape (examples, options)."""
    seen: Observed

    @property
    def hits(self) -> Floats:
        """1 where the likeliest option is right."""
        return (self.p.argmax(axis=1) == self.seen.right).astype(np.float64)

    @property
    def top(self) -> Floats:
        """Probability of the likeliest option."""
        return np.minimum(self.p.max(axis=1), 1.0)

    @property
    def losses(self) -> Floats:
        """Log-loss in nats."""
        return -np.log(np.maximum(self.p[np.arange(len(self.p)), self.seen.right], 1e-9))

    @property
    def briers(self) -> Floats:
        """Squared distance to the right answer over all options, 0 to 2."""
        right = np.eye(self.p.shape[1])[self.seen.right]
        return np.square(self.p - right).sum(axis=1)


def ask(session: Session, purse: Purse, route: Route, examples: Sequence[Example]) -> list[Answer]:
    """Return a route's answers; those that are stored cost nothing."""
    found = []
    for example in examples:
        answer, cached = answered(route, session.runtime, example)
        found.append(answer)
        if not cached:
            purse.spend()
    return found


def labelled(examples: Sequence[Example], answers: Sequence[Answer]) -> list[Labelled]:
    """Join answers with labels."""
    return [
        Labelled(decisions=a.decisions, target=e.target, group=e.group)
        for e, a in zip(examples, answers, strict=True)
    ]


def state(name: str, seen: Observed, found: Calibration = NO_MAP) -> Stated:
    """State the probabilities of observations under a map."""
    p = special.softmax(calibrated(seen.logprobs, found), axis=1)
    return Stated(name=name, p=p, seen=seen)


def ways(plain: Observed, lifted: Observed, dev: Observed, dev_lifted: Observed) -> list[Stated]:
    """Return every way to state a slot's probabilities; maps are fitted on the first two."""
    counts = np.bincount(plain.right, minlength=dev.logprobs.shape[1]) + 1.0
    shares = np.tile(counts / counts.sum(), (len(dev.right), 1))
    found = [Stated(name="class frequencies", p=shares, seen=dev)]
    for start, train, held_out in (("raw", plain, dev), ("prior", lifted, dev_lifted)):
        losses = cross_validate(train)
        best = min(losses, key=lambda name: losses[name]) if losses else "none"
        for method in ("none", "temperature", "affine"):
            name = start if method == "none" else f"{start}, {method}"
            made = state(
                f"{name}{' <' if method == best else ''}", held_out, fit_map(method, train)
            )
            found.append(made)
    return found


def resampled(groups: Sequence[str], statistic: Callable[[Floats], float]) -> tuple[float, float]:
    """Return the 95 % interval of a statistic of row numbers, groups drawn with replacement."""
    codes = group_codes(groups)
    members = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    rng = np.random.default_rng(0)
    draws = [
        statistic(np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]))
        for _ in range(NUM_RESAMPLES)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def print_ways(path: str, found: Sequence[Stated]) -> None:
    """Print one line a way; `<` marks the map that cross-validation on train chooses."""
    groups, raw = found[0].seen.groups, found[1]
    print(f"\n{path}: n = {len(groups)} in {len(set(groups))} groups")
    print(f"{'':<22}{'accuracy':<22}{'ECE':<22}{'Brier':<8}{'log-loss':<22}log-loss against raw")
    for way in found:
        gap = resampled(groups, lambda rows, w=way: ece(w.top[rows], w.hits[rows]))
        less = way.losses - raw.losses
        print(
            f"{way.name:<22}{_mean(way.hits, groups, high=1.0)}  "
            f"{ece(way.top, way.hits):.3f} [{gap[0]:.3f}, {gap[1]:.3f}]  {way.briers.mean():.3f}  "
            f" {_mean(way.losses, groups)}  {_mean(less, groups, low=-np.inf)}"
        )


def _mean(values: Floats, groups: Sequence[str], low: float = 0.0, high: float = np.inf) -> str:
    ends = mean_interval(values, groups, low=low, high=high)
    return f"{values.mean():.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"


def print_sets(name: str, ranked: Observed, dev: Observed) -> None:
    """Print coverage and size of the sets whose thresholds come from `ranked`, one a group."""
    p_right = np.exp(ranked.logprobs[np.arange(len(ranked.right)), ranked.right])
    for alpha in (0.2, 0.1, 0.05):
        inside = np.exp(dev.logprobs) >= lac_threshold(p_right, alpha=alpha)
        held = inside[np.arange(len(dev.right)), dev.right].astype(np.float64)
        sizes = inside.sum(axis=1).astype(np.float64)
        single = (sizes == 1).astype(np.float64)
        print(
            f"{name:<26} {1 - alpha:.0%}  held {_mean(held, dev.groups, high=1.0)}  "
            f"size {_mean(sizes, dev.groups, high=float(inside.shape[1]))} of {inside.shape[1]}  "
            f"one value in {single.mean():.0%}, of them right "
            f"{held[sizes == 1].mean() if single.any() else float('nan'):.0%}"
        )


def print_scores(session: Session, arms: dict[str, list[Answer]], dev: Sequence[Example]) -> None:
    """Print the task score of each route, and its difference to the first."""
    groups = [example.group for example in dev]
    base = None
    for name, answers in arms.items():
        price = price_of_model(DEFAULT_MODEL)
        rows = [to_row(session.runtime, e, a, price, 0) for e, a in zip(dev, answers, strict=True)]
        scores = np.array([row.score for row in rows])
        base = scores if base is None else base
        diff = paired_difference(base, scores, groups)
        print(
            f"{name:<16} {_mean(scores, groups, high=1.0)}  strict "
            f"{np.mean([row.strict for row in rows]):.3f}  against form {diff.diff:+.3f} "
            f"[{diff.ci[0]:+.3f}, {diff.ci[1]:+.3f}]  n = {diff.n} in {diff.num_groups} groups"
        )


def measure(task: Task, model: str, limit: int, purse: Purse, svg: Path | None) -> None:
    """Ask what is not stored yet, then print everything."""
    with open_session(task) as session:
        small = replace(
            situation(session, model, 0),
            answers=lambda route, examples: ask(session, purse, route, examples),
        )
        form = small.form
        dev = draw(task.dev, limit, seed=0, name="dev")
        fitted, ranked = rung_calibrated.draw_apart(task.train, seed=0)
        form_route, prior_route = rung_form.propose(small)
        (map_route,) = rung_calibrated.propose(small)
        routes = (form_route, prior_route, map_route)
        arms = {route.name: ask(session, purse, route, dev) for route in routes}
        ranks = {r.name: labelled(ranked, ask(session, purse, r, ranked)) for r in routes}
        priors = session.runtime.priors(session.runtime.engine(model), "default")
        train = labelled(fitted, small.answers(form_route, fitted))
        held_out = {name: labelled(dev, answers) for name, answers in arms.items()}
        weighed = weigh_all(small, session.runtime, dev, purse.spend)
        print(f"\n== {task.name}, {model}, {len(fitted)} + {len(ranked)} train answers")
        curves = []
        for path in calibratable(form):
            both = [
                observe(form, path, answers)
                for own in (train, held_out["form"])
                for answers in (own, [decided_again(small, one, priors) for one in own])
            ]
            found = ways(*both)
            print_ways(path, found)
            curves += [_curve(path, way) for way in found if way.name.strip(" <") in SHOWN]
            for name in ranks:
                seen = observe(form, path, ranks[name]), observe(form, path, held_out[name])
                print_sets(f"sets, {name}", *seen)
        print()
        print_scores(session, arms, dev)
        print_scorings(small, weighed)
        if svg:
            write_svg(svg, curves, f"Reliability of the choices on {task.name}, n = {len(dev)}")


SHOWN = ("raw", "prior", "raw, temperature", "raw, affine")


def _curve(path: str, way: Stated) -> Curve:
    return Curve(
        panel=path,
        name=way.name.strip(" <"),
        p=way.top.tolist(),
        right=[bool(hit) for hit in way.hits],
        groups=way.seen.groups,
    )


def banking() -> Task:
    """Return the banking77 task, made from the file beside the checkout where it is new."""
    try:
        return load("banking77")
    except TaskError:
        return init_task(
            "banking77", BANKING, input_column="text", target_columns=["category"]
        ).task


def main() -> None:
    """Measure each task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", action="append")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--svg", type=Path, help="reliability of the last task's choices")
    given = parser.parse_args()
    purse = Purse(given.minutes)
    for name in given.task or ["helpdesk", *(["banking77"] if BANKING.exists() else [])]:
        task = banking() if name == "banking77" and BANKING.exists() else load(name)
        measure(task, given.model, given.limit, purse, given.svg)


if __name__ == "__main__":
    main()
