"""What a repair changed: the same examples before and after, cluster by cluster.

A cluster was chosen because it failed, so some of it would succeed when asked again whatever was
repaired (regression to the mean). Beside the cluster's own misses there is therefore the paired
difference over all examples with the same requirement, right ones too, which failing did not
choose; what got worse shows there as well. Whether a route may replace another the gate says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rung.gate.rows import Samples
from rung.repair.readers import Reader, heard
from rung.repair.records import ANSWER, Change, Difference, Miss
from rung.stats.intervals import mean_interval
from rung.stats.paired import paired_difference
from rung.tasks.task import Example


class Met:
    """Which requirements one run met."""

    def __init__(
        self,
        reader: Reader,
        examples: Mapping[str, Example],
        gathered: Mapping[str, Samples],
    ) -> None:
        self.missed = {
            miss.key: miss
            for example, samples in gathered.items()
            for miss in reader.misses(
                examples[example], replace(samples, rows=heard(samples) or samples.rows)
            )
        }

    def meets(self, example: str, requirement: str) -> bool:
        """Return whether a requirement was met; without an answer none is."""
        return (example, requirement) not in self.missed and (example, ANSWER) not in self.missed


def change_of(
    misses: Sequence[Miss],
    reader: Reader,
    examples: Sequence[Example],
    before: Met,
    after: Met,
) -> Change:
    """Return how a cluster changed from one run to another of the same examples."""
    fixed = [float(after.meets(*miss.key)) for miss in misses]
    scopes = {miss.scope for miss in misses}
    pairs = [
        (example, name)
        for example in examples
        for name, scope in reader.requirements(example).items()
        if scope in scopes
    ]
    return Change(
        num_fixed=int(sum(fixed)),
        fixed_ci=mean_interval(fixed, [miss.group for miss in misses], low=0.0, high=1.0),
        scope=difference(
            [before.meets(example.id, name) for example, name in pairs],
            [after.meets(example.id, name) for example, name in pairs],
            [example.group for example, _ in pairs],
        ),
    )


def difference(before: Sequence[bool], after: Sequence[bool], groups: Sequence[str]) -> Difference:
    """Return after minus before of aligned yes/no values."""
    first, second = [float(value) for value in before], [float(value) for value in after]
    found = paired_difference(first, second, groups)
    pairs = list(zip(before, after, strict=True))
    return Difference(
        num=found.n,
        num_groups=found.num_groups,
        diff=found.diff,
        ci=found.ci,
        num_fixed=sum(not old and new for old, new in pairs),
        num_broken=sum(old and not new for old, new in pairs),
    )
