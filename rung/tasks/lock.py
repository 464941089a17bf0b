"""`splits.lock.json`: what each split held when the splits were made, and which file holds them.

A lock is a seal, not a secret: whoever deletes it can make a new one, and the holdout's new hash
then disagrees with every receipt the gate has written. Whether a change is allowed is decided in
`folder.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from rung.core.errors import TaskError
from rung.core.records import SPLITS, Split
from rung.tasks.lines import parse_json, read_lines
from rung.tasks.splits import ALGORITHM, Splits, Ties, split_hash

FILE = "splits.lock.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The seal of one task's splits."""

    ties: Ties
    """What was made sure not to straddle the splits."""
    seed: int
    counts: Mapping[Split, int]
    hashes: Mapping[Split, str]
    """SHA-256 of each split's content (`split_hash`)."""
    algorithm: str = ALGORITHM
    generation: int = 1
    """How often the splits were made anew from fresh traffic, the first time included."""

    @property
    def examples(self) -> str:
        """Name of the file with the examples of this generation."""
        return "examples.jsonl" if self.generation == 1 else f"examples-{self.generation}.jsonl"

    def to_json(self) -> str:
        """Return the text of the lock file."""
        value = {
            "algorithm": self.algorithm,
            "ties": self.ties,
            "seed": self.seed,
            **({"generation": self.generation} if self.generation > 1 else {}),
            "splits": {
                split: {"count": self.counts[split], "sha256": self.hashes[split]}
                for split in SPLITS
            },
        }
        return json.dumps(value, indent=1) + "\n"


def former_file(generation: int) -> str:
    """Return the name that the lock of a generation has once another one has followed."""
    return f"splits.lock-{generation}.json"


def seal(splits: Splits, *, ties: Ties, seed: int, generation: int = 1) -> Lock:
    """Return the lock of these splits; raises TaskError when one of them is empty."""
    for split in SPLITS:
        if not splits.get(split):
            raise TaskError(
                f"locking the splits: {split} has no examples",
                hint="give every split some, or let rung split: rung init … --resplit",
            )
    return Lock(
        ties=ties,
        seed=seed,
        generation=generation,
        counts={split: len(splits[split]) for split in SPLITS},
        hashes={split: split_hash(splits[split]) for split in SPLITS},
    )


def read_lock(path: Path) -> Lock | None:
    """Read a lock file, None when there is none; raises TaskError when it is damaged."""
    if not path.exists():
        return None
    value = parse_json("".join(line for _, line in read_lines(path)), f"reading {path}")
    try:
        lock = _decode(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise TaskError(
            f"reading {path}: not a lock file ({type(error).__name__}: {error})",
            hint="restore it, or make a new task with rung init",
        ) from None
    if lock.algorithm != ALGORITHM or lock.ties not in get_args(Ties):
        raise TaskError(
            f"reading {path}: algorithm {lock.algorithm!r} with ties {lock.ties!r} is not known",
            hint=f"this version knows {ALGORITHM}; make a new task with rung init",
        )
    return lock


def _decode(value: dict[str, Any]) -> Lock:
    splits = value["splits"]
    return Lock(
        algorithm=value["algorithm"],
        ties=value["ties"],
        seed=value["seed"],
        generation=value.get("generation", 1),
        counts={split: splits[split]["count"] for split in SPLITS},
        hashes={split: splits[split]["sha256"] for split in SPLITS},
    )
