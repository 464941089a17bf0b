"""What requests to an engine take, measured on stories; for `servers.py`."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from rung.core.records import Message
from rung.engines.base import Completion, Engine, Request

LONG = "a story of [a-z ,.]{400}"
WORDS = ("river", "cold", "and", "men", "sat", "by", "it", "to", "talk", "of", "boats", "rain")


def request_costs(engine: Engine, rounds: int) -> dict[str, float]:
    """Return what a request, a token written and a token read take, in milliseconds."""
    draw = random.Random(0)

    def fresh(count: int) -> str:
        return f"{draw.random()} " + " ".join(draw.choice(WORDS) for _ in range(count))

    text = fresh(60)
    _asked(engine, text, 1)
    written, masked, read = [], [], []
    for _ in range(rounds):
        for limit in (1, 9, 33):
            written.append((limit, _asked(engine, text, limit).latency_ms))
            if engine.capabilities.regex:
                masked.append((limit, _asked(engine, text, limit, LONG).latency_ms))
        for count in (10, 400):
            done = _asked(engine, fresh(count), 1)
            read.append((round(done.usage.prompt_tokens, -1), done.latency_ms))
    request_ms, token_ms = _line(written)
    found = {"request": request_ms, "token written": token_ms, "token read": _line(read)[1]}
    if masked:
        found |= dict(zip(("constrained request", "constrained token"), _line(masked), strict=True))
    return found


def _asked(engine: Engine, text: str, max_tokens: int, regex: str = "") -> Completion:
    messages = (Message(role="system", content="Tell stories."), Message(role="user", content=text))
    return engine.complete(Request(messages=messages, max_tokens=max_tokens, regex=regex))


def _line(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Return the intercept and the slope of a line through the fastest answer of each size.

    The fastest, because what else a machine does only ever adds.
    """
    sizes = sorted({size for size, _ in points})
    fastest = [min(taken for size, taken in points if size == at) for at in sizes]
    slope, at_zero = np.polyfit(sizes, fastest, 1)
    return float(at_zero), float(slope)
