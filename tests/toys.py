"""A toy task that a verifier can judge, and a tiny random model that knows nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from rung.tasks.folder import load_task
from rung.tasks.task import Task
from rung.train.base import add_lora, load_base
from rung.train.loop import Settings
from rung.train.methods import Job
from rung.train.rewards import verifier_of
from rung.train.sampling import Sampler, mean_pass
from rung.train.shape import LoraShape
from rung.train.texts import Style
from rung.train.write import Writer

SIGNS = {"billing": "charged", "technical": "urgent", "account": "please"}
SCHEMA = {
    "type": "object",
    "properties": {"category": {"enum": sorted(SIGNS)}},
    "required": ["category"],
}


def write_task(folder: Path, *, num_train: int = 30, num_other_words: int = 1) -> Task:
    """Write a task in which a word of the input says which category is right.

    12 of its 60 examples are holdout; what is not train is dev.
    """
    random = Random(0)
    folder.mkdir()
    contract = f'name = "{folder.name}"\ntitle = "Toy"\ninstruction = "Say the category."\n'
    (folder / "task.toml").write_text(contract, "utf-8")
    (folder / "form.json").write_text(json.dumps(SCHEMA), "utf-8")
    rows = []
    for i in range(60):
        label = sorted(SIGNS)[i % 3]
        others = ["".join(random.choices("bcdfghk", k=4)) for _ in range(num_other_words)]
        words = [SIGNS[label], *others]
        random.shuffle(words)
        split = "train" if i < num_train else "dev" if i < 48 else "holdout"
        rows.append(
            {"id": f"e{i}", "input": " ".join(words), "target": {"category": label}}
            | {"group": f"g{i}", "split": split}
        )
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "examples.jsonl").write_text(lines, "utf-8")
    return load_task(folder)


@contextmanager
def job_of(task: Task, base: Path, folder: Path, **settings: Any) -> Iterator[Job]:
    """Give a job that trains a fresh adapter of the model on the whole task."""
    folder.mkdir(exist_ok=True)
    with Writer(task, base, Style(prompt="bare", learn="values")) as writer:
        yield Job(
            task=task,
            writer=writer,
            model=add_lora(load_base(base), LoraShape(rank=8), seed=0),
            base=base,
            examples=task.train,
            texts=writer.write(task.train).texts,
            dev=(),
            settings=Settings(**settings),
            folder=folder,
            tell=lambda progress: None,
        )


def pass_rate(job: Job) -> float:
    """Return how often the model's likeliest answers to dev, never trained on, are right."""
    with Sampler(job.model, job.base, job.writer, verifier_of(job.task)) as sampler:
        return mean_pass(sampler.draw(job.task.dev, 1, temperature=0.0, seed=0))
