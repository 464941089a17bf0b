"""What a model is shown: the system message, solved examples, the request, then turn by turn.

Examples, live turns and training texts are made by these functions: there is no second way to
write a turn.
"""

from __future__ import annotations

from collections.abc import Sequence

from rung.agents import recovery
from rung.agents.actions import FINISH, step_text
from rung.agents.assignment import Assignment, system_message
from rung.agents.history import History
from rung.agents.observe import is_empty, render_value
from rung.core.records import Message, ToolCall
from rung.forms.layout import json_text
from rung.worlds.world import Call, Result

_DONE = "Done."
_PROPOSED = "Proposed steps; leave them where the results say otherwise:"


class Conversation:
    """The messages of one request; grows by `add`. `shots` are the turns of solved examples."""

    def __init__(
        self, assignment: Assignment, *, shots: Sequence[Message] = (), recalled: str = ""
    ) -> None:
        self._assignment = assignment
        self._history = History(assignment.spec.history_tokens)
        known = f"Known from before:\n{recalled}\n\n" if recalled else ""
        self._opening: tuple[Message, ...] = (
            system_message(assignment),
            *shots,
            Message(role="user", content=known + assignment.example.input),
        )

    def propose(self, outline: str) -> None:
        """Show proposed steps, where there are any, with the request; before the first turn."""
        if not outline:
            return
        *before, request = self._opening
        shown = f"{_PROPOSED}\n{outline}\n\n{request.content}"
        self._opening = (*before, Message(role="user", content=shown))

    def messages(self) -> tuple[Message, ...]:
        """Return the conversation up to where the model speaks."""
        return (*self._opening, *self._history.messages())

    def turn(self, said: str, calls: Sequence[Call]) -> Message:
        """Return the model's next turn as a message; calls stand in it where a server has them."""
        if self._assignment.spec.loop != "native":
            return Message(role="assistant", content=said)
        at = self._history.num_turns
        asked = [_tool_call(call, f"call{at:03d}{i:02d}") for i, call in enumerate(calls)]
        return Message(role="assistant", content=said, tool_calls=tuple(asked))

    def add(self, said: Message, told: Sequence[tuple[str, str]]) -> None:
        """Append a turn and what came of it: of each call the tool's name and the observation."""
        if said.tool_calls:
            answers = zip(said.tool_calls, told, strict=True)
            self._history.add(said, [_answer(call.id, text) for call, (_, text) in answers])
            return
        label = "Observation: " if self._assignment.spec.loop == "text" else ""
        lines = [text if len(told) == 1 else f"{name}: {text}" for name, text in told]
        self._history.add(said, [Message(role="user", content=label + "\n".join(lines))])

    @property
    def max_observation_tokens(self) -> int:
        """The most that one observation may take."""
        return self._history.max_observation_tokens


def observation_of(
    assignment: Assignment, call: Call, results: Sequence[Result], max_tokens: int
) -> str:
    """Return a result as an observation; `results` are all tries, the last one counts."""
    result = results[-1]
    tool = assignment.actions.find(call.tool)
    if result.error and (not assignment.spec.recovery or tool is None):
        return f"Error: {result.error}"
    if result.fault == "tool":
        return recovery.out_of_order(call, result, len(results))
    if result.error and tool is not None:
        return recovery.refused(result, tool)
    if is_empty(result.value, call.arguments):
        if tool is not None and tool.writes:
            return _DONE
        return recovery.nothing_found(call, tool) if assignment.spec.recovery else "(nothing)"
    return render_value(result.value, max_tokens)


def _tool_call(call: Call, id: str) -> ToolCall:
    return ToolCall(id=id, name=call.tool, arguments=json_text(dict(call.arguments)))


def _answer(id: str, text: str) -> Message:
    return Message(role="tool", content=text, call_id=id)


def render_step(assignment: Assignment, conversation: Conversation, call: Call) -> Message:
    """Return a step as a model that follows the rules takes it next."""
    if assignment.spec.loop == "native":
        ends = call.tool == FINISH
        said = str(call.arguments.get("answer", "")) if ends else ""
        return conversation.turn(said, () if ends else (call,))
    text = _written(call) if assignment.spec.loop == "text" else step_text(assignment.actions, call)
    return conversation.turn(text, ())


def _written(call: Call) -> str:
    """Return a step as it is written on a blank page."""
    if call.tool == FINISH:
        return f"Final Answer: {call.arguments.get('answer', '')}"
    return f"Action: {call.tool}\nAction Input: {json_text(dict(call.arguments))}"
