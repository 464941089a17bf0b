"""Labelled traffic as examples of a task: what fits its form, one example an input.

A better label wins over a lesser one of the same input (correction, accepted, frontier); equally
good labels that differ leave the input out. All inputs of a conversation, and all conversations
that said the same, share a group. What a task has already is not known here (`generation.py`).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rung.core.errors import TaskError
from rung.core.hashing import canonical_json, content_hash, short_hash
from rung.tasks.answers import Answers
from rung.tasks.duplicates import Components
from rung.tasks.rows import check_input
from rung.tasks.task import Example, Task
from rung.traces.heard import Heard

_RANKS = {"correction": 2, "accepted": 1, "frontier": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """Examples made of traffic, and what was left out."""

    examples: tuple[Example, ...]
    """By the time of their first call."""
    num_labelled: int
    num_unfit: int
    """Labels that the task's form does not allow."""
    num_conflicting: int
    """Inputs whose best labels differ."""


def fresh_examples(task: Task, heard: Iterable[Heard]) -> Fresh:
    """Return the labelled inputs of a task's traffic as examples."""
    answers = Answers(task.schema)
    labelled = [one for one in heard if one.source]
    by_input: dict[str, list[tuple[Heard, dict[str, Any]]]] = {}
    num_unfit = 0
    for one in labelled:
        target = label_of(answers, one)
        if target is None:
            num_unfit += 1
        else:
            by_input.setdefault(unicodedata.normalize("NFC", one.text), []).append((one, target))
    groups = _groups([[one for one, _ in same] for same in by_input.values()])
    examples = []
    for (text, same), group in zip(by_input.items(), groups, strict=True):
        target = _best(same)
        if target is not None:
            id_ = content_hash(text)[:16]
            examples.append(Example(id=id_, input=same[0][0].text, target=target, group=group))
    return Fresh(
        examples=tuple(examples),
        num_labelled=len(labelled),
        num_unfit=num_unfit,
        num_conflicting=len(by_input) - len(examples),
    )


def label_of(answers: Answers, one: Heard) -> dict[str, Any] | None:
    """Return a label as a target of the form; None where it is none.

    A correction may name only the fields that were wrong, or give the value of the only field.
    """
    try:
        check_input(one.text, f"call {one.id}")
    except TaskError:
        return None
    for target in _readings(answers, one):
        try:
            answers.check(target, f"call {one.id}")
        except (TaskError, ValueError):
            continue
        return target
    return None


def _readings(answers: Answers, one: Heard) -> Iterable[dict[str, Any]]:
    label = one.label
    if isinstance(label, str) and len(answers.fields) == 1:
        yield dict.fromkeys(answers.fields, label)
    if isinstance(label, str):
        try:
            label = json.loads(label)
        except (ValueError, RecursionError):
            return
    if isinstance(label, dict):
        yield label
        if isinstance(one.output, dict):
            yield one.output | label


def _best(same: Sequence[tuple[Heard, dict[str, Any]]]) -> dict[str, Any] | None:
    rank = max(_RANKS[one.source] for one, _ in same)
    best = [target for one, target in same if _RANKS[one.source] == rank]
    return best[-1] if len({canonical_json(target) for target in best}) == 1 else None


def _groups(inputs: Sequence[Sequence[Heard]]) -> list[str]:
    """Return the group of each input: its conversations, joined where they share an input."""
    numbers: dict[tuple[str, str], int] = {}
    for same in inputs:
        for one in same:
            numbers.setdefault((one.tenant, one.conversation), len(numbers))
    joined = Components(len(numbers))
    for same in inputs:
        first = numbers[same[0].tenant, same[0].conversation]
        for one in same:
            joined.join(first, numbers[one.tenant, one.conversation])
    names = [f"traffic-{short_hash(list(name))}" for name in numbers]
    return [names[joined.find(numbers[same[0].tenant, same[0].conversation])] for same in inputs]
