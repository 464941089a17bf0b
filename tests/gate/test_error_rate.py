"""How often the whole gate promotes a candidate that is worse by exactly the margin, by simulation.

Rows go through pairing, Holm, costs and the final choice; `tests/stats/test_monte_carlo.py` covers
the test alone on many more kinds of data.
"""

import math

import numpy as np
import pytest

from rung.core.records import Row
from rung.gate.verdict import judge
from rung.tasks.task import GateRules

pytestmark = pytest.mark.slow
ALPHA, NUM_RUNS = 0.05, 100


def rows(scores, groups, cost):
    return [
        Row(example=str(i), group=str(group), score=float(s), strict=bool(s == 1), cost_usd=cost)
        for i, (s, group) in enumerate(zip(scores, groups, strict=True))
    ]


def incumbent_and_candidates(rng, kind, num_groups, margin, count):
    """Scores of the incumbent and of candidates with mean lower by `margin`; shared hard groups."""
    if kind == "rare":
        groups = np.arange(num_groups)
        return groups, np.ones(num_groups), (rng.random((count, num_groups)) >= margin) * 1.0
    groups = np.repeat(np.arange(num_groups), 4)
    ease = np.repeat(rng.beta(2.0, 2.0, num_groups), 4) * 0.4 + 0.5
    if kind == "binary":
        incumbent = rng.random(len(groups)) < ease
        return groups, incumbent * 1.0, (rng.random((count, len(groups))) < ease - margin) * 1.0
    incumbent = ease + rng.uniform(-0.05, 0.05, len(groups))
    return groups, incumbent, ease - margin + rng.uniform(-0.1, 0.1, (count, len(groups)))


@pytest.mark.parametrize(
    ("kind", "num_groups", "margin", "count"),
    [
        ("rare", 20, 0.03, 1),
        ("rare", 40, 0.1, 3),
        ("binary", 20, 0.1, 2),
        ("binary", 40, 0.05, 3),
        ("score", 20, 0.05, 2),
        ("score", 40, 0.2, 1),
    ],
)
def test_inferior_candidates_are_promoted_at_most_alpha(kind, num_groups, margin, count):
    rng = np.random.default_rng(21)
    rules = GateRules(margin=margin, alpha=ALPHA)
    found = {"promote": 0, "hold": 0, "reject": 0}
    for _ in range(NUM_RUNS):
        groups, incumbent, candidates = incumbent_and_candidates(
            rng, kind, num_groups, margin, count
        )
        report = judge(
            {str(k): rows(scores, groups, 0.001) for k, scores in enumerate(candidates)},
            rows(incumbent, groups, 0.01),
            incumbent_name="incumbent",
            rules=rules,
            targets={},
        )
        found[report.verdict] += 1
    limit = ALPHA + 3.0 * math.sqrt(ALPHA * (1.0 - ALPHA) / NUM_RUNS)
    assert found["promote"] / NUM_RUNS <= limit
    assert found["reject"] / NUM_RUNS <= limit


def test_good_candidates_are_promoted():
    """The error rates above are not bought by never promoting: ties with 150 groups pass."""
    rng = np.random.default_rng(22)
    promoted = 0
    for _ in range(20):
        groups, incumbent, (candidate,) = incumbent_and_candidates(rng, "score", 150, 0.0, 1)
        report = judge(
            {"c": rows(candidate, groups, 0.001)},
            rows(incumbent, groups, 0.01),
            incumbent_name="incumbent",
            rules=GateRules(margin=0.03, alpha=ALPHA),
            targets={},
        )
        promoted += report.verdict == "promote"
    assert promoted >= 18
