"""Episodes as text, from calls alone: solved examples for the prompt, and texts to train on.

The calls are made in a fresh session, so their results are the real ones; `run.py` shows a model
that takes these steps the same messages, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rung.agents import recovery
from rung.agents.actions import finish
from rung.agents.assignment import Assignment, assignment_of
from rung.agents.conversation import Conversation, observation_of, render_step
from rung.agents.remaining import Remaining
from rung.agents.spec import AgentSpec
from rung.core.records import Message
from rung.tasks.task import Example
from rung.worlds.world import Call, World


def shot_turns(assignment: Assignment, shots: Sequence[Example]) -> tuple[Message, ...]:
    """Return the last of the shots, as many as the spec shows, as the turns that solve them."""
    count = assignment.spec.num_shots
    shown = tuple(shots)[-count:] if count else ()
    return tuple(message for shot in shown for message in _shown(assignment, shot))


def render_steps(
    spec: AgentSpec,
    world: World,
    example: Example,
    calls: Sequence[Call],
    *,
    instruction: str = "",
    shots: Sequence[Example] = (),
) -> Iterator[tuple[tuple[Message, ...], Message]]:
    """Yield each step's prompt and the step, as serving these calls makes them.

    Behind the last call comes the end: the target's `answer`, unless `calls` end by themselves.
    """
    assignment = assignment_of(spec, world, example, instruction)
    conversation = Conversation(assignment, shots=shot_turns(assignment, shots))
    yield from _played(assignment, conversation, calls)


def _played(
    assignment: Assignment, conversation: Conversation, calls: Sequence[Call]
) -> Iterator[tuple[tuple[Message, ...], Message]]:
    """Make the calls in a fresh session; yield each prompt and the step that answers it."""
    session = assignment.world.start(assignment.example)
    retries = recovery.MAX_TOOL_RETRIES if assignment.spec.recovery else 0
    remaining = Remaining() if assignment.spec.remaining else None
    for call in _ended(assignment, calls):
        said = render_step(assignment, conversation, call)
        yield conversation.messages(), said
        if call.tool not in assignment.actions.endings:
            results = recovery.perform(session.call, call, retries=retries)
            told = observation_of(assignment, call, results, conversation.max_observation_tokens)
            tool = assignment.actions.find(call.tool)
            if remaining and tool is not None:
                told += remaining.note(call, results[-1], tool)
            conversation.add(said, [(call.tool, told)])


def _ended(assignment: Assignment, calls: Sequence[Call]) -> list[Call]:
    if calls and calls[-1].tool in assignment.actions.endings:
        return list(calls)
    return [*calls, finish(str(assignment.example.target.get("answer") or ""))]


def _shown(assignment: Assignment, shot: Example) -> list[Message]:
    """Return a solved example as earlier turns; its brief is said where it is another one."""
    theirs = assignment_of(assignment.spec, assignment.world, shot, assignment.instruction)
    conversation = Conversation(theirs)
    steps = list(_played(theirs, conversation, assignment.world.oracle(shot)))
    messages, said = steps[-1]
    brief = assignment.world.brief(shot)
    request = (
        f"{brief}\n\n{shot.input}"
        if brief != assignment.world.brief(assignment.example)
        else shot.input
    )
    return [replace(messages[1], content=request), *messages[2:], said]
