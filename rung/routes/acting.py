"""Routes of several steps: let an agent work in the task's world, judge what its calls did.

The bridge to `agents/`, which know no route; how a step is taken is not known here. An answer's
output is `{"calls": [{"tool", "arguments"}], "answer"}`, and it is scored by playing the calls on a
fresh session, so that a changed scorer costs no model call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.agents.episode import Episode
from rung.agents.journal import Journal
from rung.agents.run import run_agent
from rung.core.records import Usage
from rung.routes.remembering import hear
from rung.routes.route import Route
from rung.routes.runtime import Answer, Runtime
from rung.routes.spent import Spent
from rung.tasks.scorers import Score
from rung.tasks.task import SIDE_EFFECTS, Example, Task
from rung.worlds.world import Call, World


def act(
    route: Route, runtime: Runtime, example: Example, *, journal: Journal | None = None
) -> Answer:
    """Let the route's agent work on one example, shown similar train examples, solved.

    With a journal a run that was killed goes on where it was.
    Raises ConfigError when the task is to stay on this machine and a model, the stronger one too,
    is elsewhere.
    """
    assert route.agent is not None
    memory = runtime.remembering.of(example) if route.agent.memory else None
    episode = run_agent(
        route.agent,
        runtime.engine(route.model, route.adapter),
        runtime.world,
        example,
        runtime.task.instruction,
        shots=runtime.shots(example.input, route.agent.num_shots, route.train_hash),
        journal=journal,
        memory=memory,
        stronger=runtime.engine(route.stronger) if route.stronger else None,
    )
    if memory is not None:
        hear(memory, example)
    escalated = [step.escalated for step in episode.steps if step.escalated]
    return Answer(
        output=episode.output,
        status="escalated" if escalated and episode.status == "ok" else episode.status,
        reason="; ".join(filter(None, (_told(escalated, episode), episode.reason))),
        stop=episode.stop,
        usage=episode.usage,
        effort=episode.effort,
        latency_ms=episode.latency_ms,
        spent=_spent(route, episode),
        step_p=tuple(step.p for step in episode.steps if step.p is not None),
    )


def _told(escalated: Sequence[str], episode: Episode) -> str:
    """Return how many steps a stronger model took, and for what doubts."""
    if not escalated:
        return ""
    doubts = ", ".join(dict.fromkeys(escalated))
    return f"{len(escalated)} of {len(episode.steps)} steps escalated: {doubts}"


def _spent(route: Route, episode: Episode) -> tuple[Spent, ...]:
    """Return what the agent and the stronger model took, where that was asked at all."""
    if not episode.helps:
        return ()
    parties = ((route.model, episode.steps), (route.stronger, episode.helps))
    return tuple(
        Spent(
            model=model,
            usage=sum((one.usage for one in work), Usage()),
            latency_ms=sum(one.latency_ms for one in work),
        )
        for model, work in parties
    )


def solve(runtime: Runtime, example: Example) -> Answer:
    """Return the target, or in a world what its oracle does."""
    if not runtime.task.world:
        return Answer(output=dict(example.target), status="ok")
    calls = [call.to_json() for call in runtime.world.oracle(example)]
    return Answer(output={"calls": calls, "answer": ""}, status="ok")


def score_calls(
    world: World, task: Task, example: Example, output: Mapping[str, Any] | None, stop: str = ""
) -> Score:
    """Return what an answer's calls are worth; no answer is one without calls.

    `stop` is what ended the agent before its time, and so the cause of what is missing.

    The soft score is the action level; a task whose gate goes by `strict` is scored by that alone.
    Side effects are a forbidden act where the gate limits them.
    """
    calls = [Call(**call) for call in (output or {}).get("calls", ())]
    outcome = world.score(example, calls)
    by_strict = task.gate.metric == "strict"
    limited = any(limit.name == SIDE_EFFECTS for limit in task.gate.forbidden)
    harmed = outcome.side_effects or outcome.num_extra > 0
    unasked = (SIDE_EFFECTS,) if limited and harmed else ()
    return Score(
        score=float(outcome.strict) if by_strict else outcome.action_level,
        strict=outcome.strict,
        fields={
            "action_level": outcome.action_level,
            "extra_writes": float(outcome.num_extra),
            "side_effects": float(outcome.side_effects),
        },
        forbidden=(*outcome.forbidden, *unasked),
        cause=stop if stop and outcome.cause == "missing_action" else outcome.cause,
    )
