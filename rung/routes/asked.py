"""One answer as callers get it: `rung ask --json`, and the typed addresses of the gateway."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from rung.core.records import Status, Usage
from rung.engines.prices import Price
from rung.forms import Decision
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.routes.spent import answer_cost_usd
from rung.tasks.replies import compose
from rung.tasks.task import Replies


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One answer, as `rung ask --json` prints it."""

    output: dict[str, Any] | None
    status: Status
    route: str
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of each choice: `p` (0 to 1), `margin` (-1 to 1), the `runner_up`, the prediction `set` as
    values (null where the route has no calibration)."""
    usage: Usage = field(default_factory=Usage)
    latency_ms: float = 0.0
    cost_usd: float = 0.0
    reason: str = ""
    reply: str | None = None
    """The task's approved text for this answer; None where there is none."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON; `reply` only where there is one."""
        plain = asdict(self)
        if self.reply is None:
            del plain["reply"]
        return plain


def asked(route: Route, price: Price, found: Answer, replies: Replies | None = None) -> Asked:
    """Return what a caller is told of an answer, with what it cost; a failed one has no output.

    `replies` are the task's approved texts; only an answer without doubt gets one.
    """
    sure = found.status in ("ok", "repaired", "escalated")
    return Asked(
        output=found.output if found.status != "failed" else None,
        status=found.status,
        route=route.name,
        fields={path: _field(decision) for path, decision in found.decisions.items()},
        usage=found.usage,
        latency_ms=found.latency_ms,
        cost_usd=answer_cost_usd(price, found),
        reason=found.reason,
        reply=compose(replies, found.output) if replies and sure else None,
    )


def _field(decision: Decision) -> dict[str, Any]:
    chosen = decision.prediction_set
    return {
        "p": decision.p,
        "margin": decision.margin,
        "runner_up": decision.runner_up,
        "set": None if chosen is None else [json.loads(value) for value in chosen],
    }
