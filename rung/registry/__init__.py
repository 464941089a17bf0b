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
from rung.registry.sharing import Sharer, demand_retention, record_retention, sharers

__all__ = [
    "Promotion",
    "Sharer",
    "demand_parity",
    "demand_retention",
    "find_route",
    "in_service",
    "measured",
    "passed",
    "promote_route",
    "promoted",
    "record_candidates",
    "record_parity",
    "record_retention",
    "record_verdict",
    "roll_back",
    "sharers",
]
