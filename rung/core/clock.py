"""The only place that reads the time, so a test can freeze it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

UTC_FORM = "%Y-%m-%dT%H:%M:%SZ"
"""How a time is written everywhere."""


def now_utc() -> str:
    """Return the present time as UTC ISO-8601 with seconds, e.g. 2026-11-23T05:00:00Z."""
    return _as_text(int(time.time_ns() // 1_000_000_000))


def days_ago(days: float) -> str:
    """Return the time so many days before now, as `now_utc` writes it."""
    return (datetime.fromisoformat(now_utc()) - timedelta(days=days)).strftime(UTC_FORM)


@lru_cache(maxsize=4)
def _as_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(UTC_FORM)


def unix_ms() -> int:
    """Return milliseconds since 1970 in UTC, for ids that sort by time."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> float:
    """Return a monotonic clock in milliseconds, for durations only."""
    return time.perf_counter() * 1000.0
