"""Thresholds with a bound on how often chance goes below them, and one-sided looks at a rate."""

from __future__ import annotations

import numpy as np
import pytest

from rung.stats.sequential import rate_above
from rung.stats.tolerance import low_threshold


def test_below_the_smallest_of_n_the_bound_is_known_in_closed_form() -> None:
    threshold, most = low_threshold([0.5, 0.2, 0.9], share=0.05, alpha=0.1)
    assert threshold == 0.2
    assert most == pytest.approx(1 - 0.1 ** (1 / 3))  # P(U_(1) > q) = (1 - q)^n
    with pytest.raises(ValueError, match="no values"):
        low_threshold([], share=0.05, alpha=0.1)


def test_the_bound_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    missed = 0
    for _ in range(2000):
        threshold, most = low_threshold(rng.random(80), share=0.05, alpha=0.1)
        missed += threshold > most  # of uniform values the threshold is the share below it
    assert 0.07 < missed / 2000 < 0.1 + 3 * (0.1 * 0.9 / 2000) ** 0.5


def test_a_rate_is_above_another_only_when_it_is_shown_to_be() -> None:
    assert not rate_above(0, 0, 0.1, alpha=0.05)
    assert not rate_above(0, 500, 0.1, alpha=0.05)  # far below: no reason to say above
    assert not rate_above(13, 100, 0.1, alpha=0.05)
    assert rate_above(30, 100, 0.1, alpha=0.05)
