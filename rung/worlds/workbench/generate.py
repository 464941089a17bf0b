"""A WorkBench task from the published data set: its splits, and the files its world needs.

Two ways to split the 690 queries, both with half of them in train and two fifths in the holdout:
within templates (`generate`: the holdout asks known kinds of things about other people, days and
records) and by templates (`generate_by_template`: it asks things of a kind never seen before).
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rung.core.errors import ConfigError, TaskError, reason_of
from rung.core.files import write_atomic
from rung.core.records import Split
from rung.core.seeds import stream
from rung.tasks.task import Example
from rung.worlds.workbench import recorded
from rung.worlds.workbench.options import FILE as OPTIONS
from rung.worlds.workbench.options import Options
from rung.worlds.workbench.published import (
    HINT,
    data_folder,
    read_examples,
    read_recorded,
    world_files,
)
from rung.worlds.workbench.questions import Question, question_of

WORLD = "world"
"""Folder of the state in a task's folder."""
_TRAIN, _DEV = 0.5, 0.1
_ORDER: tuple[Split, ...] = ("train", "dev", "holdout")

Splits = dict[Split, list[Example]]
T = TypeVar("T")


def generate(*, data: Path | None = None, seed: int = 0, **sizes: int) -> Splits:
    """Deal the queries of each template to the splits: of ten, five, one and four.

    Queries that ask the same in other words stay together, so the shares are about these.

    A group is a template within a split (`holdout/calendar-t07`), since groups may not straddle
    splits. Raises TaskError without the data set, ConfigError for sizes, which it fixes.
    """
    return _generate(_by_query, data, seed, sizes)


def generate_by_template(*, data: Path | None = None, seed: int = 0, **sizes: int) -> Splits:
    """Deal whole templates to the splits, the same shares of each file's; else as `generate`."""
    return _generate(_by_template, data, seed, sizes)


def furnish(folder: Path, *, data: Path | None = None) -> None:
    """Write the world's tables and the recorded runs into a task's folder.

    Raises TaskError for a file of the data set that is missing or unusable.
    """
    source = data_folder(data)
    (folder / WORLD).mkdir()
    for name, path in world_files(source).items():
        try:
            shutil.copyfile(path, folder / WORLD / name)
        except OSError as error:
            raise TaskError(f"copying {path}: {reason_of(error)}", hint=HINT) from None
    write_atomic(folder / WORLD / OPTIONS, Options().to_toml())
    for name, records in read_recorded(source, read_examples(source)).items():
        recorded.write(folder, name, records)


def _generate(
    deal: Callable[[Sequence[Example], int], Splits],
    data: Path | None,
    seed: int,
    sizes: dict[str, int],
) -> Splits:
    if sizes:
        raise ConfigError(
            f"a WorkBench task has 690 queries, {', '.join(sizes)} cannot be chosen",
            hint="leave out --sizes; rung run --limit takes fewer",
        )
    dealt = deal(read_examples(data_folder(data)), seed)
    return {
        split: [replace(example, group=f"{split}/{example.group}") for example in examples]
        for split, examples in dealt.items()
    }


def _by_query(examples: Sequence[Example], seed: int) -> Splits:
    splits: Splits = {split: [] for split in _ORDER}
    templates: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        templates[example.group].append(example)
    for template, members in templates.items():
        alike: dict[Question, list[Example]] = defaultdict(list)
        for example in members:
            alike[question_of(example)].append(example)
        for split, questions in _cut(list(alike.values()), seed, template).items():
            splits[split] += [example for same in questions for example in same]
    return splits


def _by_template(examples: Sequence[Example], seed: int) -> Splits:
    files: dict[str, dict[str, None]] = defaultdict(dict)
    for example in examples:
        files[example.group.rpartition("-")[0]][example.group] = None
    place: dict[str, Split] = {}
    for file, templates in files.items():
        for split, part in _cut(list(templates), seed, file).items():
            place |= dict.fromkeys(part, split)
    return {
        split: [example for example in examples if place[example.group] == split]
        for split in _ORDER
    }


def _cut(members: Sequence[T], seed: int, name: str) -> dict[Split, list[T]]:
    """Deal members by the shares of the splits, at least one to each where there are three."""
    shuffled = list(members)
    stream(seed, "workbench", name).shuffle(shuffled)
    dev = max(1, round(_DEV * len(shuffled)))
    train = round(_TRAIN * len(shuffled))
    cuts = {"train": (0, train), "dev": (train, train + dev), "holdout": (train + dev, None)}
    return {split: shuffled[slice(*cuts[split])] for split in _ORDER}
