"""Decisions by expected cost: which answer, and when to escalate.

Costs are per request; probabilities must be calibrated (see `calibration.py`). Thresholds with a
guarantee are in `risk.py`.

Source: Elkan 2001, "The foundations of cost-sensitive learning".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def cheapest_answer(
    probabilities: Sequence[float], costs_usd: Sequence[Sequence[float]]
) -> tuple[int, tuple[float, ...]]:
    """Return the answer of least expected cost and the expected cost of each answer.

    `costs_usd[answer][truth]`; ties go to the first answer.
    """
    expected = np.asarray(costs_usd, dtype=np.float64) @ np.asarray(probabilities, np.float64)
    return int(expected.argmin()), tuple(float(cost) for cost in expected)


def escalation_threshold(
    *, strong_error_p: float, extra_cost_usd: float, error_cost_usd: float
) -> float:
    """Return the error probability of the specialist above which escalating pays.

    `extra_cost_usd` is what the stronger route costs beyond the specialist, delay included;
    `error_cost_usd` is what a wrong answer to this request costs. The result is at least 1 when
    escalating can never pay.
    """
    if error_cost_usd <= 0.0:
        return 1.0
    return strong_error_p + extra_cost_usd / error_cost_usd
