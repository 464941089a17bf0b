"""Answer inputs by the route in service, one by one or as a resumable batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from rung.core.errors import ConfigError
from rung.core.records import Status, Usage
from rung.engines.open import price_of_model
from rung.engines.prices import cost_usd
from rung.flow.session import open_session
from rung.forms import Decision
from rung.registry import find_route, promoted
from rung.routes.answer import answer
from rung.routes.evaluate import answered
from rung.tasks.task import Example, Task
from rung.worlds.open import SIMULATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One answer, as `rung ask --json` prints it."""

    output: dict[str, Any] | None
    status: Status
    route: str
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of each choice: `p` and `margin` (0 to 1), the `runner_up`, the prediction `set` as values
    (null where the route has no calibration)."""
    usage: Usage = field(default_factory=Usage)
    latency_ms: float = 0.0
    cost_usd: float = 0.0
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


def ask(
    task: str | Task, texts: Iterable[str], *, route: str = "", again: bool = False
) -> Iterator[Asked]:
    """Yield an answer per text, by the promoted route or by a measured one that is named.

    Answers are stored as they come, so a batch that is started again repeats no call and no write.
    With `again` a task that acts on a real system (world `mcp`) acts on every text once more.
    Raises ConfigError when nothing is in service, or a simulated world has nothing to start from.
    """
    with open_session(task) as session:
        name = session.task.name
        if route:
            chosen = find_route(session.store, name, route)
        elif serving := promoted(session.store, name):
            chosen = serving.route
        else:
            raise ConfigError(
                f"no route of task {name!r} is in service",
                hint=f"rung climb {name} promotes one, or name a measured route with --route",
            )
        price = price_of_model(chosen.model)
        for text in texts:
            example = _example(session.task, text)
            if again and session.task.world == "mcp":
                found = answer(chosen, session.runtime, example)
            else:
                found, _ = answered(chosen, session.runtime, example)
            yield Asked(
                output=found.output if found.status != "failed" else None,
                status=found.status,
                route=chosen.name,
                fields={path: _field(decision) for path, decision in found.decisions.items()},
                usage=found.usage,
                latency_ms=found.latency_ms,
                cost_usd=cost_usd(price, found.usage, found.latency_ms),
                reason=found.reason,
            )


def _example(task: Task, text: str) -> Example:
    """Return an input as an example; a simulated world starts as for the example it belongs to."""
    known = () if task.world not in SIMULATED else (*task.train, *task.dev)
    setup = next((example.setup for example in known if example.input == text), None)
    if task.world in SIMULATED and setup is None:
        raise ConfigError(
            f"task {task.name!r} is played in a simulated world, which is known for its own"
            " examples only",
            hint=f"rung run {task.name} --route R measures them",
        )
    return Example(id="ask", input=text, target={}, group="ask", setup=setup or {})


def _field(decision: Decision) -> dict[str, Any]:
    chosen = decision.prediction_set
    return {
        "p": decision.p,
        "margin": decision.margin,
        "runner_up": decision.runner_up,
        "set": None if chosen is None else [json.loads(value) for value in chosen],
    }
