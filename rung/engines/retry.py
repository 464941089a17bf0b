"""When to ask again, and how long to wait first.

Full jitter: wait a uniform random time between 0 and min(cap, base * 2^attempt), which spreads
clients that failed together (AWS Architecture Blog, "Exponential Backoff and Jitter", 2015).
A server's Retry-After (RFC 9110, section 10.2.3: seconds or an HTTP date) is a lower bound, capped.
This file never sleeps and never sends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BASE_S = 0.5
CAP_S = 20.0
RETRY_AFTER_CAP_S = 60.0

NOT_READY = (429, 502, 503, 504)
"""What a server answers that is busy or still loads its model, whatever it is asked."""

Jitter = Callable[[], float]
"""Returns a number in [0, 1)."""


def is_transient(status: int) -> bool:
    """Return whether an HTTP status may pass by itself; 400, 401, 403 and 404 never do."""
    return status in (408, 425, 429) or 500 <= status <= 599


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds a Retry-After header asks for, 0 to RETRY_AFTER_CAP_S.

    None when there is no header or it is malformed; a date that has passed means 0.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        # more digits than any cap: int() refuses texts of thousands of digits
        return RETRY_AFTER_CAP_S if len(text) > 9 else min(float(text), RETRY_AFTER_CAP_S)
    try:
        when = parsedate_to_datetime(text)
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds.total_seconds(), 0.0), RETRY_AFTER_CAP_S)


def delay_s(attempt: int, retry_after_s: float | None, jitter: Jitter) -> float:
    """Return how long to wait after failed attempt number `attempt` (from 0), in seconds."""
    ceiling = min(CAP_S, BASE_S * math.exp2(min(attempt, 30)))
    return (retry_after_s or 0.0) + jitter() * (BASE_S if retry_after_s else ceiling)
