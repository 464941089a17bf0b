"""The columns of the ladder table, in one place for the terminal and for HTML.

A cost per example is a number too small to read, so every money column is per 1,000: examples
served, score points, accepted outcomes. The JSON keeps costs per example.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rung.ladder.result import Arm
from rung.report import format as fmt

SPLIT_ORDER = ("dev", "holdout", "train")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One measured quantity of an arm."""

    header: str
    cell: Callable[[Arm], str]
    meaning: str
    """One sentence for the legend of the HTML report."""
    rank: int
    """1 is the last column to go when the terminal is narrow."""


COLUMNS = (
    Column(
        header="score",
        cell=lambda arm: fmt.score(arm.score),
        meaning="mean soft score, 0 to 1",
        rank=1,
    ),
    Column(
        header="± sd",
        cell=lambda arm: fmt.score(arm.score_sd),
        meaning="standard deviation of the score over examples",
        rank=11,
    ),
    Column(
        header="95% interval",
        cell=lambda arm: fmt.interval(arm.score_ci),
        meaning="95 % interval of the mean score, clustered by group",
        rank=2,
    ),
    Column(
        header="strict",
        cell=lambda arm: fmt.percent(arm.strict),
        meaning="share of examples that meet every requirement",
        rank=3,
    ),
    Column(
        header="p50",
        cell=lambda arm: fmt.latency(arm.latency_p50_ms),
        meaning="median latency of one example",
        rank=5,
    ),
    Column(
        header="p95",
        cell=lambda arm: fmt.latency(arm.latency_p95_ms),
        meaning="latency that 95 % of the examples stay under",
        rank=9,
    ),
    Column(
        header="prompt",
        cell=lambda arm: fmt.tokens(arm.prompt_tokens),
        meaning="prompt tokens per example, cached ones not included",
        rank=10,
    ),
    Column(
        header="forced",
        cell=lambda arm: fmt.tokens(arm.forced_tokens),
        meaning="answer tokens that the form wrote, per example; never generated",
        rank=12,
    ),
    Column(
        header="output",
        cell=lambda arm: fmt.tokens(arm.output_tokens),
        meaning="tokens the model generated per example, thinking included",
        rank=4,
    ),
    Column(
        header="passes",
        cell=lambda arm: fmt.tokens(arm.passes) if arm.passes else fmt.MISSING,
        meaning="forward passes per example, or requests to a server; slots filled side by side"
        " share theirs",
        rank=14,
    ),
    Column(
        header="$/1k",
        cell=lambda arm: fmt.per_1000_usd(arm.cost_usd),
        meaning="serving cost of 1,000 examples",
        rank=6,
    ),
    Column(
        header="$/1k points",
        cell=lambda arm: fmt.per_1000_usd(arm.cost_per_point),
        meaning="serving cost of 1,000 score points: cost divided by score",
        rank=13,
    ),
    Column(
        header="CPAO/1k",
        cell=lambda arm: fmt.per_1000_usd(arm.cpao_usd),
        meaning="cost of 1,000 acceptable outcomes: serving and error cost over outcomes accepted",
        rank=8,
    ),
    Column(
        header="n/groups",
        cell=lambda arm: f"{arm.num_examples}/{arm.num_groups}",
        meaning="examples and the groups they fall into",
        rank=7,
    ),
)


def is_backdrop(arm: Arm) -> bool:
    """Return whether the arm is a floor or a ceiling: there to compare with, never to serve."""
    return arm.kind in ("floor", "ceiling")


def by_split(arms: Sequence[Arm]) -> tuple[tuple[str, tuple[Arm, ...]], ...]:
    """Return the arms of each split that has any, dev first, in their given order."""
    found = {split: tuple(arm for arm in arms if arm.split == split) for split in SPLIT_ORDER}
    return tuple((split, members) for split, members in found.items() if members)
