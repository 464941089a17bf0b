"""Find a route's rows, map what fails, and write the next training batch."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rung.core.errors import ConfigError, GateError
from rung.core.files import write_atomic
from rung.core.hashing import content_hash
from rung.engines.open import LOCAL_PRICE
from rung.engines.prices import price_of, prices_path
from rung.flow.find_runs import RunFinder
from rung.gate.rows import gather
from rung.gate.touching import check_untouched, touching
from rung.repair.batch import KINDS, Batch, choose_batch
from rung.repair.change import Met
from rung.repair.mapping import Run, build_map
from rung.repair.payback import Training
from rung.repair.read_form import FormReader
from rung.repair.read_world import WorldReader
from rung.repair.readers import Reader, heard
from rung.repair.records import RepairMap
from rung.repair.rescore import rescored
from rung.repair.variants import generates, variants
from rung.tasks.rows import format_rows
from rung.tasks.scorers import score_output
from rung.tasks.splits import split_hash
from rung.tasks.task import Example, Task
from rung.train.trained import last_minutes
from rung.worlds.catalog import load
from rung.worlds.open import open_world


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A map with what the next batch is made from."""

    task: Task
    reader: Reader
    run: Run
    map: RepairMap


def repair(
    task: str | Task,
    *,
    results: str = "",
    reference: str = "",
    after: str = "",
    machine: str = LOCAL_PRICE,
) -> Repair:
    """Return the repair map of a route.

    `machine` is the price row of the machine that trains.

    Each of `results`, `reference` and `after` is a results file or a route of the last climb.
    Without `results` the route in service is looked at as the last climb measured it on dev, else
    the best one; without `reference` the climb's reference, where it had one. Raises ConfigError
    when there is no such route or it has no failures, GateError for rows that are of neither dev
    nor train. Stored answers are scored by today's labels and scorers.
    """
    task = load(task) if isinstance(task, str) else task
    finder = RunFinder(task)
    run, split, num_left_out = finder.of_split(finder.run(results) if results else finder.default())
    run, other = rescored(task, run), _only_known(finder, reference, run)
    later = _asked_again(finder, after, run) if after else None
    reader = reader_of(task)
    found = build_map(
        task,
        reader,
        run,
        split=split,
        reference=rescored(task, other) if other else None,
        after=rescored(task, later) if later else None,
        generates=generates(task),
        num_left_out=num_left_out,
        training=_training(task, run, machine),
    )
    if not found.clusters:
        raise ConfigError(
            f"{run.name!r} has no failures on {found.num_examples} {split} examples:"
            " nothing to repair",
            hint=f"rung repair {task.name} --results FILE looks at another run",
        )
    return Repair(task=task, reader=reader, run=run, map=found)


def _training(task: Task, run: Run, machine: str) -> Training | None:
    """Return what the last training of the route's model took, None where nobody knows."""
    price = price_of(machine)
    if price.usd_per_hour is None:
        raise ConfigError(
            f"the price row {machine!r} is of tokens, not of a machine's hour",
            hint=f"--machine {LOCAL_PRICE}, or a row with usd_per_hour in {prices_path()}",
        )
    known = last_minutes(task.name, run.route.model if run.route else "")
    if known is None:
        return None
    minutes, is_measured = known
    return Training(minutes=minutes, usd_per_hour=price.usd_per_hour, is_measured=is_measured)


def reader_of(task: Task) -> Reader:
    """Return what reads the answers of a task."""
    return WorldReader(open_world(task)) if task.world else FormReader(task)


def write_batch(found: Repair, path: Path) -> dict[str, Any]:
    """Write the next training batch and beside it its manifest, which is returned.

    The batch has the format of `examples.jsonl`, all of it train. Raises TrainError when there is
    nothing to train on, GateError naming the example that would leak dev or holdout.
    """
    if not path.parent.is_dir():
        raise ConfigError(f"writing {path}: no folder {path.parent}", hint="make it first")
    task = found.task
    places = {miss.place for cluster in found.map.clusters for miss in cluster.misses}
    found_or_made = [*task.train, *variants(task, places)]
    leaking = touching(task, found_or_made)
    pool = [example for example in found_or_made if example.id not in leaking]
    batch = choose_batch(
        found.map,
        found.reader,
        pool,
        met=_met_rates(found),
        is_strict=_verifier(task),
    )
    examples = [row.example for row in batch.rows]
    check_untouched(task, examples)
    lines = "".join(format_rows((example, "train") for example in examples))
    manifest = _manifest(found, batch, lines, num_leaking=len(leaking))
    write_atomic(path, lines)
    write_atomic(manifest_of(path), json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    return manifest


def manifest_of(batch: Path) -> Path:
    """Return the path of a batch's manifest."""
    return batch.with_suffix(".manifest.json")


def _manifest(found: Repair, batch: Batch, lines: str, *, num_leaking: int) -> dict[str, Any]:
    clusters = batch.clusters()
    made = sum(row.example.id.startswith("variant-") for row in batch.rows)
    return {
        "task": found.task.name,
        "route": found.map.route,
        "split_hashes": dict(found.task.split_hashes),
        "results_hash": content_hash([row.to_json() for row in found.run.rows]),
        "batch_hash": content_hash(lines),
        "num_rows": len(batch.rows),
        "kinds": {kind: batch.count(kind) for kind in KINDS},
        "num_generated": made,
        "num_unverified": batch.num_unverified,
        "num_leaking": num_leaking,
        "clusters": [
            {
                "name": one.name,
                "num_misses": len(one.misses),
                "remedy": one.remedy.rung,
                "num_rows": clusters.get(one.name, 0),
            }
            for one in found.map.clusters
        ],
        "rows": [
            {
                "id": row.example.id,
                "kind": row.kind,
                "cluster": row.cluster,
                "hash": split_hash([row.example]),
            }
            for row in batch.rows
        ],
    }


def _met_rates(found: Repair) -> dict[str, float]:
    """Return how often the run met each scope."""
    known = {example.id: example for example in (*found.task.train, *found.task.dev)}
    gathered = {
        example: samples
        for example, samples in gather(found.run.rows, name=found.run.name).items()
        if heard(samples)
    }
    met = Met(found.reader, known, gathered)
    counts: dict[str, list[bool]] = defaultdict(list)
    for id_ in gathered:
        for name, scope in found.reader.requirements(known[id_]).items():
            counts[scope].append(met.meets(id_, name))
    return {scope: sum(values) / len(values) for scope, values in counts.items()}


def _verifier(task: Task) -> Callable[[Example], bool]:
    """Return what says whether an example's own solution is strict."""
    if not task.world:
        return lambda example: score_output(task, example, example.target).strict
    world = open_world(task)
    return lambda example: world.score(example, world.oracle(example)).strict


def _asked_again(finder: RunFinder, after: str, run: Run) -> Run:
    """Return the later run's rows on the run's examples, which it must all have."""
    later, asked = finder.run(after), {row.example for row in run.rows}
    return replace(later, rows=tuple(row for row in later.rows if row.example in asked))


def _only_known(finder: RunFinder, reference: str, run: Run) -> Run | None:
    """Return the reference's rows on the run's examples."""
    other = finder.run(reference) if reference else finder.reference()
    if other is None or other.name == run.name:
        return None
    asked = {row.example for row in run.rows}
    rows = tuple(row for row in other.rows if row.example in asked)
    if not rows and reference:
        raise GateError(
            f"the reference {other.name!r} answered none of the {len(asked)} examples",
            hint="run it on the same split: rung run NAME --route R",
        )
    return replace(other, rows=rows) if rows else None
