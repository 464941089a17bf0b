"""The JSON of a climb keeps the documented keys and holds no NaN."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from rung.report.export import climb_json

ROUTE_KEYS = [
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
]


def test_documented_keys_come_first_and_in_order(climb):
    found = climb_json(climb)
    first = ["task", "routes", "verdict", "promoted", "reason", "saving"]
    assert list(found)[: len(first)] == first
    for route in found["routes"]:
        assert list(route)[: len(ROUTE_KEYS)] == ROUTE_KEYS
        assert "rows" not in route
    assert {"answered", "gate", "run_dir"} <= found.keys()
    assert {"kind", "forced_tokens", "cached_tokens", "stopped"} <= found["routes"][0].keys()


def test_values_are_those_of_the_records(climb):
    found = climb_json(climb)
    assert len(found["routes"]) == len(climb.arms)
    assert found["routes"][3]["score_ci"] == list(climb.arms[3].score_ci)
    assert found["saving"]["per_year_usd"] == 64239.27
    assert found["routes"][1]["cpao_usd"] is None
    assert found["answered"][0]["question"] == climb.answered[0].question


def test_no_nan_or_infinity_survives(climb):
    arm = replace(climb.arms[3], score_sd=math.nan, cpao_ci=(0.1, math.inf))
    odd = replace(climb, arms=(arm,), gate={"se": math.nan, "ci": [-math.inf, 0.5]}, saving=None)
    found = json.loads(json.dumps(climb_json(odd), allow_nan=False))
    assert found["routes"][0]["score_sd"] is None
    assert found["routes"][0]["cpao_ci"] == [0.1, None]
    assert found["gate"] == {"se": None, "ci": [None, 0.5]}
    assert found["saving"] is None
