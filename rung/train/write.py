"""Texts of a task's examples: which form or agent writes them, and which cannot be written.

Holds what texts of one task share. How a text is written is in `texts.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rung.agents.spec import AgentSpec
from rung.engines.speech import open_speech
from rung.forms import compile_form
from rung.tasks.task import Example, Task
from rung.train.scribe import Scribe
from rung.train.solutions import solution
from rung.train.texts import Style, Text, Unwritable, episode_texts, form_texts
from rung.train.trained import agent_of
from rung.worlds.open import open_world
from rung.worlds.world import Call

MAX_TOKENS = 2048
"""Longer texts are left out: they would cost the memory of a whole batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Texts, and why examples have none."""

    texts: tuple[Text, ...]
    left_out: dict[str, int]
    """How many examples were left out, by reason."""


class Writer:
    """Writes the texts of one task for one model; use it as a context manager."""

    def __init__(
        self, task: Task, base: Path, style: Style, *, agent: AgentSpec | None = None
    ) -> None:
        self.task, self.style = task, style
        self.scribe = Scribe(open_speech(base), base.name)
        self.form = None if task.world else compile_form(task.schema, style=task.style)
        self.world = open_world(task) if task.world else None
        self.agent = agent or agent_of(asdict(style), style.seed)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.scribe.close()

    def texts(self, example: Example, output: Any = None, *, draw: int = 0) -> tuple[Text, ...]:
        """Return the texts of one example in which the model gives `output`.

        Without `output` it gives the target, or in a world makes the oracle's calls. Raises
        Unwritable.
        """
        if self.world is None:
            assert self.form is not None
            return form_texts(
                self.scribe,
                self.form,
                self.task.instruction,
                example,
                self.style,
                output=output,
                draw=draw,
            )
        if output is None:
            calls = list(solution(self.world, example))
        else:
            calls = [Call(**call) for call in output.get("calls", ())]
        return episode_texts(
            self.scribe,
            self.agent,
            self.world,
            example,
            calls,
            self.task.instruction,
            self.style,
        )

    def write(
        self,
        examples: Sequence[Example],
        tell: Callable[[int, int], None] = lambda done, total: None,
    ) -> Written:
        """Return the texts of examples, in order, and count the examples left out by reason."""
        found: list[Text] = []
        left_out: Counter[str] = Counter()
        for done, example in enumerate(examples, 1):
            try:
                texts = self.texts(example)
            except Unwritable as reason:
                left_out[str(reason)] += 1
                continue
            if any(len(text.tokens) > MAX_TOKENS for text in texts):
                left_out[f"longer than {MAX_TOKENS} tokens"] += 1
                continue
            found += texts
            tell(done, len(examples))
        return Written(texts=tuple(found), left_out=dict(left_out))
