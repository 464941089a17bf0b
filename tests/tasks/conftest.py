"""Fixtures of the task tests: a small label task and the folder it is saved in."""

import pytest

from rung.tasks.answers import Answers
from rung.tasks.contract import default_scoring
from rung.tasks.folder import save_task
from rung.tasks.task import Example, Task

SCHEMA = {
    "type": "object",
    "properties": {"intent": {"type": "string", "enum": ["refund", "card", "other"]}},
    "required": ["intent"],
    "additionalProperties": False,
}
WORDS = [
    "amber", "basil", "cedar", "delta", "ember", "fjord",
    "grove", "haven", "inlet", "jetty", "knoll", "larch",
]  # fmt: skip


def make_example(number, intent="refund", group=None):
    word = WORDS[number % len(WORDS)]
    return Example(
        id=f"e{number}",
        input=f"{word} asks about {word * 2} and the {WORDS[-1 - number % len(WORDS)]}",
        target={"intent": intent},
        group=group or f"e{number}",
    )


@pytest.fixture
def splits():
    intents = ["refund", "card", "other"] * 4
    examples = [make_example(number, intents[number]) for number in range(12)]
    return {"train": examples[:6], "dev": examples[6:9], "holdout": examples[9:]}


@pytest.fixture
def task(tmp_path):
    return Task(
        name="desk",
        title="Desk",
        instruction="Decide the intent.",
        schema=SCHEMA,
        scoring=default_scoring(Answers(SCHEMA)),
        path=tmp_path / "desk",
    )


@pytest.fixture
def folder(task, splits):
    save_task(task, splits, task.path, ties="near")
    return task.path
