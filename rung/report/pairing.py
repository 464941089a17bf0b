"""Two arms on the examples both answered, and the phrases that state what the pair shows.

Rows are paired by example id (the mean where an example has several samples) and clustered by
group; the difference and its interval come from `rung.stats`. A phrase never says more than its
interval: when that holds 0 (or 1 for a ratio), no direction is claimed. Arms are not judged here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.core.records import Row
from rung.ladder.result import Arm
from rung.report import format as fmt
from rung.stats.bootstrap import ratio_interval
from rung.stats.paired import PairedDifference, paired_difference

Value = Callable[[Row], float]
Floats = NDArray[np.float64]

NUM_RESAMPLES = 2000


def score_of(row: Row) -> float:
    """Return the soft score of a row."""
    return row.score


def output_tokens_of(row: Row) -> float:
    """Return the generated tokens of a row."""
    return float(row.usage.output_tokens)


def latency_of(row: Row) -> float:
    """Return the latency of a row in milliseconds."""
    return row.latency_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A reference arm and a candidate arm on their common examples."""

    reference: Arm
    candidate: Arm
    examples: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def size(self) -> str:
        """How much evidence there is, and what weakens it."""
        early = [fmt.plain(arm.route) for arm in (self.reference, self.candidate) if arm.stopped]
        warning = f"; {' and '.join(early)} stopped early, interval not adjusted" if early else ""
        return f"n={len(self.examples)} in {len(set(self.groups))} groups{warning}"

    def values(self, arm: Arm, value: Value) -> Floats:
        """Return one number per common example, shape (n,)."""
        found = _by_example(arm, value)
        return np.array([found[example] for example in self.examples])

    def difference(self, value: Value = score_of) -> PairedDifference:
        """Return candidate minus reference with its 95 % interval; values are cut to 0..1."""
        first, second = self.values(self.reference, value), self.values(self.candidate, value)
        return paired_difference(first.clip(0, 1), second.clip(0, 1), self.groups)

    def difference_text(self, found: PairedDifference) -> str:
        """Write a difference as `form - blank +.258 [+.181, +.335]`."""
        names = f"{fmt.plain(self.candidate.route)} - {fmt.plain(self.reference.route)}"
        return f"{names} {fmt.difference(found.diff)} {fmt.difference_interval(found.ci)}"

    def ratio(self, value: Value) -> Ratio | None:
        """Return reference total over candidate total; None when either is 0."""
        first, second = self.values(self.reference, value), self.values(self.candidate, value)
        if first.sum() <= 0 or second.sum() <= 0:
            return None
        ends = ratio_interval(first, second, self.groups, num_resamples=NUM_RESAMPLES)
        return Ratio(value=float(first.sum() / second.sum()), ci=ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times more the reference takes than the candidate, with its 95 % interval."""

    value: float
    ci: tuple[float, float]

    def text(self, less: str, more: str) -> str:
        """Write `18.8x fewer [17.1x, 20.4x]`, or the inverse with `more` for a ratio below 1."""
        value, (low, high) = self.value, self.ci
        word = less
        if value < 1:
            value, low, high, word = 1 / value, 1 / high, 1 / max(low, 1e-12), more
        return f"{fmt.ratio(value)} {word} [{fmt.ratio(low)}, {fmt.ratio(high)}]"

    def shows(self, less: str, more: str) -> str:
        """Return the word that the whole interval supports, or nothing."""
        return less if self.ci[0] > 1 else more if self.ci[1] < 1 else ""


def pair(reference: Arm, candidate: Arm, *, keep: Collection[str] | None = None) -> Pair | None:
    """Pair two arms on the examples both hold rows for, `keep` only; None when there is none."""
    groups = {row.example: row.group for row in reference.rows}
    common = groups.keys() & {row.example for row in candidate.rows}
    if keep is not None:
        common &= set(keep)
    if not common:
        return None
    examples = tuple(example for example in groups if example in common)
    return Pair(
        reference=reference,
        candidate=candidate,
        examples=examples,
        groups=tuple(groups[example] for example in examples),
    )


def direction(found: PairedDifference, *, up: str, down: str, unsure: str = "{}") -> str:
    """Return `up` or `down` when the whole interval lies on that side of 0.

    Otherwise `unsure`, its braces filled with the sentence that no difference is shown.
    """
    if found.ci[0] > 0:
        return up
    return down if found.ci[1] < 0 else unsure.format(f"no difference shown at n={found.n}")


def effort_text(both: Pair) -> str:
    """Write the ratios of output tokens and mean latency, `; `-separated."""
    parts = []
    tokens, time = both.ratio(output_tokens_of), both.ratio(latency_of)
    if tokens is not None:
        parts.append(tokens.text("fewer output tokens", "more output tokens"))
    else:
        means = [
            both.values(arm, output_tokens_of).mean() for arm in (both.candidate, both.reference)
        ]
        parts.append(f"output tokens {fmt.tokens(means[0])} against {fmt.tokens(means[1])}")
    if time is not None:
        parts.append(time.text("lower mean latency", "higher mean latency"))
    return "; ".join(parts)


def effort_shown(both: Pair) -> str:
    """Return what the intervals show about effort: `; fewer output tokens and lower latency`."""
    tokens, time = both.ratio(output_tokens_of), both.ratio(latency_of)
    words = [
        tokens.shows("fewer output tokens", "more output tokens") if tokens else "",
        time.shows("lower latency", "higher latency") if time else "",
    ]
    shown = " and ".join(word for word in words if word)
    return f"; {shown}" if shown else ""


def _by_example(arm: Arm, value: Value) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for row in arm.rows:
        found[row.example].append(value(row))
    return {example: sum(values) / len(values) for example, values in found.items()}
