"""Describe a task as plain JSON: contract, splits, form, error costs, gate rules, routes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rung.flow.session import open_session
from rung.forms import describe_fields
from rung.registry import measured, promoted


def describe(task: str) -> dict[str, Any]:
    """Return everything `rung show` prints."""
    with open_session(task) as session:
        shown = session.task
        serving = promoted(session.store, shown.name)
        counts = {
            "train": len(shown.train),
            "dev": len(shown.dev),
            "holdout": shown.num_holdout,
        }
        openings = session.store.openings(shown.split_hashes["holdout"])
        return {
            "task": shown.name,
            "title": shown.title,
            "path": str(shown.path),
            "instruction": shown.instruction,
            "splits": {name: [n, shown.split_hashes[name]] for name, n in counts.items()},
            "form": describe_fields(session.runtime.form).splitlines(),
            "schema": shown.schema,
            "scoring": {name: asdict(rule) for name, rule in shown.scoring.items()},
            "error_cost": _error_cost(shown.error_cost),
            "gate": asdict(shown.gate),
            "volume_per_day": shown.volume_per_day,
            "routes": [
                {
                    "name": route.name,
                    "route_hash": route.hash,
                    "serving": serving is not None and serving.route.hash == route.hash,
                }
                for route in measured(session.store, shown.name)
            ],
            "num_openings": len(openings),
        }


def _error_cost(cost: Any) -> dict[str, Any]:
    if cost is None:
        return {}
    pairs = {f"{true} -> {predicted}": usd for (true, predicted), usd in cost.pairs.items()}
    return {"field": cost.field, "default_usd": cost.default_usd, "pairs": pairs}
