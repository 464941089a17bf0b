"""One table of named signals: what is known of a request before a model is asked, and after.

`Signals` computes a row of it; rules and doubt read rows. The names, with plain words, are in
`text_signals.py` and `answer_signals.py`; `novelty`, the distance to the nearest train example, is
computed here because it needs the task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rung.routes.escalation.answer_signals import ANSWER_SIGNALS, answer_signals
from rung.routes.escalation.text_signals import TEXT_SIGNALS, WordSignal, text_signals
from rung.tasks.features import TextIndex
from rung.tasks.task import Task

if TYPE_CHECKING:
    from rung.routes.runtime import Answer

NOVELTY = "novelty"
_NOVELTY_SAYS = "distance to the nearest train example, 0 to 1"
_FIELD_SAYS = {"p_": "probability of the choice", "margin_": "lead of the choice"}


class Signals:
    """Computes the signals of one task's requests and answers."""

    def __init__(self, task: Task, words: Sequence[WordSignal] = ()) -> None:
        self._task, self._words = task, tuple(words)
        self._index: TextIndex | None = None

    def before(self, text: str) -> dict[str, float]:
        """Return what is known before any model is asked."""
        own = {signal.name: signal.value(text) for signal in self._words}
        return text_signals(text) | self._novelty(text) | own

    def after(
        self, text: str, answer: Answer, others: Sequence[Mapping[str, Any] | None] = ()
    ) -> dict[str, float]:
        """Return what is known once an answer is there; see `answer_signals`."""
        return answer_signals(text, answer, costs=self._task.error_cost, others=others)

    def _novelty(self, text: str) -> dict[str, float]:
        if not self._task.train:
            return {}
        if self._index is None:
            self._index = TextIndex([example.input for example in self._task.train])
        near = self._index.similarities(text)
        return {NOVELTY: 1.0 - min(1.0, float(near.max()))}


def is_before(name: str, words: Sequence[WordSignal] = ()) -> bool:
    """Return whether a signal is known before any model is asked."""
    return name in TEXT_SIGNALS or name == NOVELTY or name in {signal.name for signal in words}


def describe_signal(name: str, words: Sequence[WordSignal] = ()) -> str:
    """Return what a signal counts, in plain words; empty for a name that is no signal's."""
    own = {signal.name: signal.says for signal in words}
    text = {known: says for known, (says, _) in TEXT_SIGNALS.items()}
    told = {NOVELTY: _NOVELTY_SAYS, **text, **ANSWER_SIGNALS, **own}
    if name in told:
        return told[name]
    prefix = next((p for p in _FIELD_SAYS if name.startswith(p) and name != p), "")
    return f"{_FIELD_SAYS[prefix]} {name.removeprefix(prefix)!r}" if prefix else ""


def signal_names(words: Sequence[WordSignal] = ()) -> list[str]:
    """Return the names that hold for every task, for error messages."""
    return [*TEXT_SIGNALS, NOVELTY, *ANSWER_SIGNALS, *(signal.name for signal in words)]
