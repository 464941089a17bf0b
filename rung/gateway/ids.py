"""Ids of calls: unique, and sorting by the time they were made."""

from __future__ import annotations

import random

from rung.core.clock import unix_ms

_random = random.Random(random.SystemRandom().getrandbits(256))


def new_call_id() -> str:
    """Return e.g. `call_019376e1f2a0c51b3fd20a97d6e4`: 48 bits of time, 64 of chance."""
    return f"call_{unix_ms():012x}{_random.getrandbits(64):016x}"
