"""Are a task's inputs still what its route was fitted on? Two questions about texts, no labels.

1. Drift: are the newest inputs and the examples one sample? A permutation test of the distance of
   their mean TF-IDF vectors (`stats/two_sample.py`), at `DRIFT_LEVEL` a look, so that over a year
   of daily looks at unchanged traffic a false alarm has at most a third of `ALPHA`.
2. Novelty: how often is an input less like train than nearly all of dev is? The threshold is a
   tolerance limit on dev (`stats/tolerance.py`), the rate an e-value that is valid at every look
   (`stats/sequential.py`); threshold and rate each miss with at most a sixth of `ALPHA`.

The last third is for what callers say (`disagreement.py`). Texts are compared without case, signs
and values of digits, so that numbers that count up are no drift. The unit is a group or a
conversation, near-duplicates counted once, as when a task is made of a file. Traffic that says few
things again and again is unlike a file in which each stands once: it may count as drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from rung.core.seeds import stream
from rung.stats.sequential import rate_above
from rung.stats.tolerance import low_threshold
from rung.stats.two_sample import mean_distance_p
from rung.tasks.duplicates import near_duplicates, normal_text
from rung.tasks.features import TextIndex, hashed_counts, inverse_document_frequency, weigh
from rung.tasks.task import Example

ALPHA = 0.05
"""Probability of any false alarm: about inputs or answers, over all looks."""
LOOKS = 365
"""Looks over which drift keeps its third of `ALPHA`."""
DRIFT_LEVEL = ALPHA / 3 / LOOKS
MIN_TEXTS = 30
"""Of each side; with fewer, nothing is said."""
_MAX_TEXTS = 250
_NOVEL_SHARE = 0.05
"""Share of dev that is less like train than the threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What one look at the newest inputs says."""

    p: float
    level: float
    num_examples: int
    num_inputs: int

    @property
    def alarm(self) -> bool:
        """Whether the inputs are not what the route was fitted on."""
        return self.p <= self.level


@dataclass(frozen=True, slots=True, kw_only=True)
class Novelty:
    """How many inputs were novel since the route was fitted."""

    num_novel: int
    num_inputs: int
    max_rate: float
    """Of novel inputs, as high as dev lets one expect."""

    @property
    def alarm(self) -> bool:
        """Whether more inputs are novel than dev lets one expect."""
        return rate_above(self.num_novel, self.num_inputs, self.max_rate, alpha=ALPHA / 6)


def find_drift(
    examples: Sequence[Example], inputs: Sequence[str], *, seed: int = 0
) -> Drift | None:
    """Compare examples with inputs, one a conversation, oldest first; None where there are few."""
    texts = first_of_groups(examples)
    stream(seed, "drift").shuffle(texts)
    before, after = distinct(texts[:_MAX_TEXTS]), distinct(inputs[-_MAX_TEXTS:])
    if min(len(before), len(after)) < MIN_TEXTS:
        return None
    counts = hashed_counts([normal_text(text) for text in (*before, *after)])
    features = weigh(counts, inverse_document_frequency(counts))
    p = mean_distance_p(
        features[: len(before)],
        features[len(before) :],
        num_permutations=ceil(2 / DRIFT_LEVEL),
        seed=seed,
    )
    return Drift(p=p, level=DRIFT_LEVEL, num_examples=len(before), num_inputs=len(after))


class NoveltyGauge:
    """Tells novel inputs from others. Make it where `has_enough` says so."""

    def __init__(self, train: Sequence[Example], dev: Sequence[Example]) -> None:
        self._index = TextIndex([normal_text(example.input) for example in train])
        near = self._nearest(first_of_groups(dev))
        self._threshold, self.max_rate = low_threshold(near, share=_NOVEL_SHARE, alpha=ALPHA / 6)

    @staticmethod
    def has_enough(train: Sequence[Example], dev: Sequence[Example]) -> bool:
        """Return whether there is enough to set a threshold by."""
        return bool(train) and len(first_of_groups(dev)) >= MIN_TEXTS

    def count(self, inputs: Sequence[str]) -> int:
        """Return how many of the inputs are novel."""
        return int((self._nearest(inputs) < self._threshold).sum())

    def _nearest(self, texts: Sequence[str]) -> NDArray[np.float64]:
        return self._index.nearest([normal_text(text) for text in texts])


def first_of_groups(examples: Iterable[Example]) -> list[str]:
    """Return the text of the first example of each group."""
    firsts: dict[str, str] = {}
    for example in examples:
        firsts.setdefault(example.group, example.input)
    return list(firsts.values())


def distinct(texts: Sequence[str]) -> list[str]:
    """Return the texts without near-duplicates of earlier ones."""
    repeated = {max(tie.first, tie.second) for tie in near_duplicates(texts)}
    return [text for at, text in enumerate(texts) if at not in repeated]
