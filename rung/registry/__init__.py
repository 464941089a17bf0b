"""The append-only log of each task: routes measured, judged, promoted, rolled back."""

from rung.registry.log import (
    Promotion,
    demand_parity,
    find_route,
    in_service,
    measured,
    passed,
    promote_route,
    promoted,
    record_candidates,
    record_parity,
    record_verdict,
    roll_back,
)

__all__ = [
    "Promotion",
    "demand_parity",
    "find_route",
    "in_service",
    "measured",
    "passed",
    "promote_route",
    "promoted",
    "record_candidates",
    "record_parity",
    "record_verdict",
    "roll_back",
]
