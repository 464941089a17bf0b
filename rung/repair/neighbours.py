"""What train says near a miss: how the nearest examples are labelled, and whether a label is wrong.

A label is suspected where three voices agree against it: the route, the reference, and the nearest
train examples. The route alone may be wrong, and a route that was fitted on train is no second
voice to it; so nothing is suspected without a reference. Only fields with few values have labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rung.repair.readers import shown
from rung.repair.records import ANSWER, PAIR, SUSPECT, Miss
from rung.tasks.features import TextIndex
from rung.tasks.fields import fold
from rung.tasks.task import Example

NUM_NEAREST = 5
MAJORITY = 0.6
CLOSE = 0.6
"""Cosine from which two texts say nearly the same; unlike tickets of one task stay below 0.4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """How the nearest train examples are labelled, in shares of them."""

    expected: float
    got: float
    conflict: bool
    """The nearest of them says nearly the same and is labelled as the route answered."""


class Neighbours:
    """The train examples of a task, to be asked about single misses."""

    def __init__(self, train: Sequence[Example]) -> None:
        self._train = tuple(train)
        self._index = TextIndex([example.input for example in train]) if train else None

    def vote(self, miss: Miss) -> Vote | None:
        """Return the vote on a miss's field; None where it has no field or there is no train.

        The miss's own example does not vote.
        """
        if self._index is None or PAIR not in miss.detail or miss.requirement == ANSWER:
            return None
        close = self._index.similarities(miss.text)
        order = [int(at) for at in np.argsort(-close, kind="stable")[: NUM_NEAREST + 1]]
        near = [at for at in order if self._train[at].id != miss.example][:NUM_NEAREST]
        if not near:
            return None
        values = [fold(shown(self._train[at].target.get(miss.requirement))) for at in near]
        return Vote(
            expected=values.count(fold(miss.expected)) / len(values),
            got=values.count(fold(miss.got)) / len(values),
            conflict=bool(close[near[0]] >= CLOSE) and values[0] == fold(miss.got),
        )


def mark_suspects(
    misses: Sequence[Miss],
    votes: Mapping[tuple[str, str], Vote | None],
    reference: Mapping[tuple[str, str], Miss],
) -> list[Miss]:
    """Return the misses, those whose label is probably wrong under the cause `suspect_label`.

    `reference` holds what the reference missed of the same requirements.
    """
    marked = []
    for miss in misses:
        vote, other = votes.get(miss.key), reference.get(miss.key)
        agree = vote is not None and vote.got >= MAJORITY and vote.got > vote.expected
        same = other is not None and fold(other.got) == fold(miss.got)
        marked.append(replace(miss, cause=SUSPECT) if agree and same else miss)
    return marked
