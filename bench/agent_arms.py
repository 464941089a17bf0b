"""One task worked on by one arm of `agents.py`: in the same world, under the same clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from agent_peers import OutOfTime, PeerProcess
from agent_peers_proxy import CountingProxy, Traffic
from agent_peers_worker import Ended

from rung.agents.actions import arguments_schema
from rung.agents.episode import Episode
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.core.clock import monotonic_ms
from rung.core.errors import EngineError
from rung.engines.base import Engine
from rung.engines.endpoints import Endpoint
from rung.engines.http import HttpEngine
from rung.engines.open import open_engine
from rung.forms.layout import json_text
from rung.tasks.task import Example, Task
from rung.worlds.world import Call, Result, Session, Tool, World

LATE = Ended("failed", "", "out of time")
OURS = ("agent-server", "agent")
RULES = "Ids are never guessed: look them up."
"""What ours is told in its own words (`assignment.py`), said to the peers too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What every arm may use on one task."""

    max_steps: int
    max_tokens: int
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all arms share."""

    task: Task
    world: World
    model: str
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One arm's run of one example; plain JSON."""

    arm: str
    model: str
    example: str
    group: str
    status: str
    """`ok` where the agent says that it is done, `abstained`, or `failed`."""
    reason: str
    answer: str
    strict: bool
    action_level: float
    side_effects: bool
    calls: list[dict[str, Any]]
    wall_s: float
    turns: int
    """0 where the arm does not say."""
    requests: int
    refused: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    temperatures: list[float | None] = field(default_factory=list)


class Clocked:
    """The world of one run: notes every call and makes none after the time limit."""

    def __init__(self, world: World, limit_s: float) -> None:
        self.name = world.name
        self.made: list[Call] = []
        self._world, self._end_ms = world, monotonic_ms() + limit_s * 1000.0
        self._session: Session | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def start(self, example: Example) -> Session:
        """Return the one session of the run."""
        self._session = self._world.start(example)
        return self

    def call(self, call: Call) -> Result:
        """Make a call in the session. Raises OutOfTime."""
        assert self._session is not None
        if monotonic_ms() > self._end_ms:
            raise OutOfTime
        self.made.append(call)
        return self._session.call(call)


def play_peer(
    arm: str,
    bench: Bench,
    example: Example,
    process: PeerProcess,
    served: tuple[CountingProxy, str],
) -> Played:
    """Let a library work on one example; its calls come back here."""
    proxy, model = served
    tools = bench.world.tools(example)
    names = {_plain(tool.name): tool.name for tool in tools}
    task = {
        "system": f"{bench.task.instruction}\n{RULES}\n\n{bench.world.brief(example)}",
        "user": example.input,
        "tools": [_offer(tool) for tool in tools],
        "writes": [_plain(tool.name) for tool in tools if tool.writes],
        "base_url": proxy.base_url,
        "model": model,
        "max_steps": bench.limits.max_steps,
        "max_tokens": bench.limits.max_tokens,
    }
    proxy.take()
    process.ready()
    world, start_ms = Clocked(bench.world, bench.limits.time_s), monotonic_ms()
    session = world.start(example)

    def call(name: str, arguments: Any) -> str:
        if name not in names:
            return f"Error: there is no tool {name}"
        result = session.call(Call(tool=names[name], arguments=arguments))
        if result.error:
            return f"Error: {result.error}"
        return "Done." if result.value is None else json_text(result.value)

    try:
        ended = process.play(task, call, bench.limits.time_s)
    except OutOfTime:
        ended = LATE
    wall_s = (monotonic_ms() - start_ms) / 1000.0
    return _played(arm, bench, example, world.made, ended, wall_s, proxy.take())


def play_ours(
    arm: str, bench: Bench, some: Sequence[Example], served: tuple[CountingProxy, str] | None
) -> Iterator[Played]:
    """Let our agent work on the examples, through a server or in this process."""
    if served is None:
        engine = open_engine(bench.model)
    else:
        engine = HttpEngine(Endpoint(model=served[1], base_url=served[0].base_url))
    with closing(engine):
        for example in some:
            if served is not None:
                served[0].take()
            world, start_ms = Clocked(bench.world, bench.limits.time_s), monotonic_ms()
            ended, episode = _worked(bench, engine, world, example)
            wall_s = (monotonic_ms() - start_ms) / 1000.0
            if wall_s > bench.limits.time_s:
                ended = LATE
            traffic = _traffic(episode) if served is None else served[0].take()
            turns = _turns(episode)
            yield _played(arm, bench, example, world.made, ended, wall_s, traffic, turns)


def _worked(
    bench: Bench, engine: Engine, world: Clocked, example: Example
) -> tuple[Ended, Episode | None]:
    limits = bench.limits
    spec = AgentSpec(max_steps=limits.max_steps, max_tokens=limits.max_tokens)
    try:
        episode = run_agent(spec, engine, world, example, bench.task.instruction)
    except OutOfTime:
        return LATE, None
    except EngineError as error:
        return Ended("failed", "", str(error)), None
    return Ended(episode.status, episode.answer or "", episode.reason), episode


def _turns(episode: Episode | None) -> int:
    """Return how often the model was asked; only the first step of a turn has a latency."""
    return sum(step.latency_ms > 0 for step in episode.steps) if episode else 0


def _traffic(episode: Episode | None) -> Traffic:
    """Return what an engine in this process counted; its requests are the turns."""
    if episode is None:
        return Traffic()
    usage = episode.usage
    return Traffic(
        requests=_turns(episode),
        prompt_tokens=usage.prompt_tokens + usage.cached_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.output_tokens,
        temperatures={0.0},
    )


def _played(
    arm: str,
    bench: Bench,
    example: Example,
    made: Sequence[Call],
    ended: Ended,
    wall_s: float,
    traffic: Traffic,
    turns: int = 0,
) -> Played:
    outcome = bench.world.score(example, made)
    return Played(
        arm=arm,
        model=bench.model,
        example=example.id,
        group=example.group,
        status=ended.status,
        reason=ended.reason,
        answer=ended.answer,
        strict=outcome.strict,
        action_level=outcome.action_level,
        side_effects=outcome.side_effects,
        calls=[call.to_json() for call in made],
        wall_s=wall_s,
        turns=turns,
        requests=traffic.requests,
        refused=traffic.refused,
        prompt_tokens=traffic.prompt_tokens,
        cached_tokens=traffic.cached_tokens,
        output_tokens=traffic.completion_tokens,
        temperatures=sorted(traffic.temperatures, key=str),
    )


def _offer(tool: Tool) -> dict[str, Any]:
    return {
        "name": _plain(tool.name),
        "description": tool.description,
        "parameters": arguments_schema(tool),
    }


def _plain(name: str) -> str:
    """Return a tool's name as servers and Python allow it."""
    return name.replace(".", "_")
