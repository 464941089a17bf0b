"""The cost model of filling: T = pass_ms · passes + token_ms · tokens evaluated.

It tells what no form can go below on a machine, and whether a server is better asked slot by slot
or once for everything. Costs are measured on the engine at hand, never assumed: an engine in this
process is probed, a server's are learned from the requests it answers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from rung.core.clock import monotonic_ms
from rung.core.records import Message, Usage
from rung.engines.base import Completion, Engine, Request
from rung.forms.form import Form, Value
from rung.forms.layout import json_text
from rung.forms.plan import estimate, rough_tokens

if TYPE_CHECKING:  # needs the `local` or `train` extra
    from rung.engines.steps import TokenModel

Floats = NDArray[np.float64]

_SIZES = (1, 1, 1, 1, 8, 8, 32, 32, 64, 128)
_MIN_SEEN = 20
_MAX_SEEN = 200
_traffic: MutableMapping[Engine, deque[tuple[int, int, float]]] = WeakKeyDictionary()
_PROBE = "The quick brown fox jumps over the lazy dog. " * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What an engine in this process takes, in milliseconds."""

    pass_ms: float
    """Of any forward pass, however short."""
    token_ms: float
    """Of each token evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCosts:
    """What a server takes, in milliseconds."""

    request_ms: float
    """Of a round trip with a prompt that is cached."""
    token_ms: float
    """Of each generated token."""


def measure_costs(engine: Engine) -> Costs:
    """Return the costs of an engine in this process, fitted by least squares on a few batches."""
    from rung.engines.steps import Step

    model = cast("TokenModel", engine)
    with model.lock:
        opened = model.open(Request(messages=(Message(role="user", content=_PROBE),)))
        branch = opened.branch
        model.evaluate([Step(branches=(branch,), tokens=opened.rest)])
        length, token = len(branch.tokens), branch.tokens[-1]
        taken = []
        for size in _SIZES:
            start = monotonic_ms()
            model.evaluate([Step(branches=(branch,), tokens=(token,) * size, num_logits=1)])
            taken.append(monotonic_ms() - start)
            model.cut(branch, length)
        model.drop(branch)
    table = np.stack([np.ones(len(_SIZES)), np.array(_SIZES)], axis=1)
    (pass_ms, token_ms), *_ = np.linalg.lstsq(table, np.array(taken), rcond=None)
    return Costs(pass_ms=max(float(pass_ms), 0.0), token_ms=max(float(token_ms), 0.0))


def floor_of(costs: Costs, filled: Sequence[tuple[Usage, Any]], form: Form) -> float:
    """Return the least mean latency of these fillings, in milliseconds.

    One pass over what the cache did not hold, and one for each token of the longest free value:
    nothing that fills the form can take less, whatever it does with the rest.
    """
    floors = []
    for usage, output in filled:
        longest = max((_free_tokens(slot, output) for slot in form.slots()), default=0)
        passes = 1 + longest
        tokens = usage.prompt_tokens + longest
        floors.append(costs.pass_ms * passes + costs.token_ms * tokens)
    return float(np.mean(floors)) if floors else 0.0


def _free_tokens(slot: Any, output: Any) -> int:
    """Return about how many tokens a text value has; other values need one decision at least."""
    if not isinstance(slot, Value) or slot.kind != "text" or not isinstance(output, dict):
        return 0
    return len(json_text(output.get(slot.path, "")).split())


def note_traffic(engine: Engine, completion: Completion) -> None:
    """Remember what one request to a server took."""
    seen = _traffic.setdefault(engine, deque(maxlen=_MAX_SEEN))
    usage = completion.usage
    seen.append((usage.prompt_tokens, usage.output_tokens, completion.latency_ms))


def server_costs(engine: Engine) -> ServerCosts | None:
    """Return what requests to a server take, from its traffic so far; None while that is thin.

    What reading the input takes is told apart from the round trip: either way pays it once.
    """
    seen = tuple(_traffic.get(engine, ()))  # other threads add to it
    if len(seen) < _MIN_SEEN or len({tokens for _, tokens, _ in seen}) < 2:
        return None
    read, written, latency = np.array(seen, dtype=np.float64).T
    found = _fitted(latency, written, read - read.min())
    if found[2] < 0:
        found = _fitted(latency, written)
    return ServerCosts(request_ms=max(found[0], 0.0), token_ms=max(found[1], 0.0))


def _fitted(latency: Floats, *counts: Floats) -> list[float]:
    """Return the latency at no count at all, and per unit of each count, by least squares."""
    table = np.stack([np.ones(len(latency)), *counts], axis=1)
    return [float(value) for value in np.linalg.lstsq(table, latency, rcond=None)[0]]


def slotwise_is_cheaper(costs: ServerCosts | None, form: Form) -> bool:
    """Return whether asking slot by slot takes less time than asking once for everything.

    It is taken to, until traffic says otherwise: it also gives probabilities.
    """
    if costs is None:
        return True
    found = estimate(form, rough_tokens)
    num_slots = len(list(form.slots()))
    slotwise = num_slots * costs.request_ms + found.output_tokens * costs.token_ms
    whole = costs.request_ms + (found.output_tokens + found.forced_tokens) * costs.token_ms
    return slotwise < whole
