"""The methods of training by name, and what each is given.

A method turns a job into a trained model: it changes the job's model in place and says what it did.
What it is trained on comes from the job's train examples, what judges it from its dev texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean
from rung.tasks.task import Example, Task
from rung.train.loop import History, Progress, Settings
from rung.train.texts import Text
from rung.train.write import Writer

METHODS = {
    "sft": "rung.train.sft",
    "rft": "rung.train.rft",
    "dpo": "rung.train.dpo",
    "grpo": "rung.train.grpo",
}
"""The module of each method; its `train` is a `Method`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training run."""

    task: Task
    writer: Writer
    """Writes texts of examples and outputs, as the route to be trained serves them."""
    model: Any
    """A PEFT model whose adapter is to be trained."""
    base: Path
    examples: Sequence[Example]
    """Of train's share only."""
    texts: Sequence[Text]
    """Of `examples`, with their targets or the oracle's calls."""
    dev: Sequence[Text]
    """Of dev examples, for early stopping."""
    settings: Settings
    folder: Path
    """Of the run; checkpoints, answers drawn and the method's report lie here."""
    tell: Callable[[Progress], None]
    goes_on: bool = False
    """Whether the adapter was trained before: what makes it worse is not to be kept."""
    drawn: Callable[[int, int], None] = lambda done, total: None
    """Told how many examples a method that draws answers has answered, of how many."""


Method = Callable[[Job], History]


def method(name: str) -> Method:
    """Return a method by name. Raises ConfigError for one that is unknown or not there yet."""
    if name not in METHODS:
        raise ConfigError(
            f"no training method is called {name!r} ({did_you_mean(name, list(METHODS))})",
            hint=f"--method {' | '.join(METHODS)}",
        )
    found: Method = import_module(METHODS[name]).train
    return found
