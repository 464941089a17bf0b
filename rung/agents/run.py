"""Run an agent on one request: ask, do, tell; until the work ends or a limit is reached.

A step in doubt may be taken by a stronger model: what it says then stands in the agent's place, and
the agent goes on from what came of it.

`run_agent` keeps nothing: two conversations share an engine and no more. Bad content never raises;
an engine that is gone does (EngineError), and with a journal the run goes on later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rung.agents import recovery
from rung.agents.act import Hands
from rung.agents.actions import ABSTAIN
from rung.agents.assignment import Assignment, assignment_of
from rung.agents.conversation import Conversation
from rung.agents.episode import Ending, Episode, Help, Step, Stop
from rung.agents.journal import Journal, Tape
from rung.agents.rendering import shot_turns
from rung.agents.speak import Reply, ask, reply_from_json
from rung.agents.spec import AGENT_VERSION, AgentSpec
from rung.agents.step_doubt import doubt_about, improbable
from rung.agents.stronger import Stronger
from rung.core.clock import monotonic_ms
from rung.core.errors import ConfigError, EngineError
from rung.core.hashing import content_hash
from rung.core.records import Effort, Usage
from rung.engines.base import Engine
from rung.tasks.task import Example
from rung.worlds.world import Call, World

if TYPE_CHECKING:
    from rung.agents.memory import Memory

MAX_CALLS = 32
"""Of one turn; what a turn says beyond is not done."""


def run_agent(
    spec: AgentSpec,
    engine: Engine,
    world: World,
    example: Example,
    instruction: str,
    *,
    shots: Sequence[Example] = (),
    journal: Journal | None = None,
    memory: Memory | None = None,
    stronger: Engine | None = None,
) -> Episode:
    """Work on one request; return what was done, whatever the model says.

    `shots` are solved train examples, the nearest last, of which the spec's number is shown. With a
    journal a run that was killed goes on. Memory is only read: who has the user's turns observes
    them. `stronger` is asked where the spec escalates steps or wants an outline. Raises EngineError
    for an outage, StoreError for the journal of another conversation, ConfigError where the spec
    needs a stronger model and there is none.
    """
    if spec.asks_stronger and stronger is None:
        raise ConfigError(
            "an agent is to ask a stronger model, and none is named",
            hint="name a `stronger` model in its route, or turn off max_escalated and outline",
        )
    assignment = assignment_of(spec, world, example, instruction)
    recalled = _recall(memory, example) if memory is not None and spec.memory else ""
    turns = shot_turns(assignment, shots)
    conversation = Conversation(assignment, shots=turns, recalled=recalled)
    asked = Stronger(assignment, stronger) if stronger and spec.asks_stronger else None
    return _Run(assignment, engine, conversation, journal, asked).play()


class _Run:
    """One conversation being worked on."""

    def __init__(
        self,
        assignment: Assignment,
        engine: Engine,
        conversation: Conversation,
        journal: Journal | None,
        stronger: Stronger | None,
    ) -> None:
        self._assignment, self._engine, self._conversation = assignment, engine, conversation
        self._stronger = stronger
        self._helps = stronger.helps if stronger is not None else []
        self._tape = Tape(
            journal, assignment.world.start(assignment.example), _key(assignment, engine, stronger)
        )
        self._hands = Hands(assignment, self._tape, conversation.max_observation_tokens)
        self._steps: list[Step] = []
        self._num_stalled = 0

    def play(self) -> Episode:
        """Take turns until the work ends."""
        spec = self._assignment.spec
        if self._stronger is not None and spec.outline:
            self._conversation.propose(self._stronger.outline(self._tape))
        for _ in range(spec.max_steps):
            spent = sum(one.usage.output_tokens for one in self._spent())
            if spec.max_output_tokens and spent >= spec.max_output_tokens:
                return self._end("failed", f"{spent} tokens were generated", "truncated")
            try:
                own = reply_from_json(self._tape.said("turn", self._ask))
            except EngineError as error:
                if error.of_input or error.refused:
                    return self._end("failed", str(error), "truncated" if error.of_input else "")
                raise
            if (episode := self._defer(own) or self._take(own, *self._escalate(own))) is not None:
                return episode
        return self._end("failed", f"no end after {spec.max_steps} steps", "truncated")

    def _ask(self) -> dict[str, Any]:
        assignment = replace(self._assignment, actions=self._hands.offered())
        return asdict(ask(assignment, self._engine, self._conversation.messages()))

    def _escalate(self, own: Reply) -> tuple[Reply, str]:
        """Return the turn to take, and the doubt for which it is the stronger model's."""
        stronger = self._stronger
        if stronger is None or not stronger.may_take_a_step:
            return own, ""
        problem, stalled = self._problem(own), self._num_stalled
        doubt = doubt_about(own, problem, self._assignment, self._hands, num_stalled=stalled)
        if not doubt:
            return own, ""
        found = stronger.step(doubt, self._conversation, self._tape)
        return (own, "") if self._problem(found) else (found, doubt)

    def _defer(self, own: Reply) -> Episode | None:
        """End before a step in doubt where a person is to take over; what was done is kept."""
        spec = self._assignment.spec
        doubt = improbable(own, spec) if spec.defers and not self._problem(own) else ""
        if not doubt:
            return None
        self._keep(own, [Step(call=own.calls[0], blocked=f"in doubt: {doubt}", said=own.said)], 0.0)
        return self._end("abstained", f"in doubt: {doubt}", "abstained")

    def _take(self, own: Reply, reply: Reply, escalated: str) -> Episode | None:
        """Do what a turn says; return the episode where that ends it.

        `own` is what the agent's model said, `reply` what is done: the same, unless escalated.
        """
        start, new = monotonic_ms(), list[Step]()
        problem = self._problem(reply)
        if problem:
            new.append(self._nothing_read(problem))
        calls = () if problem else reply.calls[:MAX_CALLS]
        for call in calls:
            new.append(self._step(call, new))
            if _ends(new[-1]) or self._hands.is_stopped:
                break
        else:
            if calls and (num_left := len(reply.calls) - len(calls)):
                told = f"{new[-1].observation}\n{recovery.too_many(num_left, MAX_CALLS)}"
                new[-1] = replace(new[-1], observation=told)
        new = [replace(step, said=reply.said, escalated=escalated) for step in new]
        self._keep(own, new, monotonic_ms() - start)
        if new[-1].call is not None and _ends(new[-1]):
            return self._finish(new[-1].call)
        if (episode := self._stop(new)) is not None:
            return episode
        said = self._conversation.turn(reply.said, calls)
        self._conversation.add(said, [(s.call.tool if s.call else "", s.observation) for s in new])
        return None

    def _step(self, call: Call, before: Sequence[Step]) -> Step:
        """Do what one call of a turn says; the end counts only where all before it went well."""
        if call.tool not in self._assignment.actions.endings:
            return self._hands.do(call)
        if all(step.result is not None and not step.result.error for step in before):
            return Step(call=call)
        return Step(call=call, blocked="too early", observation=recovery.TOO_EARLY)

    def _problem(self, reply: Reply) -> str:
        """Return why a turn holds nothing to do; plain text is asked again before any step."""
        if reply.bare and not self._steps and self._assignment.spec.recovery:
            return "it calls no tool and gives no final answer"
        return reply.problem

    def _nothing_read(self, problem: str) -> Step:
        told = recovery.malformed(problem, self._assignment.shape)
        recovers = self._assignment.spec.recovery
        return Step(blocked=problem, observation=told if recovers else f"Error: {problem}")

    def _keep(self, own: Reply, new: Sequence[Step], took_ms: float) -> None:
        """Note a turn's steps; what the turn took the agent is the first one's."""
        first = replace(
            new[0],
            choice=own.choice,
            p=own.p,
            usage=own.usage,
            effort=own.effort,
            latency_ms=own.latency_ms + took_ms,
        )
        self._steps += [first, *new[1:]]

    def _stop(self, new: Sequence[Step]) -> Episode | None:
        """End where nothing goes on: a block that no step can mend, or turns without effect."""
        if self._hands.is_stopped:
            status: Ending = "abstained" if self._assignment.spec.abstain else "failed"
            return self._end(status, new[-1].observation, "abstained")
        idle = all(step.result is None for step in new)
        self._num_stalled = self._num_stalled + 1 if idle else 0
        if self._num_stalled >= recovery.MAX_STALLED:
            reason = f"{self._num_stalled} turns without effect, the last: {new[-1].blocked}"
            return self._end("failed", reason, "malformed")
        return None

    def _spent(self) -> list[Step | Help]:
        return [*self._steps, *self._helps]

    def _finish(self, call: Call) -> Episode:
        if call.tool == ABSTAIN:
            return self._end("abstained", str(call.arguments.get("reason", "")), "abstained")
        answer = str(call.arguments.get("answer", ""))
        if self._hands.unverified:
            problem = next(iter(self._hands.unverified.values()))
            return self._end("failed", f"a write did not take: {problem}", "unverified", answer)
        return self._end("ok", "", "", answer)

    def _end(self, status: Ending, reason: str, stop: Stop, answer: str | None = None) -> Episode:
        steps = self._steps
        spent = self._spent()
        return Episode(
            calls=tuple(self._hands.made),
            answer=answer,
            status=status,
            reason=reason,
            stop=stop,
            usage=sum((one.usage for one in spent), Usage()),
            effort=sum((one.effort for one in spent), Effort()),
            steps=tuple(steps),
            helps=tuple(self._helps),
            latency_ms=sum(one.latency_ms for one in spent),
        )


def _recall(memory: Memory, example: Example) -> str:
    from rung.agents.memory import render

    return render(memory.recall(example.input))


def _ends(step: Step) -> bool:
    """Return whether a step is the end of the work."""
    return step.call is not None and step.result is None and not step.blocked


def _key(assignment: Assignment, engine: Engine, stronger: Stronger | None) -> str:
    """Return what identifies a conversation for its journal."""
    asked = [stronger.model] if stronger is not None else []
    return content_hash(
        [
            AGENT_VERSION,
            assignment.spec.to_json(),
            engine.model,
            assignment.world.name,
            assignment.example.id,
            assignment.example.input,
            assignment.instruction,
            *asked,
        ]
    )
