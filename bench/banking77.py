"""BANKING77 from end to end: the published split as a task, an adapter scored on its test split.

    python bench/banking77.py make FOLDER FILE.csv       # then, as it says, init, train and:
    python bench/banking77.py score FOLDER [--task banking77] [--arm NAME]… [--limit N] [--model M]

FOLDER holds the published train.csv and test.csv (Casanueva et al. 2020, arXiv 2003.04807). `make`
keeps the test split whole as the holdout, takes 400 train queries as dev and drops train queries
that say what another says, letter case, spaces and signs aside. `score` asks the served routes, the
adapter trained last among them, about the test split itself, draws none of it twice and promotes
nothing: that is the gate's. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rung.core.seeds import stream
from rung.engines.catalogue import DEFAULT_MODEL
from rung.engines.open import open_engine, price_of_model
from rung.routes.evaluate import evaluate
from rung.routes.route import Route
from rung.routes.runtime import Runtime
from rung.stats.intervals import wilson
from rung.store import Store
from rung.tasks.task import Example
from rung.train.trained import find_trained
from rung.worlds.catalog import load

NUM_DEV = 400


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a published file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def make(folder: Path, target: Path, seed: int) -> None:
    """Write one file with a split column."""
    train, test = read(folder / "train.csv"), read(folder / "test.csv")
    stream(seed, "banking77").shuffle(train)
    seen = {said(row) for row in test}
    kept = []
    for row in train:
        if said(row) not in seen:
            seen.add(said(row))
            kept.append(row)
    splits = ["dev"] * NUM_DEV + ["train"] * (len(kept) - NUM_DEV) + ["holdout"] * len(test)
    with target.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, ["text", "category", "split"])
        writer.writeheader()
        for row, split in zip([*kept, *test], splits, strict=True):
            writer.writerow(row | {"split": split})
    print(f"{len(train) - len(kept)} of {len(train)} train queries dropped; next:")
    print(
        f"rung init banking77 --from {target} --input text --target category --ties exact"
        " --instruction 'Name what the customer of a bank wants.'\nrung train banking77"
    )


def said(row: dict[str, str]) -> str:
    """Return a query without letter case, spaces and signs."""
    return re.sub(r"[\W_]+", "", row["text"].lower())


def routes(task: str, model: str) -> dict[str, Route]:
    """Return the four arms: base and trained, each with and without the form."""
    trained = find_trained(task, model)
    if trained is None:
        raise SystemExit(f"no adapter was trained: rung train {task} --model {model}")
    print(f"# adapter {trained.adapter[:12]}: {trained.minutes:.1f} minutes, {trained.metrics}")
    found = {}
    for name, adapter in (("base", ""), ("sft", trained.adapter)):
        prompt = trained.style["prompt"] if adapter else "full"
        told = {"model": model, "adapter": adapter, "prompt": prompt}
        free = Route(name=name, rung=name, output="blank", **told)
        found[name] = free
        found[f"{name}+form"] = Route(name=f"{name}+form", rung=name, output="form", **told)
    return found


def score(folder: Path, name: str, model: str, arms: Iterable[str], limit: int) -> None:
    """Print what each arm has right of the test split."""
    task, store, price = load(name), Store("sqlite://"), price_of_model(model)
    test = read(folder / "test.csv")
    stream(0, "banking77 test").shuffle(test)
    examples = [
        Example(
            id=f"test-{at}",
            input=row["text"],
            target={"category": row["category"]},
            group=f"test-{at}",
        )
        for at, row in enumerate(test[: limit or None])
    ]
    able = routes(name, model)
    print(f"{'arm':10} {'right':>20} {'n':>5} {'p50 ms':>7} {'p95 ms':>7} {'tokens':>7}")
    with Runtime(task, open_engine=open_engine, store=store) as runtime:
        for arm in arms:
            rows = list(evaluate(able[arm], runtime, examples, price=price))
            right = sum(row.strict for row in rows)
            low, high = wilson(int(right), len(rows))
            times = np.percentile([row.latency_ms for row in rows], [50, 95])
            tokens = np.mean([row.usage.output_tokens for row in rows])
            print(
                f"{arm:10} {right / len(rows):7.3f} [{low:.3f}, {high:.3f}] {len(rows):5}"
                f" {times[0]:7.1f} {times[1]:7.1f} {tokens:7.1f}",
                flush=True,
            )
    store.close()


def main() -> None:
    """Make the task or score its adapter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("make", "score"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--task", default="banking77")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--arm", action="append")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    if args.what == "make":
        if args.file is None:
            parser.error("make FOLDER FILE.csv")
        make(args.folder, args.file, args.seed)
    else:
        score(args.folder, args.task, args.model, args.arm or ("sft", "sft+form"), args.limit)


if __name__ == "__main__":
    main()
