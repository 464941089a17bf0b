"""What a WorkBench query asks, whatever its wording: its template and the words of its slots.

The data set words one template in several ways, so two queries may ask the very same. They must not
straddle splits: whoever trained on one knows the other's answer.
"""

from __future__ import annotations

from rung.tasks.task import Example
from rung.worlds.workbench.oracle.episode import Stuck, slot_words

Question = tuple[str, ...]


def question_of(example: Example) -> Question:
    """Return what a query asks, letter case aside; its own text where it follows no template."""
    template = str(example.setup.get("template", ""))
    try:
        slots = slot_words(example)
    except (Stuck, KeyError):
        return template, example.input.casefold()
    said = (f"{name}={words.casefold()}" for name, words in sorted(slots.items()))
    return template, *said
