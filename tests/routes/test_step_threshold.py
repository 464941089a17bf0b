"""The threshold of a step's doubt: known answers, by hand."""

from __future__ import annotations

import pytest

from rung.routes.escalation.step_threshold import (
    MIN_CONVERSATIONS,
    UNFITTED,
    Played,
    fit_threshold,
)

RIGHT = Played(step_p=(0.9, 0.8), right=True, step_usd=0.01)
WRONG = Played(step_p=(0.9, 0.4), right=False, step_usd=0.01)
DEAR = Played(step_p=(0.9, 0.4), right=False, step_usd=1.01)


def many(*shapes: Played) -> list[Played]:
    return [one for one in shapes for _ in range(MIN_CONVERSATIONS)]


@pytest.mark.parametrize(
    ("played", "threshold"),
    [
        (many(RIGHT, WRONG), 0.6),  # above the .4 of the wrong, halfway to the .8 of the right
        (many(RIGHT, DEAR), 0.0),  # an error costs less than a step: leave it
        (many(RIGHT), 0.0),  # nothing goes wrong, nothing is worth a step
        (many(WRONG)[:5], UNFITTED),  # too few to tell
        (many(Played(step_p=(), right=False, step_usd=0.01)), 0.0),  # nothing is known
    ],
)
def test_thresholds_of_least_expected_cost(played: list[Played], threshold: float) -> None:
    assert fit_threshold(played, max_escalated=3) == pytest.approx(threshold)


def test_a_cap_that_is_used_up_before_the_doubtful_step_saves_nothing() -> None:
    late = Played(step_p=(0.5, 0.5, 0.45), right=False, step_usd=0.01)
    assert fit_threshold(many(late), max_escalated=3) == pytest.approx(0.475)
    first = Played(step_p=(0.3, 0.5, 0.2), right=False, step_usd=0.01)
    assert fit_threshold(many(first), max_escalated=1) == pytest.approx(0.25)
