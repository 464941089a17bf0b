"""The only place that reads the time, so a test can freeze it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_utc() -> str:
    """Return the present time as UTC ISO-8601 with seconds, e.g. 2026-11-23T05:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def monotonic_ms() -> float:
    """Return a monotonic clock in milliseconds, for durations only."""
    return time.perf_counter() * 1000.0
