"""The JSON of a climb: what `rung climb --json` prints, keys in the documented order.

Rows are left out (they are in the run directory). A number that is not finite becomes null, so
every JSON reader accepts the object. Costs are per example, latencies in milliseconds.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from rung.ladder.result import Arm, Climb

ROUTE_KEYS = (
    "route",
    "rung",
    "model",
    "split",
    "num_examples",
    "num_groups",
    "score",
    "score_sd",
    "score_ci",
    "strict",
    "strict_ci",
    "latency_p50_ms",
    "latency_p95_ms",
    "prompt_tokens",
    "output_tokens",
    "cost_usd",
    "cost_per_point",
    "cpao_usd",
    "kind",
    "route_hash",
    "cached_tokens",
    "forced_tokens",
    "skipped_tokens",
    "drafted_tokens",
    "accepted_tokens",
    "scored_tokens",
    "passes",
    "cpao_ci",
    "num_failed",
    "stopped",
)


def climb_json(climb: Climb) -> dict[str, Any]:
    """Return the climb as a plain JSON object without NaN or infinity."""
    found = {
        "task": climb.task,
        "routes": [arm_json(arm) for arm in climb.arms],
        "verdict": climb.verdict,
        "promoted": climb.promoted,
        "reason": climb.reason,
        "saving": None if climb.saving is None else asdict(climb.saving),
        "title": climb.title,
        "model": climb.model,
        "seed": climb.seed,
        "incumbent": climb.incumbent,
        "answered": [asdict(line) for line in climb.answered],
        "gate": climb.gate,
        "run_dir": climb.run_dir,
        "started": climb.started,
        "duration_s": climb.duration_s,
    }
    return {key: finite(value) for key, value in found.items()}


def arm_json(arm: Arm) -> dict[str, Any]:
    """Return one arm as a plain JSON object, rows left out."""
    return {key: finite(getattr(arm, key)) for key in ROUTE_KEYS}


def finite(value: Any) -> Any:
    """Return JSON in which a number that is not finite is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
