"""Pairs for DPO: of a model's own answers to one question the better and the worse.

The better must lead by a margin. Pairs of answers alike in length are taken first, in passes of
5, 15, 30 and any difference, so that the model is not taught to be long or short. Who rates the
answers (a verifier, a judge) is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

LENGTH_PASSES = (5.0, 15.0, 30.0, math.inf)
"""Largest difference in length of each pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """One answer and what it is worth."""

    id: str
    score: float
    length: int = 0
    """In tokens."""
    output: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to one question."""

    chosen: Rated
    rejected: Rated


@dataclass(slots=True, kw_only=True)
class _Pool:
    """The better answers, taken in turn, and who has been used."""

    chosen: list[Rated]
    margin: float
    no_reuse: bool
    used: set[str] = field(default_factory=set)
    turn: int = 0

    def take(self, rejected: Rated, epsilon: float) -> Rated | None:
        """Return the next better answer that fits a worse one, round robin."""
        for step in range(len(self.chosen)):
            one = self.chosen[(self.turn + step) % len(self.chosen)]
            if self.no_reuse and one.id in self.used:
                continue
            fits = one.score - rejected.score >= self.margin and one.id != rejected.id
            if fits and abs(one.length - rejected.length) <= epsilon:
                self.turn = (self.turn + step + 1) % len(self.chosen)
                self.used.add(one.id)
                return one
        return None


def pair_by_margin(
    rated: Sequence[Rated],
    margin: float,
    *,
    no_reuse: bool = True,
    length_passes: Sequence[float] = LENGTH_PASSES,
) -> list[Pair]:
    """Return pairs whose scores differ by at least `margin`, the worst answers first in each pass.

    Each worse answer is paired at most once; with `no_reuse` no answer is in two pairs.
    """
    if not rated:
        return []
    lowest, highest = min(one.score for one in rated), max(one.score for one in rated)
    better = [one for one in rated if one.score - margin >= lowest]
    worse = [one for one in rated if one.score + margin <= highest]
    pool = _Pool(
        chosen=sorted(better, key=lambda one: (-one.score, one.id)),
        margin=margin,
        no_reuse=no_reuse,
    )
    waiting = sorted(worse, key=lambda one: (one.score, one.id))
    pairs: list[Pair] = []
    for epsilon in length_passes:
        left = []
        for rejected in waiting:
            spent = no_reuse and rejected.id in pool.used
            chosen = None if spent else pool.take(rejected, epsilon)
            if chosen is None:
                left.append(rejected)
                continue
            pool.used.add(rejected.id)
            pairs.append(Pair(chosen=chosen, rejected=rejected))
        waiting = left
    return pairs
