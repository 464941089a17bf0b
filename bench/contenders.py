"""The ways to answer that `forms.py` compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import peers

from rung.forms import Filling, fill
from rung.routes.answer import answer
from rung.routes.prompt import build_messages
from rung.routes.route import Route
from rung.routes.runtime import Answer, Runtime
from rung.tasks.task import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to answer."""

    name: str
    ask: Callable[[Example], Answer]
    close: Callable[[], None] = lambda: None


def contenders(
    runtime: Runtime, model: str, max_tokens: int, pythons: Sequence[str]
) -> list[Contender]:
    """Return every arm that can run here."""
    task, form = runtime.task, runtime.form

    def by_route(name: str, **how: Any) -> Contender:
        route = Route(name=name, rung=name, model=model, max_tokens=max_tokens, **how)
        return Contender(name=name, ask=lambda example: answer(route, runtime, example))

    def mask_only(example: Example) -> Answer:
        messages = build_messages(task.instruction, form, example.input)
        how = Filling(forcing=False, max_tokens=max_tokens)
        filled = fill(form, runtime.engine(model), messages, how, source=example.input)
        generated = filled.usage.output_tokens + filled.usage.forced_tokens
        usage = replace(filled.usage, output_tokens=generated, forced_tokens=0)
        return Answer(
            output=filled.output,
            status=filled.status,
            reason=filled.reason,
            text=filled.text,
            usage=usage,
            effort=filled.effort,
            latency_ms=filled.latency_ms,
        )

    def by_peer(peer: peers.Peer) -> Contender:
        def ask(example: Example) -> Answer:
            return peer.ask(build_messages(task.instruction, form, example.input))

        return Contender(name=peer.name, ask=ask, close=peer.close)

    return [
        by_route("blank", output="blank"),
        by_route("json", output="json"),
        Contender(name="mask-only", ask=mask_only),
        by_route("form", output="form"),
        by_route("form+parallel", output="form", parallel=True),
        *map(by_peer, peers.installed(form, model, max_tokens, pythons)),
    ]
