"""What a climb found: one `Arm` per route and split, and the `Climb` that holds them.

Records only: arms are computed in `measure.py`, judged by `gate/`, drawn by `report/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rung.core.records import Effort, Row, Split, Usage

Kind = Literal["floor", "ceiling", "rung", "reference"]
Measured = Split | Literal["all"]
"""What an arm was measured on; only recorded runs, which never saw a split, on `all`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One route measured on one split. Costs, tokens and CPAO are means per example."""

    route: str
    """Short readable name, e.g. `form` or `form+think`; unique within a climb."""
    route_hash: str
    rung: str
    kind: Kind = "rung"
    model: str
    split: Measured
    num_examples: int
    num_groups: int
    score: float
    score_sd: float
    score_ci: tuple[float, float]
    """95 % interval, clustered by group."""
    strict: float
    strict_ci: tuple[float, float]
    latency_p50_ms: float
    latency_p95_ms: float
    prompt_tokens: float
    cached_tokens: float
    forced_tokens: float
    output_tokens: float
    passes: float = 0.0
    """Forward passes, or requests to a server."""
    skipped_tokens: float = 0.0
    drafted_tokens: float = 0.0
    accepted_tokens: float = 0.0
    scored_tokens: float = 0.0
    cost_usd: float
    """Serving cost per example."""
    cost_per_point: float | None
    """Serving cost per example divided by the mean score; None when the score is 0."""
    cpao_usd: float | None
    """(serving + error cost) / accepted outcomes; None when nothing was accepted."""
    cpao_ci: tuple[float, float] | None = None
    num_failed: int = 0
    stopped: str = ""
    """Why the arm was stopped before the end of the split; empty when it ran to the end."""
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One line of the `question | result | interpretation` table."""

    question: str
    result: str
    interpretation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What the promoted route saves against today's price, at the user's volume."""

    reference: str
    """What is compared with, and whether it was measured or only priced."""
    reference_cost_usd: float
    """Per example."""
    route_cost_usd: float
    """Per example."""
    per_1000_usd: float
    per_year_usd: float
    volume_per_day: float
    priced_on: str
    """Date of the price table row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """Everything one climb found; `to_json` is what `rung climb --json` prints."""

    task: str
    title: str
    model: str
    seed: int
    run_dir: str
    arms: tuple[Arm, ...]
    """Dev arms in ladder order, floors first, then holdout arms."""
    incumbent: str
    """Route name that the candidates had to survive against."""
    verdict: Literal["promote", "hold", "reject"]
    promoted: str | None
    reason: str
    answered: tuple[Answered, ...] = ()
    saving: Saving | None = None
    gate: Mapping[str, Any] = field(default_factory=dict)
    """The gate's receipt, as JSON."""
    started: str = ""
    duration_s: float = 0.0


def climb_to_json(climb: Climb) -> dict[str, Any]:
    """Return everything a climb found as plain JSON; `climb_from_json` reads it back."""
    return json.loads(json.dumps(asdict(climb), default=dict))  # type: ignore[no-any-return]


def climb_from_json(data: Mapping[str, Any]) -> Climb:
    """Rebuild a climb from what `climb_to_json` gave."""
    saving = data["saving"]
    return Climb(
        **{
            **data,
            "arms": tuple(_arm(arm) for arm in data["arms"]),
            "answered": tuple(Answered(**line) for line in data["answered"]),
            "saving": Saving(**saving) if saving else None,
        }
    )


def _arm(data: Mapping[str, Any]) -> Arm:
    rows = tuple(_row(row) for row in data["rows"])
    pairs = {
        name: tuple(data[name]) if data[name] else None
        for name in ("score_ci", "strict_ci", "cpao_ci")
    }
    return Arm(**{**data, **pairs, "rows": rows})


def _row(data: Mapping[str, Any]) -> Row:
    return Row(
        **{
            **data,
            "usage": Usage(**data["usage"]),
            "effort": Effort(**data.get("effort", {})),
            "forbidden": tuple(data["forbidden"]),
        }
    )
