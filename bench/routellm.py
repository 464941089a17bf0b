"""How much does the text of a query say about which model it needs? RouteLLM's published answers.

    python bench/routellm.py FOLDER [--folds 5] [--resamples 1000]

FOLDER holds `mmlu/responses/*.csv` and `gsm8k/gsm8k_responses.csv` of the RouteLLM repository:
questions with the correctness of Mixtral 8x7B and GPT-4. Routers are scored out of fold: TF-IDF
with logistic regression on `weak wrong and strong right`, the length of the prompt alone, chance,
and the oracle. APGR and CPT as RouteLLM defines them (`stats/routers.py`); intervals are 95 %,
bootstrapped over questions. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from rung.stats.routers import router_curve

WEAK, STRONG = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The questions of one benchmark and who answered them right."""

    name: str
    texts: list[str]
    weak: Floats
    strong: Floats
    subjects: NDArray[np.str_]


def read(folder: Path) -> Iterator[Questions]:
    """Read both benchmarks."""
    sets = {
        "MMLU": sorted((folder / "mmlu" / "responses").glob("*.csv")),
        "GSM8K": [folder / "gsm8k" / "gsm8k_responses.csv"],
    }
    csv.field_size_limit(1 << 24)
    for name, paths in sets.items():
        rows = [(path.stem, row) for path in paths for row in read_rows(path)]
        yield Questions(
            name=name,
            texts=[row["prompt"] for _, row in rows],
            weak=np.array([row[WEAK] == "True" for _, row in rows], np.float64),
            strong=np.array([row[STRONG] == "True" for _, row in rows], np.float64),
            subjects=np.array([subject for subject, _ in rows]),
        )


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read one CSV file with a header."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def out_of_fold(questions: Questions, folds: int, seed: int = 0) -> Floats:
    """Return P(only the strong model is right), from folds that hold other questions."""
    helps = (questions.strong > questions.weak).astype(int)
    scores = np.zeros(len(helps))
    texts = np.array(questions.texts, dtype=object)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for seen, unseen in split.split(texts, helps):
        model = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            LogisticRegression(max_iter=1000),
        )
        model.fit(texts[seen], helps[seen])
        scores[unseen] = model.predict_proba(texts[unseen])[:, 1]
    return scores


def report(questions: Questions, folds: int, num_resamples: int) -> None:
    """Print one line a router, and what the text adds within a subject."""
    n = len(questions.texts)
    print(f"\n{questions.name}: n = {n}, weak {questions.weak.mean():.3f}, ", end="")
    print(f"strong {questions.strong.mean():.3f}")
    print(f"{'router':<22} {'APGR':>6} {'95 % interval':>16} {'CPT50':>7} {'CPT80':>7}")
    learnt = out_of_fold(questions, folds)
    routers = {
        "TF-IDF + logistic": learnt,
        "prompt length": np.array([len(text) for text in questions.texts], np.float64),
        "chance": np.zeros(n),
        "oracle": questions.strong - questions.weak,
    }
    draws = np.random.default_rng(0).integers(0, n, size=(num_resamples, n))
    for name, scores in routers.items():
        curve = router_curve(scores, questions.weak, questions.strong)
        areas = [
            router_curve(scores[rows], questions.weak[rows], questions.strong[rows]).apgr
            for rows in draws
        ]
        low, high = np.quantile(areas, [0.025, 0.975])
        ends = f"[{low:.3f}, {high:.3f}]"
        print(f"{name:<22} {curve.apgr:>6.3f} {ends:>16} {curve.cpt(0.5):>7.1%}", end="")
        print(f" {curve.cpt(0.8):>7.1%}")
    difference(questions, learnt, routers["prompt length"], draws)
    within(questions, learnt)


def difference(questions: Questions, learnt: Floats, length: Floats, draws: Floats) -> None:
    """Print what the words add to the length alone, paired."""
    gaps = [
        router_curve(learnt[rows], questions.weak[rows], questions.strong[rows]).apgr
        - router_curve(length[rows], questions.weak[rows], questions.strong[rows]).apgr
        for rows in draws
    ]
    low, high = np.quantile(gaps, [0.025, 0.975])
    says = "the words add to it" if low > 0 else "no signal of the words beyond it is shown"
    print(f"words over length alone: {np.mean(gaps):+.3f} [{low:+.3f}, {high:+.3f}]: {says}")


def within(questions: Questions, scores: Floats) -> None:
    """Print the area within subjects: what is left when the subject is known."""
    names = np.unique(questions.subjects)
    if len(names) == 1:
        return
    ranks = np.zeros(len(scores))
    for name in names:
        rows = np.flatnonzero(questions.subjects == name)
        ranks[rows] = np.argsort(np.argsort(scores[rows], kind="stable"), kind="stable") / len(rows)
    inside = router_curve(ranks, questions.weak, questions.strong).apgr
    print(f"the same scores ranked within each of {len(names)} subjects: APGR {inside:.3f}")


def main() -> None:
    """Read the folder and report both benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=1000)
    given = parser.parse_args()
    for questions in read(given.folder):
        report(questions, given.folds, given.resamples)


if __name__ == "__main__":
    main()
